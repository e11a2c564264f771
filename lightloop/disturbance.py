"""What a dice finds and leaves: the installation, and what faults do to it just now.

Several dice may share one ``Ongoing``, so that their faults overlap and none undoes another's. Not here: the
kinds of faults (``faults.py``), the load beside them (``chaos.py``).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from controlplane.client import ControllerClient, ServiceRefused

PATIENCE_S = 90.0  # after which nobody asks any more
AGAIN_S = 0.2
STAYS_S = (1.0, 5.0)  # what elements and clocks do
MAX_OUT = 2  # links cut at a time; and so many drained
_NOT_NOW = (0, 503)  # statuses after which one asks again
Link = tuple[str, str]


class FailpointFile:
    """The file that the processes of a test installation look into; see ``controlplane/failpoints.py``.

    Safe to share between threads.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, place: str, happens: str) -> None:
        """Have something happen at a place from now on."""
        with self._lock:
            self._entries[place] = happens
            self._write()

    def drop(self, place: str) -> None:
        """Have nothing happen there any more."""
        with self._lock:
            self._entries.pop(place, None)
            self._write()

    def _write(self) -> None:
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text("".join(f"{place}={happens}\n" for place, happens in self._entries.items()))
        temporary.replace(self._file)


@dataclass(frozen=True)
class Target:
    """The installation.

    Attributes:
        client: makes a client of the controller.
        links: ends of each link.
        pids: process ids of what may be killed, by name; asked for each time.
        failpoints: file of the processes' failpoints; None: they have none.
        database_url: of the controller's database; empty: it is left alone.
        elements_file: database of the elements; None: it is left alone.
        switch: puts a model endpoint in service; None: there is none.
    """

    client: Callable[[], ControllerClient]
    links: Sequence[tuple[str, str]]
    pids: Callable[[], Mapping[str, int]]
    failpoints: FailpointFile | None = None
    database_url: str = ""
    elements_file: Path | None = None
    switch: Callable[[], object] | None = None

    @property
    def nodes(self) -> list[str]:
        """Ends of links."""
        return sorted({end for link in self.links for end in link})


class Ongoing:
    """What faults do to an installation just now; safe to share between threads.

    Attributes:
        cut, drained: links that are.
        held: rows of an element's database before it forgot them, by its name.
    """

    def __init__(self) -> None:
        self.cut: list[Link] = []
        self.drained: list[Link] = []
        self.held: dict[str, list[tuple[Any, ...]]] = {}
        self._staying: dict[str, tuple[float, Callable[[], None]]] = {}
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, thing: str) -> Iterator[bool]:
        """Whether no other fault is at a thing; then none is during the block."""
        with self._lock:
            is_alone = thing not in self._held
            self._held.add(thing)
        try:
            yield is_alone
        finally:
            if is_alone:
                self._held.discard(thing)

    def take(self, out: list[Link], link: Link) -> bool:
        """Note a link as cut, or as drained; whether there was room for it."""
        with self._lock:
            is_free = link not in out and len(out) < MAX_OUT
            if is_free:
                out.append(link)
            return is_free

    def stay(self, place: str, until_s: float, begin: Callable[[], None], end: Callable[[], None]) -> bool:
        """Begin what is to end at a moment (``time.monotonic``); whether nothing was there already."""
        with self._lock:
            if place in self._staying:
                return False
            begin()
            self._staying[place] = until_s, end
            return True

    def end_staying(self, now_s: float) -> None:
        """End what has stayed long enough by then."""
        with self._lock:
            for place, (until_s, end) in list(self._staying.items()):
                if until_s <= now_s:
                    del self._staying[place]
                    end()

    def make_whole(self, client: ControllerClient) -> None:
        """End everything."""
        self.end_staying(float("inf"))
        for link in self.cut:
            until_done(partial(client.repair_link, *link))
        for link in self.drained:
            until_done(partial(client.undrain, *link))


@dataclass
class Disturbance:
    """A dice at work on an installation.

    Attributes:
        tell: told each fault, its kind and the words, as it begins.
        ongoing: shared with the dice beside it.
        kind: whose turn it is.
    """

    target: Target
    client: ControllerClient
    dice: random.Random
    tell: Callable[[str, str], None]
    ongoing: Ongoing = field(default_factory=Ongoing)
    kind: str = ""

    def note(self, text: str) -> None:
        """A fault begins."""
        self.tell(self.kind, text)

    def one(self, *of: str) -> tuple[str, int] | None:
        """A process that runs, by name and id; one of some where they are given."""
        pids = {name: pid for name, pid in self.target.pids().items() if not of or name.startswith(of)}
        return self.dice.choice(sorted(pids.items())) if pids else None

    def stay(self, place: str, happens: str) -> bool:
        """Have something happen at a failpoint for a while; whether that is new."""
        points = self.target.failpoints
        assert points is not None

        def begin() -> None:
            self.note(f"{place}: {happens}")
            points.put(place, happens)

        until_s = time.monotonic() + self.dice.uniform(*STAYS_S)
        return self.ongoing.stay(place, until_s, begin, partial(points.drop, place))


def until_done(ask: Callable[[], Any]) -> None:
    """Asked until the controller answers; a link that is cut, or whole, already is as good."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        try:
            ask()
            return
        except ServiceRefused as refusal:
            if refusal.status not in _NOT_NOW:
                return
        time.sleep(AGAIN_S)
