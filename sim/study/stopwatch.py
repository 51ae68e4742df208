"""Where the processor time of a process goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping

Lap = Callable[[str], None]
"""Says that what was done since the last time was a part with this name."""


def no_lap(part: str) -> None:
    """Where nobody asks."""


class Stopwatch:
    """Processor seconds of this process by part. A call ends a lap: it belongs to the part that is named."""

    def __init__(self, *, since_s: float | None = None) -> None:
        """It runs from now on, or from when the process had spent `since_s`."""
        self.spent_s: defaultdict[str, float] = defaultdict(float)
        self._since_s = time.process_time() if since_s is None else since_s

    def start(self) -> None:
        """What was until now belongs to nothing."""
        self._since_s = time.process_time()

    def __call__(self, part: str) -> None:
        """End a lap."""
        now_s = time.process_time()
        self.spent_s[part] += now_s - self._since_s
        self._since_s = now_s

    def add(self, spent_s: Mapping[str, float]) -> None:
        """What other processes have spent."""
        for part, seconds in spent_s.items():
            self.spent_s[part] += seconds

    def take(self) -> dict[str, float]:
        """What has been spent since the last time."""
        taken = dict(self.spent_s)
        self.spent_s.clear()
        return taken


class Unheeded(Stopwatch):
    """One that nobody looks at."""

    def __call__(self, part: str) -> None:
        """Nothing is kept."""
