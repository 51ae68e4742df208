"""Tables that compiled functions find through one pointer.

A tuple of some fifty arrays would be handed from function to function as hundreds of values, which takes a
minute to compile, and numba would count who holds each of them. Here `m.pools` reads an address and a shape,
which never change while a kernel runs; the caller of the kernel keeps the arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

from sim.jit import config, inner, is_compiling

Array = NDArray[Any]
Ints = NDArray[np.int64]
Record = Any
"""One element of an array of records."""
Kinds = Mapping[str, tuple[np.dtype[Any], int]]
"""The elements of each table, and its dimensions: one or two."""

WORD = ir.IntType(64)

LARGEST_BYTES = 31 << 20
"""A little below the largest block that glibc may come to take from its heap."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Everything that a kernel knows; a subclass has a field for each table, and `teach` makes it known.

    Compiled functions get one pointer to `places` and find all tables from there; they ask `length` how long
    a table is, and nobody else.
    """

    places: Ints = field(init=False, repr=False)
    """Where the tables lie, and their shapes: three numbers for each, in the order of the fields."""
    address: int = field(init=False, repr=False)
    """Where `places` lies."""

    def __post_init__(self) -> None:
        """Note where the tables lie."""
        arrays: list[Array] = [getattr(self, name) for name in table_names(type(self))]
        assert all(array.flags.c_contiguous for array in arrays)
        found = np.array([(array.ctypes.data, *array.shape, 1)[:3] for array in arrays])
        object.__setattr__(self, "places", found)
        object.__setattr__(self, "address", found.ctypes.data)


def table_names(memory: type[Memory]) -> tuple[str, ...]:
    """Of all tables, in the order in which they stand in `places`."""
    return tuple(each.name for each in fields(memory) if each.init)


@inner
def length(m: Memory, table: int) -> int:
    """How many rows a table has; `table` is its place among `table_names`."""
    return m.places[table, 1]


def record(*fields_of: tuple[str, type[Any]]) -> np.dtype[np.void]:
    """A record of numbers, none named like something that numpy's records have themselves."""
    taken = {name for name, _ in fields_of} & set(dir(np.record))
    assert not taken, f"numpy knows {taken} as something else"
    return np.dtype(list(fields_of), align=True)


def table(kind: np.dtype[np.void], rows: int) -> Array:
    """`rows` records of zeros; without the compiler such whose fields Python can name."""
    return named(np.zeros(rows, dtype=kind))


def rows_for(kind: np.dtype[np.void], rows: int) -> Array:
    """Room for `rows` records that are written before they are read."""
    return named(np.empty(rows, dtype=kind))


def zeros(shape: int | tuple[int, ...]) -> Ints:
    """Whole numbers."""
    return np.zeros(shape, dtype=np.int64)


def named(records: Array) -> Array:
    """The same records; without the compiler such whose fields Python can name."""
    return records if is_compiling() else records.view(np.recarray)


@cache
def keep_freed_memory() -> None:
    """Let what one run frees serve the next, instead of fresh pages from the system.

    glibc takes blocks that are larger than all that were ever freed from the system, and gives back what is
    free at the end of its heap beyond twice that (mallopt(3)). Nobody touches the one that is freed here.
    """
    np.empty(LARGEST_BYTES, dtype=np.int8)


class MemoryType(types.Type):
    """The type of a `Memory` in compiled functions."""

    def __init__(self, name: str) -> None:
        """`name` tells the kinds of memory apart."""
        super().__init__(name=name)


_POSITIONS: dict[str, dict[str, int]] = {}
_ARRAYS: dict[str, dict[str, types.Array]] = {}


def teach(memory: type[Memory], kinds: Kinds) -> None:
    """Teach the compiler what the tables of a kind of memory are."""
    kind = MemoryType(f"{memory.__module__}.{memory.__qualname__}")
    names = table_names(memory)
    _POSITIONS[kind.name] = {name: 3 * n for n, name in enumerate(names)}
    _ARRAYS[kind.name] = {
        name: types.Array(from_dtype(dtype), ndim, "C") for name, (dtype, ndim) in kinds.items()
    }
    _ARRAYS[kind.name]["places"] = types.Array(types.int64, 2, "C")
    assert {*names, "places"} == set(_ARRAYS[kind.name]), "some tables are of no kind"
    typeof_impl.register(memory)(lambda _, __: kind)


@register_model(MemoryType)
class MemoryModel(models.PrimitiveModel):
    """A pointer to whole numbers."""

    def __init__(self, manager: Any, kind: MemoryType) -> None:
        """As numba asks for it."""
        super().__init__(manager, kind, WORD.as_pointer())


@unbox(MemoryType)
def _unbox(_: MemoryType, memory: Any, c: Any) -> NativeValue:
    """The address of `memory.places`, which the caller keeps alive."""
    told = c.pyapi.object_getattr_string(memory, "address")
    address = c.pyapi.long_as_longlong(told)
    c.pyapi.decref(told)
    return NativeValue(
        c.builder.inttoptr(address, WORD.as_pointer()),
        is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()),
    )


@infer_getattr
class MemoryAttributes(AttributeTemplate):
    """`m.pools` is an array of records, and so on."""

    key = MemoryType

    def generic_resolve(self, kind: MemoryType, name: str) -> Any:  # type: ignore[override]  # told missing there
        """The type of a table."""
        return _ARRAYS[kind.name].get(name)


@lower_getattr_generic(MemoryType)
def _table(context: Any, builder: Any, memory: MemoryType, places: Any, name: str) -> Any:
    """The array, without its length (see `length`), which spares each access a look for `m.x[-1]`."""
    kind, positions = _ARRAYS[memory.name][name], _POSITIONS[memory.name]

    def number(offset: int) -> Any:
        found = builder.load(builder.gep(places, [WORD(positions[name] + offset)]))
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
        return found

    if name == "places":
        data, shape = builder.ptrtoint(places, WORD), [WORD(len(positions)), WORD(3)]
    else:
        data, shape = number(0), [number(1 + axis) for axis in range(kind.ndim)]
    array = make_array(kind)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides = [WORD(size)] if kind.ndim == 1 else [builder.mul(shape[1], WORD(size)), WORD(size)]
    populate_array(
        array,
        data=builder.inttoptr(data, array.data.type),
        shape=cgutils.pack_array(builder, shape if config.BOUNDSCHECK else [WORD(0), *shape[1:]]),
        strides=cgutils.pack_array(builder, strides),
        itemsize=WORD(size),
        meminfo=None,
    )
    return array._getvalue()
