"""A lock that dies with its holder: one file, one owner at a time, who that is written inside.

The kernel gives the lock back when the process ends, however it ends. Not here: what is locked
(``serving_target.py`` for the model slots, ``deployments/stack.py`` for ``lightloop up``).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LOOK_AGAIN_S = 0.2
TELL_AGAIN_S = 30.0

_held: dict[Path, int] = {}  # the locks of this process, with their descriptors


class BusyError(ValueError):
    """Somebody else holds the lock and did not give it back in time; names the holder."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    pid: int
    what: str
    since_s: float  # seconds since 1970-01-01 UTC

    def __str__(self) -> str:
        since = time.strftime("%H:%M:%S", time.localtime(self.since_s))
        return f"{self.what} (process {self.pid}, since {since})"


@contextmanager
def only_one(
    file: Path,
    what: str,
    timeout_s: float,
    on_step: Callable[[str], None] = print,
    subject: str = "the lock",
) -> Iterator[None]:
    """The lock for the length of the block.

    Args:
        file: the lock; made where it is missing, never removed.
        what: who the holder is, for those who wait.
        timeout_s: how long to wait for it; 0 tries once.
        on_step: told whom it waits for, again every half minute.
        subject: what is locked, for the words.

    Raises:
        BusyError: it was not given back in time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, file, timeout_s, on_step, subject)
        _write(descriptor, Holder(os.getpid(), what, time.time()))
        _held[file] = descriptor
        try:
            yield
        finally:
            del _held[file]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def is_ours(file: Path) -> bool:
    """Whether this process holds the lock."""
    return file in _held


def say_what(file: Path, what: str) -> None:
    """Tell those who wait what the lock is held for by now; it must be this process's."""
    descriptor = _held[file]
    _write(descriptor, replace(_written(descriptor), what=what))


def holder_of(file: Path) -> Holder | None:
    """Who holds the lock now; None where nobody does."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(descriptor)
    finally:
        os.close(descriptor)
    return None


def _wait(
    descriptor: int, file: Path, timeout_s: float, on_step: Callable[[str], None], subject: str
) -> None:
    begin = time.monotonic()
    told: Holder | None = None
    tell_at = begin
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        holder, now = _written(descriptor), time.monotonic()
        if now - begin >= timeout_s:
            raise BusyError(
                f"{subject} is in the hands of {holder}; waited {timeout_s:g} s. Try again when it has ended"
            )
        if holder != told or now >= tell_at:
            on_step(f"waiting for {subject}, now in the hands of {holder}")
            told, tell_at = holder, now + TELL_AGAIN_S
        time.sleep(LOOK_AGAIN_S)


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _written(descriptor: int) -> Holder:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):  # it has only just been taken
        return Holder(0, "somebody", time.time())
