"""How this package compiles: one decorator for kernels that Python calls, one for helpers inside them.

Kernels are cached on disk under a name made from the sources of this package: numba itself only looks at the
file of the outermost function, and would run stale code after a helper in another file has changed. Where the
installation may not be written to, they are kept in a temporary folder. What several processes need at once
one of them compiles (``compile_once.py``). Division follows IEEE 754: no Python
exceptions inside.

Helpers have no entry from Python and no machine code of their own (``inlining.py``).

Helpers count no references (``_nrt=False``): each count is an atomic instruction, and together they took half
the time of an observation. So a helper may take arrays, cut them and hand them on, but make none and return
none; a kernel makes what is needed. Kernels do count: they unpack the arrays they need from their NamedTuples
once at the top, and leave loops to helpers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import config, njit
from numba.core.registry import CPUDispatcher

from envs.compile_once import SharedKernel
from envs.inlining import InliningCompiler
from topologies.cache_folders import may_write, temporary_folder

COMPILED = not getattr(config, "DISABLE_JIT", False)  # False with NUMBA_DISABLE_JIT=1


def records(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros of a structured type whose fields are attributes, also where nothing is compiled."""
    zeros = np.zeros(shape, dtype)
    return zeros if COMPILED else zeros.view(np.recarray)


def _sources_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """Where kernels are kept: as numba is told, else beside the sources, else a temporary folder."""
    name = f"lightloop-{_sources_digest()}"
    folder = Path(getattr(config, "CACHE_DIR", "") or Path(__file__).parent / "__pycache__") / name
    return folder if may_write(folder) else temporary_folder("lightloop-kernels") / name


vars(config)["CACHE_DIR"] = str(_cache_folder())

_options: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
# ``_nrt`` is said, not left out: a kernel that a helper calls would inherit the helper's way.
_compile_kernel = njit(**(_options | {"cache": True, "nogil": True, "_nrt": True}))
uncached_kernel = njit(**(_options | {"nogil": True, "_nrt": True}))
HELPER_OPTIONS = _options | {
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": InliningCompiler,
}


def kernel(function: Any) -> Any:
    """A compiled function that Python calls, kept on disk; processes that need the same compile it once."""
    made = _compile_kernel(function)
    if COMPILED:
        made.__class__ = SharedKernel
    return made


class _Helper(CPUDispatcher):
    """A compiled helper that Python cannot enter, which saves a part of its compilation."""

    def __call__(self, *_: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} is for compiled code only: call it in a kernel")


def inlined(function: Any) -> Any:
    """A function that compiled code takes into itself wherever it is called; Python cannot call it."""
    helper = njit(**HELPER_OPTIONS)(function)
    if COMPILED:
        helper.__class__ = _Helper
    return helper


# The same for the few that Python calls too.
entered = njit(**(_options | {"cache": True, "forceinline": True}))


def plain(function: Any) -> Any:
    """The Python function behind a compiled one; with ``NUMBA_DISABLE_JIT=1`` they are the same."""
    return getattr(function, "py_func", function)
