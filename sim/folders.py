"""Folders of the user's."""

import os
from pathlib import Path


def default_cache_dir() -> Path | None:
    """`simulate` in XDG_CACHE_HOME or ~/.cache; None where there is no home."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        try:
            root = Path.home() / ".cache"
        except RuntimeError:
            return None
    return root / "simulate"
