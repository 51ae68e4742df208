"""numpy and scipy, imported when they are first used: who only checks a scenario does not wait for them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["np", "scipy"]


class _Library:
    """Stands for a library and imports it when it is asked for the first of its parts."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, part: str) -> Any:
        """The part, kept for the next time."""
        found = getattr(import_module(self._name), part)
        setattr(self, part, found)
        return found


if TYPE_CHECKING:
    import numpy as np
    import scipy
else:
    np, scipy = _Library("numpy"), _Library("scipy")
