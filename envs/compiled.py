"""How this package compiles: one decorator for kernels that Python calls, one for helpers inside them.

Kernels are cached on disk under a name made from the sources of this package: numba itself only looks at the
file of the outermost function, and would run stale code after a helper in another file has changed. Division
follows IEEE 754: no Python exceptions inside.

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
from numba import config, njit


def _sources_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


_base = Path(getattr(config, "CACHE_DIR", "") or Path(__file__).parent / "__pycache__")
vars(config)["CACHE_DIR"] = str(_base / f"lightloop-{_sources_digest()}")

_options: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
# ``_nrt`` is said, not left out: a kernel that a helper calls would inherit the helper's way.
kernel = njit(**(_options | {"cache": True, "nogil": True, "_nrt": True}))
uncached_kernel = njit(**(_options | {"nogil": True, "_nrt": True}))
HELPER_OPTIONS = _options | {"forceinline": True}
inlined = njit(**HELPER_OPTIONS)
