"""What a weighted dice does to an installation under load: each kind of fault by name.

Some kinds come and go at once, some stay for a while beside the next ones, and all are over when the dice
ends. A kind that an installation cannot have, e.g. because its processes were not started with failpoints, is
not among its kinds. Not here: the load, and what came of it (``chaos.py``).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from configs.database import parse_database_url
from controlplane.client import ControllerClient, ServiceRefused

PATIENCE_S = 90.0  # after which nobody asks any more
AGAIN_S = 0.2
BETWEEN_S = (0.5, 2.5)
HUNG_S = (0.5, 3.0)  # of a process, a disk, a database
STAYS_S = (1.0, 5.0)  # what elements and clocks do
DIES_WITHIN_S = 3.0
MAX_CUT = 2  # links at a time; and so many drained
JUMPS_S = (-86_400.0, -60.0, 60.0, 86_400.0)
SLOW_S = 2.0  # an element's answer
THROWS = 10  # until one is possible just then, e.g. a repair where a link is cut
STEPS = (
    *("controller.planned", "controller.computed", "controller.reserved", "controller.configured"),
    *("controller.stored", "controller.released", "controller.removed", "controller.cut"),
    *("controller.drained", "controller.undrained", "controller.relocked", "controller.scheduled"),
    *("pce.decided", "pce.logged", "elements.changed"),
)
_NOT_NOW = (0, 503)  # statuses after which one asks again


class FaultError(ValueError):
    """A kind of fault that is not known, or that this installation cannot have; says why."""


class FailpointFile:
    """The file that the processes of a test installation look into; see ``controlplane/failpoints.py``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, str] = {}

    def put(self, place: str, happens: str) -> None:
        """Have something happen at a place from now on."""
        self._entries[place] = happens
        self._write()

    def drop(self, place: str) -> None:
        """Have nothing happen there any more."""
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
        switch: puts a model endpoint in service; None: there is none.
    """

    client: Callable[[], ControllerClient]
    links: Sequence[tuple[str, str]]
    pids: Callable[[], Mapping[str, int]]
    failpoints: FailpointFile | None = None
    database_url: str = ""
    switch: Callable[[], object] | None = None

    @property
    def nodes(self) -> list[str]:
        """Ends of links."""
        return sorted({end for link in self.links for end in link})


@dataclass
class Disturbance:
    """A dice at work on an installation.

    Attributes:
        tell: told each fault, its kind and the words, as it begins.
        kind: whose turn it is.
        cut, drained: links that are.
        staying: what is to end at a moment (``time.monotonic``), and how.
    """

    target: Target
    client: ControllerClient
    dice: random.Random
    tell: Callable[[str, str], None]
    kind: str = ""
    cut: list[tuple[str, str]] = field(default_factory=list)
    drained: list[tuple[str, str]] = field(default_factory=list)
    staying: dict[str, tuple[float, Callable[[], None]]] = field(default_factory=dict)

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
        if place in self.staying:
            return False
        self.note(f"{place}: {happens}")
        points.put(place, happens)
        self.staying[place] = time.monotonic() + self.dice.uniform(*STAYS_S), partial(points.drop, place)
        return True

    def end_staying(self, now_s: float | None = None) -> None:
        """End what has stayed long enough by then; without a time, all."""
        for place, (until_s, end) in list(self.staying.items()):
            if now_s is None or until_s <= now_s:
                del self.staying[place]
                end()


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        weight: in the dice.
        happen: has it happen; whether it could.
        lacks: what an installation has not that it needs; empty where nothing is missing.
    """

    weight: float
    happen: Callable[[Disturbance], bool]
    lacks: Callable[[Target], str] = lambda target: ""


def chosen_kinds(target: Target, names: Sequence[str] = ()) -> dict[str, Kind]:
    """The kinds with these names; without names, all that the installation can have.

    Raises:
        FaultError: an unknown name, or one that the installation cannot have.
    """
    if not names:
        return {name: kind for name, kind in KINDS.items() if not kind.lacks(target)}
    for name in names:
        if name not in KINDS:
            raise FaultError(f"no kind of fault is called {name!r}; there are {', '.join(KINDS)}")
        if lacks := KINDS[name].lacks(target):
            raise FaultError(f"{name}: {lacks}")
    return {name: KINDS[name] for name in names}


def disturb(
    disturbance: Disturbance,
    kinds: Mapping[str, Kind],
    goes_on: Callable[[], bool],
    between_s: tuple[float, float],
) -> None:
    """One fault after the other for as long as ``goes_on`` says; afterwards all is whole again."""
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    try:
        while goes_on():
            time.sleep(disturbance.dice.uniform(*between_s))
            disturbance.end_staying(time.monotonic())
            for name in disturbance.dice.choices(names, weights, k=THROWS):
                disturbance.kind = name
                if kinds[name].happen(disturbance):
                    break
    finally:
        disturbance.end_staying()
        for link in disturbance.cut:
            until_done(partial(disturbance.client.repair_link, *link))
        for link in disturbance.drained:
            until_done(partial(disturbance.client.undrain, *link))


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


def _cut(on: Disturbance) -> bool:
    return _take_out(on, on.cut, "cut", on.client.fail_link)


def _repair(on: Disturbance) -> bool:
    return _bring_back(on, on.cut, "repair", on.client.repair_link)


def _drain(on: Disturbance) -> bool:
    return _take_out(on, on.drained, "drain", on.client.drain)


def _undrain(on: Disturbance) -> bool:
    return _bring_back(on, on.drained, "undrain", on.client.undrain)


def _take_out(
    on: Disturbance, out: list[tuple[str, str]], word: str, ask: Callable[[str, str], object]
) -> bool:
    link = on.dice.choice(list(on.target.links))
    if len(out) >= MAX_CUT or link in out:
        return False
    out.append(link)
    on.note(f"{word} {'-'.join(link)}")
    until_done(partial(ask, *link))
    return True


def _bring_back(
    on: Disturbance, out: list[tuple[str, str]], word: str, ask: Callable[[str, str], object]
) -> bool:
    if not out:
        return False
    link = out.pop(on.dice.randrange(len(out)))
    on.note(f"{word} {'-'.join(link)}")
    until_done(partial(ask, *link))
    return True


def _kill(on: Disturbance) -> bool:
    found = on.one()
    if found:
        on.note(f"kill {found[0]}")
        _signal(found[1], signal.SIGKILL)
    return found is not None


def _hang(on: Disturbance) -> bool:
    found = on.one()
    if found is None:
        return False
    name, pid = found
    hung_s = on.dice.uniform(*HUNG_S)
    on.note(f"hang {name} for {hung_s:.1f} s")
    _signal(pid, signal.SIGSTOP)
    try:
        time.sleep(hung_s)
    finally:
        _signal(pid, signal.SIGCONT)
    return True


def _kill_at_step(on: Disturbance) -> bool:
    """The first process to come there dies; where none comes in time nothing happens."""
    points, place = on.target.failpoints, on.dice.choice(STEPS)
    assert points is not None
    before = on.target.pids()
    concerned = {name: pid for name, pid in before.items() if name.startswith(place.split(".")[0])}
    on.note(f"kill at {place}")
    points.put(place, "kill")
    until_s = time.monotonic() + DIES_WITHIN_S
    while time.monotonic() < until_s and all(_lives(pid) for pid in concerned.values()):
        time.sleep(0.01)
    points.drop(place)
    return True


def _element(happens: str) -> Callable[[Disturbance], bool]:
    def happen(on: Disturbance) -> bool:
        return on.stay(f"elements.edit.{on.dice.choice(on.target.nodes)}", happens)

    return happen


def _clock(on: Disturbance) -> bool:
    return on.stay("clock", f"jump({on.dice.choice(JUMPS_S):g})")


def _full_disk(on: Disturbance) -> bool:
    """No file of a process can grow, or be written anew, for a while."""
    found = on.one("controller", "pce", "elements")
    if found is None:
        return False
    name, pid = found
    full_s = on.dice.uniform(*HUNG_S)
    on.note(f"full disk for {name}, {full_s:.1f} s")
    with contextlib.suppress(psutil.Error), _no_room(pid):
        time.sleep(full_s)
    return True


@contextlib.contextmanager
def _no_room(pid: int) -> Iterator[None]:
    process = psutil.Process(pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, before)


def _slow_database(on: Disturbance) -> bool:
    """Another one holds the database's lock for writing for a while."""
    slow_s = on.dice.uniform(*HUNG_S)
    on.note(f"database locked for {slow_s:.1f} s")
    engine = create_engine(parse_database_url(on.target.database_url), isolation_level="AUTOCOMMIT")
    locked = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN; LOCK TABLE changes"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(locked)
            time.sleep(slow_s)
            connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:  # it was busy all the time: as slow as it should be
        return False
    finally:
        engine.dispose()
    return True


def _endpoint(on: Disturbance) -> bool:
    assert on.target.switch is not None
    on.note("put the endpoint in service anew")
    with contextlib.suppress(ServiceRefused):
        on.target.switch()
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _no_failpoints(target: Target) -> str:
    if target.failpoints:
        return ""
    return "the processes have no failpoints: start them with LIGHTLOOP_FAILPOINTS=@FILE lightloop up"


def _no_limits(target: Target) -> str:
    return "" if hasattr(psutil, "RLIMIT_FSIZE") else "there are no limits of processes on this system"


def _no_database(target: Target) -> str:
    return "" if target.database_url else "the address of the database is not known"


def _no_switch(target: Target) -> str:
    return "" if target.switch else "no model is in service"


KINDS: Mapping[str, Kind] = {
    "cut": Kind(20, _cut),
    "repair": Kind(20, _repair),
    "drain": Kind(8, _drain),
    "undrain": Kind(8, _undrain),
    "kill": Kind(15, _kill),
    "hang": Kind(8, _hang),
    "kill-at-step": Kind(15, _kill_at_step, _no_failpoints),
    "element-refuses": Kind(4, _element("refuse"), _no_failpoints),
    "element-hangs": Kind(3, _element(f"sleep({SLOW_S:g})"), _no_failpoints),
    "element-lies": Kind(4, _element("lie"), _no_failpoints),
    "clock-jump": Kind(3, _clock, _no_failpoints),
    "full-disk": Kind(4, _full_disk, _no_limits),
    "slow-database": Kind(4, _slow_database, _no_database),
    "endpoint": Kind(3, _endpoint, _no_switch),
}
