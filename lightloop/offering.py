"""A trace played over TAPI, creations and deletions: what is sent when, by whom, and what came of each.

Requests go out at their times divided by the speed, never before; one node pair's go out one after the other,
in the order of the trace, so that a deletion never overtakes its own creation. What is behind its time is
sent late and never left out. Not here: figures (``offered_figures.py``), the twin (``offered_twin.py``).
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from controlplane.client import ServiceRefused
from controlplane.tapi.ids import offered_service_uuid
from controlplane.tapi.wishes import Wishes
from envs.trace import Trace

NOT_ASKED, CARRIED, BLOCKED, FAILED = range(4)  # what became of a request
CONFLICT, NOT_FOUND = 409, 404
PROGRESS_S = 0.25


class OfferError(ValueError):
    """A trace that cannot be offered to this network; names the value, where it stands and the remedy."""


class Controller(Protocol):
    """What is asked of a controller; ``ControllerClient`` is one."""

    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""

    def request_service(
        self,
        source: str,
        destination: str,
        bit_rate_gbps: float,
        max_latency_ms: float,
        service_uuid: str | None,
        *,
        wishes: Wishes,
    ) -> str:
        """Set a service up; ``ServiceRefused`` where it is not."""

    def delete_service(self, uuid: str) -> None:
        """Release a service; ``ServiceRefused`` where it is not."""


@dataclass(frozen=True)
class Due:
    """One thing to send.

    Attributes:
        time_s: when, on the clock of the trace.
        row: of the trace.
        is_deletion: the service's departure, not its arrival.
    """

    time_s: float
    row: int
    is_deletion: bool


@dataclass(frozen=True)
class Offer:
    """What is played, and how.

    Attributes:
        trace: the requests.
        num_requests: so many rows, from the first.
        speed: seconds of the trace per second; infinite: everything at once, in order.
        started: stamp that names this offer; with the trace's id and the row it gives each service's UUID.
        num_clients: how many requests are under way at a time, at most.
        deletes: services are deleted when their holding times end.
    """

    trace: Trace
    num_requests: int
    speed: float
    started: str
    num_clients: int = 1
    deletes: bool = True

    def uuid(self, row: int) -> str:
        """UUID of the service that a row asks for."""
        return offered_service_uuid(self.trace.id, self.started, row)

    def asked(self, row: int) -> dict[str, Any]:
        """A row as the controller's client takes it."""
        trace = self.trace
        return {
            "source": trace.node_names[trace.source[row]],
            "destination": trace.node_names[trace.destination[row]],
            "bit_rate_gbps": float(trace.bit_rate_gbps[row]),
            "max_latency_ms": float(trace.max_latency_ms[row]),
            "service_class": trace.class_names[trace.service_class[row]],
        }

    def pair(self, row: int) -> Hashable:
        """Both ends of a row, in either order."""
        return frozenset((int(self.trace.source[row]), int(self.trace.destination[row])))


@dataclass
class Played:
    """How far an offer is; grows while it is played. Arrays are by row.

    Attributes:
        outcome: (num_requests,) int8, ``NOT_ASKED``, ``CARRIED``, ``BLOCKED`` or ``FAILED``.
        answer_ms: (num_requests,) float64, from sending the creation to its answer; NaN before.
        deleted: (num_requests,) bool.
        reasons: why a row was blocked or failed.
        deletion_failures: why a deletion failed, by row.
        deletion_ms: of each deletion answered.
        time_s: of the trace, up to which all was sent.
        behind_s, most_behind_s: seconds by which the last thing, and the latest of all, was sent late.
        took_s: seconds since it began.
        stopped: somebody ended it before it was through.
    """

    outcome: np.ndarray
    answer_ms: np.ndarray
    deleted: np.ndarray
    reasons: dict[int, str] = field(default_factory=dict)
    deletion_failures: dict[int, str] = field(default_factory=dict)
    deletion_ms: list[float] = field(default_factory=list)
    time_s: float = 0.0
    behind_s: float = 0.0
    most_behind_s: float = 0.0
    took_s: float = 0.0
    stopped: bool = False

    @property
    def standing(self) -> list[int]:
        """Rows whose service stands, or may: it was set up, or nobody knows, and it was not deleted."""
        maybe = (self.outcome == CARRIED) | (self.outcome == FAILED)
        return [int(row) for row in np.flatnonzero(maybe & ~self.deleted)]


def schedule(offer: Offer) -> tuple[Due, ...]:
    """Everything to send, in order; at one time deletions come first, as departures do in the twin.

    It ends with the last arrival: what departs later stands at the end.
    """
    rows, trace = range(offer.num_requests), offer.trace
    due = [Due(float(trace.arrival_s[row]), row, False) for row in rows]
    if offer.deletes:
        ends_s = trace.arrival_s + trace.holding_s
        due += [Due(float(ends_s[row]), row, True) for row in rows if ends_s[row] <= due[-1].time_s]
    return tuple(sorted(due, key=lambda item: (item.time_s, not item.is_deletion, item.row)))


def check(offer: Offer, nodes: Sequence[str]) -> None:
    """Return where every request can be asked for.

    Raises:
        OfferError: a node that the network does not have, or a bit rate that TAPI cannot carry.
    """
    trace, count = offer.trace, offer.num_requests
    for column in (trace.source, trace.destination):
        for index in np.unique(column[:count]):
            if (name := trace.node_names[index]) not in nodes:
                raise OfferError(
                    f"trace {trace.id} asks for node {name!r}, which the running network does not have; "
                    f"there: {', '.join(sorted(nodes))}; lightloop up --scenario NAME changes the network"
                )
    broken = np.flatnonzero(trace.bit_rate_gbps[:count] % 1)
    if broken.size:
        raise OfferError(
            f"trace {trace.id}, row {broken[0]}: {trace.bit_rate_gbps[broken[0]]:g} Gb/s; TAPI carries whole "
            "Gb/s only, so make the trace with such bit rates"
        )


def play(
    offer: Offer,
    controller: Controller,
    stop: threading.Event | None = None,
    on_progress: Callable[[Played], None] | None = None,
) -> Played:
    """The offer, sent; returns when all is answered, or soon after ``stop`` is set.

    Raises:
        OfferError: see ``check``; nothing was sent then.
        ServiceRefused: the controller does not answer at all.
    """
    check(offer, controller.nodes())
    player = _Player(offer, controller, stop or threading.Event())
    with ThreadPoolExecutor(offer.num_clients, thread_name_prefix="offer") as clients:
        working = [clients.submit(player.work) for _ in range(offer.num_clients)]
        try:
            while wait(working, PROGRESS_S).not_done:
                player.look()
                if on_progress:
                    on_progress(player.played)
        finally:
            if any(not item.done() for item in working):
                player.halt()
    for item in working:
        item.result()
    player.look()
    return player.played


def clear(offer: Offer, rows: Sequence[int], controller: Controller) -> tuple[int, dict[int, str]]:
    """Delete the services of some rows: how many are gone, and why others are not."""
    gone, failures = 0, {}
    for row in rows:
        try:
            controller.delete_service(offer.uuid(row))
            gone += 1
        except ServiceRefused as refusal:
            if refusal.status != NOT_FOUND:
                failures[row] = refusal.reason
    return gone, failures


class Turns:
    """Hands out a schedule in its order, of each node pair one thing at a time. Threads may share it.

    Args:
        keys: what must not be under way twice, of each thing in the order of the schedule.
    """

    def __init__(self, keys: Sequence[Hashable]) -> None:
        self._keys = keys
        self._waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for index, key in enumerate(keys):
            self._waiting[key].append(index)
        self._ready = [queue.popleft() for queue in self._waiting.values()]
        heapq.heapify(self._ready)
        self._left = len(keys)
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """The first thing that may go out now; None when there is none any more."""
        with self._changed:
            while self._left and not self._ready:
                self._changed.wait()
            if not self._left:
                return None
            self._left -= 1
            if not self._left:
                self._changed.notify_all()
            return heapq.heappop(self._ready)

    def done(self, index: int) -> None:
        """What was taken has been answered: the next of its key may go out."""
        with self._changed:
            if queue := self._waiting[self._keys[index]]:
                heapq.heappush(self._ready, queue.popleft())
                self._changed.notify()

    def end(self) -> None:
        """Nothing is handed out any more."""
        with self._changed:
            self._left = 0
            self._changed.notify_all()


class _Player:
    """One playing of an offer."""

    def __init__(self, offer: Offer, controller: Controller, stop: threading.Event) -> None:
        count = offer.num_requests
        self._offer, self._controller, self._stop = offer, controller, stop
        self._due = schedule(offer)
        self._turns = Turns([offer.pair(item.row) for item in self._due])
        self._lock = threading.Lock()
        self.played = Played(np.zeros(count, np.int8), np.full(count, np.nan), np.zeros(count, np.bool_))
        self._began = time.monotonic()

    def work(self) -> None:
        """Send what is due, one thing after the other, until there is nothing more."""
        try:
            while (index := self._turns.take()) is not None:
                item = self._due[index]
                if not self._wait_for(item):
                    self.halt()
                    return
                if item.is_deletion:
                    self._delete(item.row)
                else:
                    self._create(item.row)
                self._turns.done(index)
        except BaseException:  # a defect: the others must not wait for what this one had
            self.halt()
            raise

    def look(self) -> None:
        """Bring the time that it has taken up to now."""
        self.played.took_s = time.monotonic() - self._began

    def halt(self) -> None:
        """Send nothing more; what is under way is answered."""
        self.played.stopped = True
        self._stop.set()
        self._turns.end()

    def _wait_for(self, item: Due) -> bool:
        """Whether it is time to send a thing; False where the offer has been ended meanwhile."""
        due_s = (item.time_s - self._due[0].time_s) / self._offer.speed
        if (early_s := due_s - (time.monotonic() - self._began)) > 0:
            self._stop.wait(early_s)
        if self._stop.is_set():
            return False
        behind_s = max(0.0, time.monotonic() - self._began - due_s)
        with self._lock:
            played = self.played
            played.time_s = max(played.time_s, item.time_s - self._due[0].time_s)
            if self._offer.speed != float("inf"):  # else nothing has a time
                played.behind_s, played.most_behind_s = behind_s, max(behind_s, played.most_behind_s)
        return True

    def _create(self, row: int) -> None:
        asked, reason, outcome = self._offer.asked(row), "", CARRIED
        wishes = Wishes(asked.pop("service_class"))
        began = time.perf_counter()
        try:
            self._controller.request_service(**asked, service_uuid=self._offer.uuid(row), wishes=wishes)
        except ServiceRefused as refusal:
            reason, outcome = refusal.reason, BLOCKED if refusal.status == CONFLICT else FAILED
        took_ms = (time.perf_counter() - began) * 1000
        with self._lock:
            self.played.outcome[row], self.played.answer_ms[row] = outcome, took_ms
            if reason:
                self.played.reasons[row] = reason

    def _delete(self, row: int) -> None:
        if self.played.outcome[row] == BLOCKED:
            return
        began = time.perf_counter()
        try:
            self._controller.delete_service(self._offer.uuid(row))
            failure = ""
        except ServiceRefused as refusal:
            # Where the creation failed the service may never have been.
            is_gone = refusal.status == NOT_FOUND and self.played.outcome[row] == FAILED
            failure = "" if is_gone else refusal.reason
        took_ms = (time.perf_counter() - began) * 1000
        with self._lock:
            self.played.deletion_ms.append(took_ms)
            if failure:
                self.played.deletion_failures[row] = failure
            else:
                self.played.deleted[row] = True
