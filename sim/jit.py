"""Compiled functions: numba, with a cache on disk that works wherever the package is installed.

numba keeps compiled code beside the source, and looks only at the file of the function itself to see whether
it has changed. Here it is kept in the user's cache folder, under a digest of all modules that can end up in
compiled code and of the versions of what compiles it: a read-only installation is no obstacle, and nothing
stale is ever run. No relaxed arithmetic and no parallel sums anywhere: the same input gives the same bits,
compiled or not.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import config as numba_config
from numba.extending import register_jitable

from sim.folders import default_cache_dir
from sim.linking import KernelCompiler, PartCompiler

Function = TypeVar("Function", bound=Callable[..., Any])

config: Any = numba_config
"""numba sets its settings by name, unseen by type checkers."""

_NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

COMPILED_PARTS = (
    "jit.py",
    "distributions/kernels.py",
    "engine/compiled",
    "ledger/kernels.py",
    "linking.py",
    "memory.py",
    "metrics/kernels.py",
    "policies",
    "records.py",
    "serving",
    "world/kernels.py",
)
"""Modules whose functions are compiled."""


def inner(function: Function) -> Function:
    """A function that compiled functions call; it is compiled as a part of them.

    Nobody else calls it, so that it gets no wrappers, whose compilation would take a sixth of the time.
    """
    njit: Any = numba.njit  # whose stub leaves these two out
    return cast(Function, njit(function, pipeline_class=PartCompiler, **_NO_WRAPPERS))


def kernel(function: Function) -> Function:
    """A function that is called from Python; its compiled form is kept on disk where a folder allows it."""
    njit: Any = numba.njit
    is_kept = cache_folder() is not None
    return cast(Function, njit(function, nogil=True, cache=is_kept, pipeline_class=KernelCompiler))


def usable(function: Function) -> Function:
    """A function of another part of the program, which stays as it is and can be compiled into kernels."""
    return register_jitable(pipeline_class=PartCompiler, **_NO_WRAPPERS)(function)


def constant(number: int) -> int:
    """A whole number for which no function is compiled anew, as happens for each plain one it is given."""
    return cast(int, np.int64(number))


@inner
def wide(number: int) -> int:
    """A whole number in 64 bits, so that no function is compiled anew for smaller ones."""
    return np.int64(number)  # type: ignore[return-value]  # `cast` is nothing that numba knows


def is_compiling() -> bool:
    """Whether numba compiles at all (NUMBA_DISABLE_JIT)."""
    return not config.DISABLE_JIT


@cache
def cache_folder() -> Path | None:
    """Where compiled code is kept; None where no folder can be written."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"])
    root = default_cache_dir()
    if root is None:
        return None
    folder = root / f"kernels-{_fingerprint()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    config.CACHE_DIR = str(folder)
    return folder


def _fingerprint() -> str:
    """A digest of all that compiled code depends on."""
    digest = hashlib.blake2b(digest_size=8)
    for version in (sys.version, numba.__version__, np.__version__):
        digest.update(version.encode())
    package = Path(__file__).parent
    for part in COMPILED_PARTS:
        path = package / part
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(module.read_bytes())
    return digest.hexdigest()
