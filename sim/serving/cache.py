"""Tables kept on disk under the digest of all that they depend on, and checked when they are read."""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DAMAGED = (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile)


def digest_of(question: object) -> str:
    """BLAKE2b over plain data (dataclasses, tuples, arrays, enums, numbers, text), 32 hex digits.

    Raises TypeError for anything else, whose content would not be part of the digest.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _canonical(question):
        digest.update(part)
    return digest.hexdigest()


def load_tables(path: Path, digest: str) -> dict[str, Floats] | None:
    """What `save_tables` left at `path` for this digest; None unless it is there and whole."""
    try:
        # Opened here, as np.load leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            tables = {name: stored[name] for name in stored.files}
        seal = str(tables.pop("seal"))
    except _DAMAGED:
        return None
    return tables if seal == _seal(digest, tables) else None


def save_tables(path: Path, digest: str, tables: Mapping[str, Floats]) -> None:
    """Keep tables at `path`; a folder that cannot be written keeps nothing.

    They are written beside their place and moved there, so that a reader finds all of them or nothing.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                np.savez(file, allow_pickle=False, seal=np.array(_seal(digest, tables)), **tables)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError:
        return


def _seal(digest: str, tables: Mapping[str, Floats]) -> str:
    """A checksum of the content, bound to the question that it answers."""
    return digest_of((digest, *((name, tables[name]) for name in sorted(tables))))


def _canonical(value: Any) -> Iterator[bytes]:
    """Equal bytes for equal values, different ones for different values."""
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
