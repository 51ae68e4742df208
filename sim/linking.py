"""How compiled functions are put together: a kernel is one piece of code, all its own.

numba makes machine code of each function and of all that it calls, anew for every caller, and keeps all of
them apart as if anybody could ask for one. Here the functions that only other compiled functions call are
parts: they are neither optimised nor made into machine code by themselves. A kernel has all its parts to
itself, so that the compiler may inline what is called from one place and lay out the rest side by side.
"""

from typing import Any

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.environment import lookup_environment

ENVIRONMENT = "_ZN08NumbaEnv"
"""What the names of environments begin with: a function's globals, as far as it needs them when it runs."""

COUNTING = ("NRT_incref", "NRT_decref")
"""They count who holds an array. numba takes out what cancels out, and knows them by these names."""

PRIVATE = ".part"
"""Ends the names of functions that a kernel has to itself: where the loader knows a name already, it takes
that function for another's, too, and these are called in ways of their own."""


class _Unloaded:
    """Stands where the machine code of a library would be loaded, and set its environment."""

    def set_env(self, name: str, environment: Any) -> None:
        """There is nothing to set."""


class PartLibrary(JITCodeLibrary):
    """The code of a part, which is only ever linked into a kernel."""

    @property
    def codegen(self) -> Any:
        """No part is loaded by itself."""
        return _Unloaded()

    def _optimize_final_module(self) -> None:
        """The kernel's is optimised as a whole."""

    def _finalize_final_module(self) -> None:
        """No machine code."""
        self._finalized = True


class KernelLibrary(JITCodeLibrary):
    """The code of a kernel with all its parts."""

    def _optimize_final_module(self) -> None:
        """Nobody else can call the parts, nor find them by the names under which numba knows them."""
        for function in list(self._final_module.functions):
            is_shared = function.linkage is llvm.Linkage.linkonce_odr and not function.is_declaration
            if is_shared and function.name not in COUNTING:
                function.linkage = "internal"
                function.name += PRIVATE
        super()._optimize_final_module()

    def _finalize_specific(self) -> None:
        """Machine code, and the environments of the parts."""
        super()._finalize_specific()
        for variable in self._final_module.global_variables:
            if variable.name.startswith(ENVIRONMENT):
                environment = lookup_environment(variable.name)
                if environment is not None:
                    self.codegen.set_env(variable.name, environment)


class _Linked(Compiler):
    """numba's compiler, with a library of its own kind."""

    library_class: type[JITCodeLibrary]

    def define_pipelines(self) -> Any:
        """As numba's."""
        library = self.library_class(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        return super().define_pipelines()


class PartCompiler(_Linked):
    """Compiles parts."""

    library_class = PartLibrary


class KernelCompiler(_Linked):
    """Compiles kernels."""

    library_class = KernelLibrary
