"""Where the figures were taken: a rate means nothing without its machine."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "numba", "simpy")
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, what runs on it, and the day."""

    date: str
    processor: str
    cores: int
    versions: dict[str, str]

    def __str__(self) -> str:
        """One line."""
        versions = ", ".join(f"{name} {told}" for name, told in self.versions.items())
        return f"{self.date}, {self.processor}, {self.cores} cores, {versions}"


def this_machine() -> Machine:
    """The machine that this runs on."""
    versions = {"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    return Machine(datetime.now(UTC).date().isoformat(), _processor(), os.cpu_count() or 1, versions)


def _processor() -> str:
    """The processor's name as the system knows it; its architecture where it knows no name."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
