"""One process compiles a kernel; others that need the same one wait, and read it from disk.

Services start side by side and call the same kernels: each would spend half a minute on what another is just
making. Not here: where compiled kernels are kept (``compiled.py``).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numba import config
from numba.core import sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

WAIT_S = 180.0  # then it is compiled here too: whoever has the lock may be stopped
POLL_S = 0.1


class SharedKernel(CPUDispatcher):
    """A compiled function kept on disk; ``compile`` is a turn at a time among processes."""

    def compile(self, sig: Any) -> Any:
        """The entry point for a signature; compiled, or read where another process has compiled it."""
        arguments, _ = sigutils.normalize_signature(sig)
        # This process's lock first, as everywhere: two threads then never wait for each other.
        with global_compiler_lock, _turn(self.py_func.__qualname__, arguments):
            return super().compile(sig)


@contextlib.contextmanager
def _turn(name: str, arguments: tuple[Any, ...]) -> Iterator[None]:
    """No other process compiles this kernel for these types inside the block, where files can be locked."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            digest = hashlib.sha256(str(arguments).encode()).hexdigest()[:16]
            file = stack.enter_context((Path(vars(config)["CACHE_DIR"]) / f"{name}-{digest}.lock").open("a"))
            ends = time.monotonic() + WAIT_S
            while not _is_locked(file) and time.monotonic() < ends:
                time.sleep(POLL_S)
        yield


def _is_locked(file: Any) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
