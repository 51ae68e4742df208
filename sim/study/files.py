"""Files that are replaced whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from sim.errors import StorageError

FORMATS = ("png", "svg")
"""Of figures."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well.

    Raises StorageError when the disk is full or the folder cannot be written to.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with plain_errors(path):
        try:
            yield partial
            with partial.open("rb+") as written:
                os.fsync(written.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; raises StorageError where that is not possible."""
    with plain_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise StorageError(f"{folder} is no folder")
        folder.mkdir(parents=True, exist_ok=True)


def claim_folder(folder: Path, files: Iterable[str], ours: str) -> None:
    """Make a folder that `files` can be written to; what lies there is ours when `ours` lies there too.

    Raises StorageError when it cannot be written to, or when files of others would be written over.
    """
    make_folder(folder)
    with plain_errors(folder), TemporaryFile(dir=folder):
        pass
    taken = [name for name in files if (folder / name).exists()]
    if taken and not (folder / ours).exists():
        told = f"{folder} holds {' and '.join(taken)} but no {ours}, and would be written over"
        raise StorageError(f"{told}; name another folder with --out, or clear this one")


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
