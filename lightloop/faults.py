"""What weighted dice do to an installation under load: each kind of fault by name.

Some kinds come and go at once, some stay for a while beside the next ones, and all are over when the dice
end. A kind that an installation cannot have, e.g. because its processes were not started with failpoints, is
not among its kinds. Not here: what a dice works on (``disturbance.py``), the load, and what came of it
(``chaos.py``).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from configs.database import parse_database_url
from controlplane.client import ServiceRefused
from lightloop.disturbance import Disturbance, Link, Target, until_done

HUNG_S = (0.5, 3.0)  # of a process, a disk, a database
DIES_WITHIN_S = 3.0
JUMPS_S = (-86_400.0, -60.0, 60.0, 86_400.0)
SLOW_S = (0.5, 2.0, 7.0)  # an element's answer: in time, barely, after nobody waits for it
THROWS = 10  # until one is possible just then, e.g. a repair where a link is cut
STEPS = (
    *("controller.planned", "controller.computed", "controller.reserved", "controller.configured"),
    *("controller.stored", "controller.released", "controller.removed", "controller.cut"),
    *("controller.drained", "controller.undrained", "controller.relocked", "controller.scheduled"),
    *("pce.decided", "pce.logged", "elements.changed"),
)


class FaultError(ValueError):
    """A kind of fault that is not known, or that this installation cannot have; says why."""


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
    dice: Sequence[Disturbance],
    kinds: Mapping[str, Kind],
    goes_on: Callable[[], bool],
    pause: Callable[[random.Random], None],
) -> None:
    """Faults for as long as ``goes_on`` says, those of one dice one after the other; then all is whole again.

    Args:
        dice: at least one; they share what stands.
        kinds: of faults.
        goes_on: asked before each fault.
        pause: of a dice before each fault.
    """
    ended = threading.Event()
    try:
        with ThreadPoolExecutor(len(dice)) as threads:
            thrown = [
                threads.submit(_throw, on, kinds, lambda: goes_on() and not ended.is_set(), pause)
                for on in dice
            ]
            try:
                for each in thrown:
                    each.result()
            finally:
                ended.set()
    finally:
        dice[0].ongoing.make_whole(dice[0].client)


def _throw(
    on: Disturbance,
    kinds: Mapping[str, Kind],
    goes_on: Callable[[], bool],
    pause: Callable[[random.Random], None],
) -> None:
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    while goes_on():
        pause(on.dice)
        on.ongoing.end_staying(time.monotonic())
        for name in on.dice.choices(names, weights, k=THROWS):
            on.kind = name
            if kinds[name].happen(on):
                break


def _cut(on: Disturbance) -> bool:
    return _take_out(on, on.ongoing.cut, "cut", on.client.fail_link)


def _repair(on: Disturbance) -> bool:
    return _bring_back(on, on.ongoing.cut, "repair", on.client.repair_link)


def _drain(on: Disturbance) -> bool:
    return _take_out(on, on.ongoing.drained, "drain", on.client.drain)


def _undrain(on: Disturbance) -> bool:
    return _bring_back(on, on.ongoing.drained, "undrain", on.client.undrain)


def _take_out(on: Disturbance, out: list[Link], word: str, ask: Callable[[str, str], object]) -> bool:
    link = on.dice.choice(list(on.target.links))
    with _at_link(on, out, link) as is_alone:
        if not is_alone or not on.ongoing.take(out, link):
            return False
        on.note(f"{word} {'-'.join(link)}")
        until_done(partial(ask, *link))
        return True


def _bring_back(on: Disturbance, out: list[Link], word: str, ask: Callable[[str, str], object]) -> bool:
    links = list(out)
    if not links:
        return False
    link = on.dice.choice(links)
    with _at_link(on, out, link) as is_alone:
        if not is_alone or link not in out:
            return False
        on.note(f"{word} {'-'.join(link)}")
        until_done(partial(ask, *link))
        out.remove(link)
        return True


def _at_link(on: Disturbance, out: list[Link], link: Link) -> contextlib.AbstractContextManager[bool]:
    """A link is not cut while it is being repaired; it may be while it is being drained."""
    return on.ongoing.alone(f"{'cut' if out is on.ongoing.cut else 'drained'} {'-'.join(link)}")


def _end(word: str, number: signal.Signals) -> Callable[[Disturbance], bool]:
    """A process gets a signal; after SIGTERM, as an update sends it, it may end what it does."""

    def happen(on: Disturbance) -> bool:
        found = on.one()
        if found:
            on.note(f"{word} {found[0]}")
            _signal(found[1], number)
        return found is not None

    return happen


def _hang(on: Disturbance) -> bool:
    found = on.one()
    if found is None:
        return False
    name, pid = found
    hung_s = on.dice.uniform(*HUNG_S)
    with on.ongoing.alone(f"hung {name}") as is_alone:
        if not is_alone:
            return False
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
    with on.ongoing.alone(place) as is_alone:
        if not is_alone:
            return False
        pids = on.target.pids().items()
        concerned = [pid for name, pid in pids if name.startswith(place.split(".")[0])]
        on.note(f"kill at {place}")
        points.put(place, "kill")
        until_s = time.monotonic() + DIES_WITHIN_S
        while time.monotonic() < until_s and all(map(_lives, concerned)):
            time.sleep(0.01)
        points.drop(place)
        return True


def _element(*happens: str) -> Callable[[Disturbance], bool]:
    def happen(on: Disturbance) -> bool:
        return on.stay(f"elements.edit.{on.dice.choice(on.target.nodes)}", on.dice.choice(happens))

    return happen


def _forget(on: Disturbance) -> bool:
    """The elements die; one of them comes back with nothing, or with what it held when it last forgot."""
    found, file, node = on.one("elements"), on.target.elements_file, on.dice.choice(on.target.nodes)
    if found is None or file is None:
        return False
    name, pid = found
    with on.ongoing.alone(f"hung {name}") as is_alone:
        if not is_alone:
            return False
        older = on.ongoing.held.get(node, []) if on.dice.random() < 0.5 else []
        _signal(pid, signal.SIGSTOP)
        try:
            on.ongoing.held[node] = _replaced(file, node, older)
        except sqlite3.Error:  # it was stopped in the middle of a write
            _signal(pid, signal.SIGCONT)
            return False
        on.note(f"{node} forgets {len(on.ongoing.held[node])} services, and remembers {len(older)}")
        _signal(pid, signal.SIGKILL)
        return True


def _replaced(file: Path, node: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the database held of an element before it held these rows."""
    with contextlib.closing(sqlite3.connect(file, timeout=0.0)) as database, database:
        held = database.execute("SELECT * FROM cross_connect WHERE node = ?", (node,)).fetchall()
        database.execute("DELETE FROM cross_connect WHERE node = ?", (node,))
        for row in rows:
            places = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO cross_connect VALUES ({places})", row)
        return held


def _clock(on: Disturbance) -> bool:
    return on.stay("clock", f"jump({on.dice.choice(JUMPS_S):g})")


def _full_disk(on: Disturbance) -> bool:
    """No file of a process can grow, or be written anew, for a while."""
    found = on.one("controller", "pce", "elements")
    if found is None:
        return False
    name, pid = found
    full_s = on.dice.uniform(*HUNG_S)
    with on.ongoing.alone(f"full {name}") as is_alone:
        if not is_alone:
            return False
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
    with on.ongoing.alone("database") as is_alone:
        if not is_alone:
            return False
        on.note(f"database locked for {slow_s:.1f} s")
        return _locked(on.target.database_url, slow_s)


def _locked(url: str, for_s: float) -> bool:
    """Whether the lock could be had."""
    engine = create_engine(parse_database_url(url), isolation_level="AUTOCOMMIT")
    locked = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN; LOCK TABLE changes"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(locked)
            time.sleep(for_s)
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


def _no_elements(target: Target) -> str:
    return "" if target.elements_file else "the database of the elements is not known"


def _no_switch(target: Target) -> str:
    return "" if target.switch else "no model is in service"


KINDS: Mapping[str, Kind] = {
    "cut": Kind(20, _cut),
    "repair": Kind(20, _repair),
    "drain": Kind(8, _drain),
    "undrain": Kind(8, _undrain),
    "kill": Kind(15, _end("kill", signal.SIGKILL)),
    "stop": Kind(5, _end("stop", signal.SIGTERM)),
    "hang": Kind(8, _hang),
    "kill-at-step": Kind(15, _kill_at_step, _no_failpoints),
    "element-refuses": Kind(4, _element("refuse"), _no_failpoints),
    "element-hangs": Kind(4, _element(*(f"sleep({s:g})" for s in SLOW_S)), _no_failpoints),
    "element-breaks": Kind(4, _element("break"), _no_failpoints),
    "element-lies": Kind(4, _element("lie"), _no_failpoints),
    "element-forgets": Kind(4, _forget, _no_elements),
    "clock-jump": Kind(3, _clock, _no_failpoints),
    "full-disk": Kind(4, _full_disk, _no_limits),
    "slow-database": Kind(4, _slow_database, _no_database),
    "endpoint": Kind(3, _endpoint, _no_switch),
}
