"""Many writers, one synced write: those that wait while one is under way go together in the next.

Not here: what is written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass(eq=False)
class _Entry(Generic[Job]):
    job: Job
    turn: threading.Event = field(default_factory=threading.Event)  # it is done, or its thread writes next
    is_done: bool = False
    error: BaseException | None = None


class GroupCommit(Generic[Job]):
    """Hands jobs on in the order of their arrival, all that wait at a time, by one thread at a time.

    Args:
        commit: writes some jobs; an exception means that none of them was written for sure.
        most: jobs at a time.
    """

    def __init__(self, commit: Callable[[Sequence[Job]], None], most: int = 128) -> None:
        self._commit = commit
        self._most = most
        self._waiting: deque[_Entry[Job]] = deque()
        self._is_writing = False
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Return once a write that held the job has ended.

        Raises:
            BaseException: what the write raised.
        """
        mine = _Entry(job)
        with self._lock:
            self._waiting.append(mine)
            waits, self._is_writing = self._is_writing, True
        if waits:
            mine.turn.wait()
        if not mine.is_done:
            self._write()
        if mine.error is not None:
            raise mine.error

    def _write(self) -> None:
        """Write what waits; the first of those that came meanwhile writes next."""
        with self._lock:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
        error: BaseException | None = None
        try:
            self._commit([item.job for item in together])
        except BaseException as raised:
            error = raised
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_writing = following is not None
        for item in together:
            item.error, item.is_done = error, True
        if following is not None:  # first: the next write begins before anybody looks at the last one
            following.turn.set()
        for item in together:
            item.turn.set()
