"""Arrays that compiled code uses and does not own.

numba counts who holds an array: each time one is taken out of a tuple or handed to a function the count moves
up and down again, in a way that is safe among threads and takes longer than reading a number. An array that
Python keeps alive for as long as a kernel runs needs no counting.
"""

from typing import Any, TypeVar

from numba.core import cgutils, types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

Arrays = TypeVar("Arrays")


def borrowed(arrays: Arrays) -> Arrays:
    """The same array, or named tuple of arrays, not counted: for what the caller of a kernel keeps alive."""
    return arrays


@overload(borrowed)
def _borrowed(arrays: Any) -> Any:
    def without_owner(arrays: Any) -> Any:
        return _without_owner(arrays)  # type: ignore[call-arg]  # numba itself gives the first

    return without_owner


@intrinsic
def _without_owner(_: Any, arrays: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        [kind], [value] = signature.args, given
        if isinstance(kind, types.Array):
            value = _free(context, builder, kind, value)
        else:
            for n, part in enumerate(kind.types):
                if isinstance(part, types.Array):
                    freed = _free(context, builder, part, builder.extract_value(value, n))
                    value = builder.insert_value(value, freed, n)
        return impl_ret_untracked(context, builder, signature.return_type, value)

    return arrays(arrays), lower


def _free(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    array = make_array(kind)(context, builder, value)
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()
