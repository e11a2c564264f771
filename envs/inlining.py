"""How a helper is compiled that lives on only inside kernels: to LLVM's intermediate form, no further.

Numba makes machine code of every compiled function and optimises each as if it ran by itself. A kernel of
this package takes over a hundred helpers into itself, so that was 40 % of the processor time of a cold start.
Now the kernel alone is optimised whole and translated, with its helpers inside.

This reaches into numba's code library, which is not public: numba is pinned, and tests/envs/test_compiled.py
says at once where another version differs. Not here: the decorators (``compiled.py``).
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering


class _Inlinable(JITCodeLibrary):
    """Code that others link in; it never becomes machine code of its own."""

    def _optimize_final_module(self) -> None:
        cheap, builder = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=self._codegen._opt_level, cost="cheap"
        )
        cheap.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _InlinedLowering(NativeLowering):
    """Numba's last step, with a library that makes no machine code and no entry."""

    _name = "inlined_lowering"

    def run_pass(self, state: Any) -> bool:
        codegen = state.targetctx.codegen()
        state.library = _Inlinable(codegen, state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # Callers find a helper by its entry, so each needs one of its own; nobody can step through it.
        description = lowered.fndesc
        entry = _dynfunc.make_function(
            description.lookup_module(), description.qualname, "", 0, lowered.env, (state.library,)
        )
        state.targetctx.insert_user_function(entry, description, [state.library])
        state["cr"] = _LowerResult(description, lowered.call_helper, cfunc=entry, env=lowered.env)
        return True


class InliningCompiler(CompilerBase):
    """Numba's compiler with ``_InlinedLowering`` in the place of its last step."""

    def define_pipelines(self) -> list[PassManager]:
        """The steps of compilation."""
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state, "inlined")
        steps.passes = [
            (_InlinedLowering if step is NativeLowering else step, text) for step, text in steps.passes
        ]
        return [steps]
