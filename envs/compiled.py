"""How this package compiles: one decorator for kernels that Python calls, one for helpers inside them.

Kernels are cached on disk under a name made from the sources of this package: numba itself only looks at the
file of the outermost function, and would run stale code after a helper in another file has changed. Division
follows IEEE 754 (no Python exceptions inside), which also lets the compiler drop nearly all reference
counting. Kernels unpack the arrays they need from their NamedTuples once at the top: an attribute read inside
a loop counts references there, at several times the cost of the work itself.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numba
from numba import config, njit


def _sources_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


_base = Path(getattr(config, "CACHE_DIR", "") or Path(__file__).parent / "__pycache__")
vars(config)["CACHE_DIR"] = str(_base / f"lightloop-{_sources_digest()}")

kernel = njit(cache=True, error_model="numpy", nogil=True)
inlined = njit(forceinline=True, error_model="numpy")
# Where no NaN can occur: lets the compiler take the largest of a row with vector instructions.
inlined_no_nan = njit(forceinline=True, error_model="numpy", fastmath={"nnan", "nsz"})
