"""Scenario files -> resolved scenarios, with all problems at once."""

from sim.loading.loader import Loaded, load, load_text, load_with_source
from sim.loading.resolve import Source, digest, dump, resolved, sources

__all__ = [
    "Loaded",
    "Source",
    "digest",
    "dump",
    "load",
    "load_text",
    "load_with_source",
    "resolved",
    "sources",
]
