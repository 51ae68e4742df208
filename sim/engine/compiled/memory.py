"""Teaches the compiler what a `Memory` is: one pointer to a list of addresses and shapes.

A tuple of some fifty arrays would be handed from function to function as hundreds of values, which costs a
minute of compilation. Here `m.pools` reads an address and a shape, which never change while a kernel runs.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from sim.engine.compiled.layout import KINDS, TABLES, Memory
from sim.jit import config

WORD = ir.IntType(64)
POSITIONS = {name: 3 * n for n, name in enumerate(TABLES)}


class MemoryType(types.Type):
    """The type of a `Memory` in compiled functions."""

    def __init__(self) -> None:
        """There is only one."""
        super().__init__(name="Memory")


MEMORY = MemoryType()
ARRAYS = {name: types.Array(from_dtype(dtype), ndim, "C") for name, (dtype, ndim) in KINDS.items()}
ARRAYS["places"] = types.Array(types.int64, 2, "C")


@register_model(MemoryType)
class MemoryModel(models.PrimitiveModel):
    """A pointer to whole numbers."""

    def __init__(self, manager: Any, kind: MemoryType) -> None:
        """As numba asks for it."""
        super().__init__(manager, kind, WORD.as_pointer())


@typeof_impl.register(Memory)
def _type_of(_: Memory, __: Any) -> MemoryType:
    return MEMORY


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

    def generic_resolve(self, _: MemoryType, name: str) -> Any:  # type: ignore[override]  # told missing there
        """The type of a table."""
        return ARRAYS.get(name)


@lower_getattr_generic(MemoryType)
def _table(context: Any, builder: Any, _: MemoryType, places: Any, name: str) -> Any:
    """The array, without its length (see `layout.length`), which spares each access a look for `m.x[-1]`."""
    kind = ARRAYS[name]

    def number(offset: int) -> Any:
        found = builder.load(builder.gep(places, [WORD(POSITIONS[name] + offset)]))
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
        return found

    if name == "places":
        data, shape = builder.ptrtoint(places, WORD), [WORD(len(TABLES)), WORD(3)]
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
