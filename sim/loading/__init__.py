"""Scenario files -> resolved scenarios, with all problems at once."""

from sim.loading.expectations import check_metrics
from sim.loading.loader import Loaded, load, load_text, load_with_source
from sim.loading.resolve import Source, digest, dump, resolved, sources
from sim.loading.schema import json_schema

__all__ = [
    "Loaded",
    "Source",
    "check_metrics",
    "digest",
    "dump",
    "json_schema",
    "load",
    "load_text",
    "load_with_source",
    "resolved",
    "sources",
]
