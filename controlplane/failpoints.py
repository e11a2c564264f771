"""Places in the processes where a test installation can have something go wrong. Off, and free, elsewhere.

``LIGHTLOOP_FAILPOINTS`` switches them on in every process that is started with it. It holds entries, or
``@FILE`` with entries in a file that is read again whenever it changes, so that faults can come and go:

    controller.reserved=kill:0.01, elements.edit.A=refuse, clock=jump(3600)

An entry is a place, what happens there, an argument in brackets where that takes one, and how likely it is
each time (1 where nothing is said). ``kill`` ends the process at once, as SIGKILL does; ``sleep(S)`` waits.
Everything else is told to the caller, who knows what it means. Not here: which places there are; they are
named where they are passed.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "LIGHTLOOP_FAILPOINTS"
KILL, SLEEP = "kill", "sleep"
_ENTRY = re.compile(r"([^=]+)=([a-z-]+)(?:\((-?[0-9.]+)\))?(?::([0-9.]+))?")


class FailpointError(ValueError):
    """Entries that cannot be read; says which and how they are written."""


@dataclass(frozen=True)
class Failpoint:
    """What happens at a place.

    Attributes:
        does: ``kill``, ``sleep``, or a word for the caller.
        argument: of a kind that takes one; else 0.
        probability: each time that the place is passed.
    """

    does: str
    argument: float = 0.0
    probability: float = 1.0


def read_failpoints(text: str) -> dict[str, Failpoint]:
    """Entries by place.

    >>> read_failpoints("controller.reserved=kill:0.5, clock=jump(-60)")["clock"]
    Failpoint(does='jump', argument=-60.0, probability=1.0)

    Raises:
        FailpointError: one cannot be read.
    """
    found = {}
    for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise FailpointError(f"{VARIABLE}: {entry!r} is no entry; write PLACE=WHAT, PLACE=WHAT(2.5):0.01")
        place, does, argument, probability = match.groups()
        found[place] = Failpoint(does, float(argument or 0.0), float(probability or 1.0))
    return found


class Failpoints:
    """The entries that are in force.

    Args:
        given: the variable's value.
    """

    def __init__(self, given: str) -> None:
        self._file = Path(given[1:]) if given.startswith("@") else None
        self._seen: tuple[int, int] | None = None
        self._entries = {} if self._file else read_failpoints(given)
        self._dice = random.Random()

    def drawn(self, places: Iterable[str]) -> Failpoint | None:
        """What happens at the first of these places where something does, this time."""
        if self._file is not None:
            self._follow(self._file)
        for place in places:
            entry = self._entries.get(place)
            if entry and (entry.probability >= 1.0 or self._dice.random() < entry.probability):
                return entry
        return None

    def _follow(self, file: Path) -> None:
        try:
            state = file.stat()
            seen = state.st_ino, state.st_mtime_ns
            if seen != self._seen:
                self._entries, self._seen = read_failpoints(file.read_text()), seen
        except FileNotFoundError:
            self._entries, self._seen = {}, None


_given = os.environ.get(VARIABLE)
_points = Failpoints(_given) if _given else None


def _off(place: str, *narrower: str) -> str:
    return ""


async def _off_awaited(place: str, *narrower: str) -> str:
    return ""


def _happens(place: str, narrower: Iterable[str]) -> Failpoint:
    assert _points is not None
    happens = _points.drawn([*(f"{place}.{name}" for name in narrower), place])
    if happens is not None and happens.does == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    return happens or Failpoint("")


def _hit(place: str, *narrower: str) -> str:
    happens = _happens(place, narrower)
    if happens.does == SLEEP:
        time.sleep(happens.argument)
    return happens.does


async def _hit_awaited(place: str, *narrower: str) -> str:
    happens = _happens(place, narrower)
    if happens.does == SLEEP:
        await asyncio.sleep(happens.argument)
    return happens.does


def _now_s() -> float:
    assert _points is not None
    happens = _points.drawn(["clock"])
    return time.time() + (happens.argument if happens else 0.0)


ARE_ON = _points is not None
# Passed in the course of work. ``hit(place, *narrower)`` tells what is to happen there, "" for nothing; a
# narrower entry, ``place.narrower``, comes first.
hit: Callable[..., str] = _hit if _points else _off
# The same in an event loop, which goes on meanwhile.
hit_awaited: Callable[..., Awaitable[str]] = _hit_awaited if _points else _off_awaited
# The time since 1970 UTC, s, as this process has it: a clock may jump.
now_s: Callable[[], float] = _now_s if _points else time.time
