"""How this package compiles: one decorator for kernels that Python calls, one for helpers inside them.

Kernels are cached on disk, next to this package or in ``NUMBA_CACHE_DIR``. Division follows IEEE 754 (no
Python exceptions inside), which also lets the compiler drop nearly all reference counting. Kernels unpack the
arrays they need from their NamedTuples once at the top: an attribute read in a loop counts references there.
"""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, error_model="numpy")
inlined = njit(forceinline=True, error_model="numpy")
