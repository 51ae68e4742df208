"""Surfaces kept on disk under the digest of all that they depend on, and checked when they are read."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from sim.distributions import Distribution
from sim.serving.kernels import KERNEL_VERSION
from sim.serving.service import Service, Slo
from sim.serving.surface import LOADS, REQUESTS_PER_CELL, Surface, build_surface

SURFACE_VERSION = 1
"""Raised when `build_surface` gives other numbers for the same question."""

_DAMAGED = (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile)


def default_cache_dir() -> Path | None:
    """`simulate` in XDG_CACHE_HOME or ~/.cache; None where there is no home."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not root.is_absolute():
        try:
            root = Path.home() / ".cache"
        except RuntimeError:
            return None
    return root / "simulate"


def load_or_build(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    arrivals_cv: float = 1.0,
    requests_per_cell: int = REQUESTS_PER_CELL,
    *,
    cache_dir: Path | None,
) -> Surface:
    """`build_surface`, kept in `cache_dir`; None, or a folder that cannot be written, keeps nothing.

    A file that is damaged, or answers another question, is built anew.
    """
    if cache_dir is None:
        return build_surface(service, slo, round_trip, arrivals_cv, requests_per_cell)
    digest = surface_digest(service, slo, round_trip, arrivals_cv, requests_per_cell)
    path = cache_dir / f"surface-{digest}.npz"
    surface = _load(path, digest)
    if surface is None:
        surface = build_surface(service, slo, round_trip, arrivals_cv, requests_per_cell)
        _save(path, digest, surface)
    return surface


def surface_digest(
    service: Service,
    slo: Slo,
    round_trip: Distribution,
    arrivals_cv: float = 1.0,
    requests_per_cell: int = REQUESTS_PER_CELL,
) -> str:
    """The digest (BLAKE2b, 32 hex digits) of all that a surface's numbers depend on, numpy's version included.

    The SLO's share is no part of it: what is promised does not change what happens.
    """
    versions = (SURFACE_VERSION, KERNEL_VERSION, np.__version__)
    grid = (LOADS, service.replica_grid)
    return _digest(
        (versions, grid, service, slo.measure, slo.limit_s, round_trip, arrivals_cv, requests_per_cell)
    )


def _load(path: Path, digest: str) -> Surface | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            tables = {field.name: stored[field.name] for field in fields(Surface)}
            seal = str(stored["seal"])
        surface = Surface(**{**tables, "slack_s": float(tables["slack_s"])})
    except _DAMAGED:
        return None
    return surface if seal == _digest((digest, surface)) else None


def _save(path: Path, digest: str, surface: Surface) -> None:
    """Written beside its place and moved there, so that a reader finds all of it or nothing."""
    tables = {field.name: np.asarray(getattr(surface, field.name)) for field in fields(Surface)}
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                np.savez(file, allow_pickle=False, seal=np.array(_digest((digest, surface))), **tables)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError:
        return


def _digest(question: object) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in _canonical(question):
        digest.update(part)
    return digest.hexdigest()


def _canonical(value: Any) -> Iterator[bytes]:
    """Plain data as bytes: equal ones for equal values, different ones for different values.

    Raises TypeError for anything else, whose content would not be part of the digest.
    """
    if is_dataclass(value) and not isinstance(value, type):
        yield f"<{type(value).__name__}".encode()
        for field in fields(value):
            yield f" {field.name}=".encode()
            yield from _canonical(getattr(value, field.name))
        yield b">"
    elif isinstance(value, tuple):
        yield f"({len(value)}:".encode()
        for part in value:
            yield from _canonical(part)
    elif isinstance(value, np.ndarray):
        yield f"[{value.dtype.str}{value.shape}".encode()
        yield value.tobytes()
    elif isinstance(value, Enum):
        yield f"{type(value).__name__}.{value.name};".encode()
    elif isinstance(value, str | int | float):
        yield f"{type(value).__name__}:{value!r};".encode()
    else:
        raise TypeError(f"{type(value).__name__} has no canonical form")
