"""A lock for each key that somebody uses: what concerns one key is done one after another, the rest at once.

Not here: what the keys are.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class KeyedLocks:
    """Locks by key; one that nobody holds or waits for is forgotten."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[threading.Lock, int]] = {}
        self._changing = threading.Lock()

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Hold a key's lock during the block."""
        with self._changing:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._changing:
                lock, users = self._locks.pop(key)
                if users > 1:
                    self._locks[key] = lock, users - 1

    def __len__(self) -> int:
        with self._changing:
            return len(self._locks)
