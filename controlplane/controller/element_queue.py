"""One element's work in turn: bring services to what is wanted there, audit it, know whether it answers.

An element is told what is wanted *when its turn comes*, whatever was wanted when it was asked for: so nothing
that is out of date is ever done, and what waits together goes in one edit. An element that refused or did not
answer is *suspect*: before anything else is done there, it is read and brought to all that is wanted. One
that does not answer holds up nobody but who needs it. Not here: what is wanted, and who waits for it
(``configure.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol

from controlplane.elements.interface import CrossConnect, Edit, ElementError, Southbound, UnreachableError

log = logging.getLogger(__name__)
HANGS_S = 1.0  # a call that takes longer; an element takes some ms
SLOW_S = 0.3  # so long nobody minds; after it, new services rather go elsewhere


class Wanted(Protocol):
    """What an element should hold."""

    def of(self, node: str, uuid: str) -> CrossConnect | None:
        """For one service."""

    def all(self, node: str) -> Mapping[str, CrossConnect]:
        """For every service."""


@dataclass(frozen=True, eq=False)
class _Task:
    uuids: frozenset[str]
    is_audit: bool
    done: Future[None]


class ElementQueue:
    """The work of one element; safe to share between threads.

    Args:
        node: the element.
        southbound: how it is reached.
        wanted: what it should hold.
        executor: has a thread for each element.
    """

    def __init__(self, node: str, southbound: Southbound, wanted: Wanted, executor: Executor) -> None:
        self.node = node
        self._southbound = southbound
        self._wanted = wanted
        self._executor = executor
        self._lock = threading.Lock()
        self._waiting: list[_Task] = []
        self._is_working = False
        self._call_began_s: float | None = None
        self._suspicions = 1  # the first thing that a controller suspects is every element
        self._cleared = 0
        self._away = ""  # why; empty where it answers

    @property
    def is_suspect(self) -> bool:
        """It may not hold what is wanted."""
        with self._lock:
            return self._suspicions > self._cleared

    @property
    def is_away(self) -> bool:
        """It did not answer when it was asked last."""
        return bool(self._away)

    @property
    def hangs(self) -> bool:
        """It has not answered yet what it was asked a while ago."""
        return self._waits_s > HANGS_S

    @property
    def is_slow(self) -> bool:
        """It has not answered yet what it was asked a moment ago; it may hang, and may only be busy."""
        return self._waits_s > SLOW_S

    @property
    def _waits_s(self) -> float:
        """For its answer to what it is asked now; 0 where it is asked nothing."""
        began_s = self._call_began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    @property
    def length(self) -> int:
        """Tasks that wait for their turn."""
        return len(self._waiting)

    def suspect(self) -> None:
        """Have it audited before it is used again."""
        with self._lock:
            self._suspicions += 1

    def bring(self, uuids: Iterable[str]) -> Future[None]:
        """Bring services to what is wanted; the future fails with ``ElementError`` where it could not."""
        return self._submit(_Task(frozenset(uuids), False, Future()))

    def audit(self) -> Future[None]:
        """Read everything, and bring it to what is wanted."""
        return self._submit(_Task(frozenset(), True, Future()))

    def give_up(self, future: Future[None], waited_s: float) -> ElementError:
        """Nobody waits for a task any more: the element is away, and so it is for all that wait."""
        error = UnreachableError(self.node, f"no answer in {waited_s:g} s")
        with self._lock:
            if future.done():
                return error
            self._suspicions += 1
            self._away = str(error)
            left, self._waiting = self._waiting, []
        _fail(left, error)
        return error

    def _submit(self, task: _Task) -> Future[None]:
        with self._lock:
            if self._away and self.hangs:
                why = self._away.removeprefix(f"element {self.node}: ")
                task.done.set_exception(UnreachableError(self.node, why))
                return task.done
            self._waiting.append(task)
            starts = not self._is_working
            self._is_working = True
        if starts:
            self._executor.submit(self._work)
        return task.done

    def _work(self) -> None:
        while True:
            with self._lock:
                together, self._waiting = self._waiting, []
                if not together:
                    self._is_working = False
                    return
            self._do(together)

    def _do(self, together: list[_Task]) -> None:
        with self._lock:
            self._call_began_s = began_s = time.monotonic()
        try:
            uuids = frozenset[str]().union(*(task.uuids for task in together))
            self._bring(uuids, any(task.is_audit for task in together))
        except BaseException as error:
            if isinstance(error, ElementError) and not isinstance(error, UnreachableError):
                self._away = ""
                if len(together) > 1:  # one of them is at fault; it must not take the others with it
                    for task in together:
                        self._do([task])
                    return
            self._failed(together, error, time.monotonic() - began_s)
        else:
            self._away = ""
            for task in together:
                _set(task.done, None)
        finally:
            with self._lock:
                self._call_began_s = None

    def _failed(self, together: list[_Task], error: BaseException, took_s: float) -> None:
        with self._lock:
            self._suspicions += 1
            if isinstance(error, UnreachableError):
                self._away = str(error)
                if took_s > HANGS_S:  # it would only be waited for again
                    together = [*together, *self._waiting]
                    self._waiting = []
        _fail(together, error)

    def _bring(self, uuids: Collection[str], is_audit: bool) -> None:
        with self._lock:
            known, is_suspect = self._suspicions, self._suspicions > self._cleared
        if not (is_audit or is_suspect):
            wanted = {uuid: self._wanted.of(self.node, uuid) for uuid in uuids}
            self._edit(wanted)
            return
        running = {item.service_uuid: item for item in self._southbound.running(self.node)}
        everything = self._wanted.all(self.node)
        differing = {
            uuid: everything.get(uuid)
            for uuid in (*running, *everything)
            if running.get(uuid) != everything.get(uuid)
        }
        if differing:
            if others := differing.keys() - set(uuids):
                log.warning("element %s: %d cross-connects put right", self.node, len(others))
            self._edit(differing)
        with self._lock:
            self._cleared = known

    def _edit(self, wanted: Mapping[str, CrossConnect | None]) -> None:
        put = tuple(item for item in wanted.values() if item is not None)
        remove = tuple(uuid for uuid, item in wanted.items() if item is None)
        held = {item.service_uuid: item for item in self._southbound.edit(self.node, Edit(put, remove))}
        for uuid, item in wanted.items():
            if held.get(uuid) != item:
                what = "still holds the" if item is None else "does not hold the committed"
                raise ElementError(self.node, "operation-failed", f"{what} cross-connect of {uuid}")


def _fail(tasks: Iterable[_Task], error: BaseException) -> None:
    for task in tasks:
        _set(task.done, error)


def _set(future: Future[None], error: BaseException | None) -> None:
    if not future.done():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
