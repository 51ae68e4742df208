"""Kernels have their parts to themselves, and nobody else notices."""

import re
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import pytest

from sim.engine.compiled.levels import following
from sim.engine.compiled.run import run
from sim.engine.compiled.setup import set_up
from sim.jit import inner, is_compiling
from sim.linking import KernelCompiler
from tests.miniature import jobs, on_demand, option, owned, plan, training, world


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compiled anew, and kept nowhere."""
    njit: Any = numba.njit
    return cast(Callable[..., Any], njit(function, **options))


@inner
def shared(whole: int, part: int) -> int:
    """A part that can fail in two ways."""
    if part == 7:
        raise ValueError("seven")
    return whole // part


def test_errors_in_parts_reach_the_caller_of_a_kernel() -> None:
    """A raised error and a division by zero come out as what they are."""

    def call(whole: int, part: int) -> int:
        return shared(whole, part) + shared(part, whole)

    kernel = compiled(call, pipeline_class=KernelCompiler)
    assert kernel(10, 3) == 3
    for part, error in ((7, ValueError), (0, ZeroDivisionError)):
        with pytest.raises(error):
            kernel(10, part)


def test_a_part_of_a_kernel_can_be_a_part_of_other_functions_too() -> None:
    """After the engine was compiled with its own form of a part, a plain function finds the usual form."""
    run(world(jobs((0, 1, 10))), plan([owned(1), on_demand()], [training(option(0), option(1))]))

    def call(memory: Any, level: int, node: int) -> int:
        return following(memory, level, node)

    memory, _ = set_up(world(), plan([owned(4000, size=1)]))
    assert compiled(call)(memory, 0, 5) == -1


def test_kernels_leave_no_machine_code_of_their_parts_behind() -> None:
    """A part has no code by itself, and what a kernel has of it bears another name."""
    if not is_compiling():
        pytest.skip("nothing is compiled")

    def call(numbers: Any) -> int:
        return shared(numbers[0], numbers[1])

    kernel: Any = compiled(call, pipeline_class=KernelCompiler)
    kernel(np.array([9, 3]))
    [found] = kernel.overloads.values()
    names = [function.name for function in found.library.get_defined_functions()]
    assert not [name for name in names if "shared" in name and not name.endswith(".part")]


@inner
def element(numbers: Any, n: int) -> float:
    """A part that is handed an array, and may return early."""
    if n < 0:
        return 0.0
    found: float = numbers[n]
    return found


def test_handing_an_array_to_a_part_counts_nothing() -> None:
    """Who hands an array on still holds it when it comes back: no count goes up anywhere in the kernel."""
    if not is_compiling():
        pytest.skip("nothing is compiled")

    def call(numbers: Any) -> float:
        total = 0.0
        for n in range(len(numbers)):
            held = numbers
            total += element(held, n)
        return total

    kernel: Any = compiled(call, pipeline_class=KernelCompiler)
    assert kernel(np.arange(3.0)) == 3.0
    [found] = kernel.overloads.values()
    assert not re.findall(r"call[^@\n]*@NRT_incref", found.library.get_llvm_str())
