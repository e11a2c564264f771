"""Set-ups and deletions at a given rate, whatever the answers take: arrivals are Poisson and wait for nobody.

The time of an answer counts from when its request was due, not from when a client was free to send it: a
server that stands still for a second makes all that were due meanwhile late, and all of them are seen.
Clients that wait for their answers before they ask again are in ``controlplane_load.py``.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import numpy as np

from benchmarks.controlplane_load import BIT_RATE_GBPS, CREATED, REFUSED, WHERE, Connection
from controlplane.client import CONNECTIVITY
from controlplane.tapi.service_body import build_service

HOLDING_S = 2.0  # from the answer of a set-up to its deletion
LOOK_S = 0.005
DELETED = (200, 204)
NO_ANSWER = 0


@dataclass(frozen=True)
class Answer:
    """What became of one request; times by ``time.perf_counter``.

    Attributes:
        due_s: when it was to be sent.
        answered_s: when the answer was there, or that there will be none.
        status: of the answer; ``NO_ANSWER`` where the connection broke or time ran out.
        is_deletion: else it is a set-up.
    """

    due_s: float
    answered_s: float
    status: int
    is_deletion: bool

    @property
    def took_ms(self) -> float:
        """From when it was due."""
        return (self.answered_s - self.due_s) * 1000.0

    @property
    def has_failed(self) -> bool:
        """Answered with neither success nor, for a set-up, a refusal for want of room."""
        return self.status not in (DELETED if self.is_deletion else (CREATED, REFUSED))


@dataclass(frozen=True)
class Part:
    """What was seen of the requests that were due in one stretch of time.

    Attributes:
        seconds: its length.
        setups_ms, deletions_ms: of each that was answered with success, from when it was due.
        refused: set-ups for which there was no room.
        failed: set-ups and deletions that were answered with anything else, or not at all.
        waiting: due in it, and not answered at its end.
        rate_per_s: set-ups a second that were asked for.
    """

    seconds: float
    setups_ms: list[float] = field(repr=False)
    deletions_ms: list[float] = field(repr=False)
    refused: int
    failed: int
    waiting: int
    rate_per_s: float

    @property
    def kept_up(self) -> bool:
        """At the end no more waits than comes in a second, set-ups and deletions together."""
        return self.waiting <= max(2.0 * self.rate_per_s, 2.0)


def part_of(answers: Sequence[Answer], begin_s: float, end_s: float, rate_per_s: float) -> Part:
    """The part of the answers whose requests were due from ``begin_s`` to ``end_s``."""
    due = [item for item in answers if begin_s <= item.due_s < end_s]
    good = [item for item in due if not item.has_failed]
    return Part(
        seconds=end_s - begin_s,
        setups_ms=[item.took_ms for item in good if item.status == CREATED],
        deletions_ms=[item.took_ms for item in good if item.is_deletion],
        refused=sum(item.status == REFUSED and not item.is_deletion for item in due),
        failed=len(due) - len(good),
        waiting=sum(item.answered_s > end_s for item in due),
        rate_per_s=rate_per_s,
    )


def joined(parts: Sequence[Part]) -> Part:
    """Several parts as one; ``waiting`` is the most of any."""
    return Part(
        seconds=sum(item.seconds for item in parts),
        setups_ms=[ms for item in parts for ms in item.setups_ms],
        deletions_ms=[ms for item in parts for ms in item.deletions_ms],
        refused=sum(item.refused for item in parts),
        failed=sum(item.failed for item in parts),
        waiting=max(item.waiting for item in parts),
        rate_per_s=parts[0].rate_per_s,
    )


def quantile_ms(values: Sequence[float], share: float) -> float | None:
    """What this share took at most; None where there are none."""
    return float(np.quantile(values, share)) if values else None


class OpenLoad:
    """Requests go out from entering the block to leaving it; then what stands is deleted.

    Args:
        url: of the controller.
        headers: what a request shows.
        sips: service interface point of each node.
        direction: of the services.
        rate_per_s: set-ups a second; as many deletions follow.
        seed: of times, pairs and UUIDs.
        num_connections: requests that may be under way at a time.
    """

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        sips: dict[str, str],
        direction: str,
        *,
        rate_per_s: float,
        seed: int = 1,
        num_connections: int = 128,
    ) -> None:
        self._url, self._headers = url, headers
        self._sips, self._direction = sips, direction
        self._rate_per_s = rate_per_s
        self._random = Random(seed)
        self._own, self._lock = threading.local(), threading.Lock()
        self._departures: list[tuple[float, str]] = []
        self._answers: list[Answer] = []
        self._connections: list[Connection] = []
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(num_connections, thread_name_prefix="open-load")
        self._dispatcher = threading.Thread(target=self._dispatch)

    def __enter__(self) -> OpenLoad:
        self._dispatcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._dispatcher.join()
        self._pool.shutdown()
        for _due_s, uuid in self._departures:
            self._delete(time.perf_counter(), uuid)
        for connection in self._connections:
            connection.close()

    def answers(self) -> tuple[Answer, ...]:
        """Of all requests so far; after the block, of all."""
        with self._lock:
            return tuple(self._answers)

    def _dispatch(self) -> None:
        """Hand each request to a connection when it is due."""
        arrival_s = time.perf_counter()
        sent: list[Future[None]] = []
        while not self._ended.is_set():
            arrival_s += self._random.expovariate(self._rate_per_s)
            pair = self._random.sample(list(self._sips), 2)
            uuid = str(UUID(int=self._random.getrandbits(128), version=4))
            while (left_s := arrival_s - time.perf_counter()) > 0 and not self._ended.is_set():
                sent += self._due_deletions()
                time.sleep(min(left_s, LOOK_S))
            sent += [*self._due_deletions(), self._pool.submit(self._create, arrival_s, uuid, pair)]
        for item in sent:
            item.result()  # a defect of this file is raised; what a server does wrong is an answer

    def _due_deletions(self) -> list[Future[None]]:
        found: list[Future[None]] = []
        with self._lock:
            while self._departures and self._departures[0][0] <= time.perf_counter():
                found.append(self._pool.submit(self._delete, *heapq.heappop(self._departures)))
        return found

    def _create(self, due_s: float, uuid: str, pair: list[str]) -> None:
        source, destination = (self._sips[node] for node in pair)
        body = build_service(uuid, source, destination, BIT_RATE_GBPS, direction=self._direction)
        answer = self._asked(due_s, False, "POST", CONNECTIVITY, body)
        if answer.status != REFUSED:  # where it failed the service may be there all the same
            with self._lock:
                heapq.heappush(self._departures, (answer.answered_s + HOLDING_S, uuid))

    def _delete(self, due_s: float, uuid: str) -> None:
        self._asked(due_s, True, "DELETE", WHERE + uuid)

    def _asked(self, due_s: float, is_deletion: bool, method: str, path: str, body: object = None) -> Answer:
        connection = self._connection()
        try:
            status, _ = connection.ask(method, path, body)
        except OSError:
            status = NO_ANSWER
        answer = Answer(due_s, time.perf_counter(), status, is_deletion)
        with self._lock:
            self._answers.append(answer)
        return answer

    def _connection(self) -> Connection:
        if (connection := getattr(self._own, "connection", None)) is None:
            connection = self._own.connection = Connection(self._url, self._headers)
            with self._lock:
                self._connections.append(connection)
        return connection
