"""Clients that set services up and take them down again, and what they waited for.

Not here: what they are pointed at (``controlplane_stack.py``), what is made of it (``controlplane.py``).
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np

from benchmarks.controlplane_stack import Stack
from controlplane.client import CONNECTIVITY, ControllerClient
from controlplane.tapi.errors import YANG_DATA_JSON
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL, build_service

BIT_RATE_GBPS = 25.0
ROUND = 200  # set-ups between two pauses, in which they are taken down again
READ_EVERY_S = 0.01
TIMEOUT_S = 120.0
IDLE_S = 30.0  # less than a process of ours keeps a connection that nobody asks on
CREATED, REFUSED = 201, 409
CLIENTS = "clients"  # beside the names of processes
WHERE = f"{CONNECTIVITY}/connectivity-service="
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LoadError(ValueError):
    """The controller does not do what the measurement needs; says what it answered."""


@dataclass
class Waited:
    """What clients waited for.

    Attributes:
        setups_ms: of each service that was set up.
        seconds: on the clock, of the rounds together; a round ends when no request is left to be taken up, as
            fewer clients ask from then on.
        in_rounds: set-ups that were answered by the end of their round.
        gaps_ms: between one answer and the next of any client, in a round.
        reads_ms: of whoever reads one service meanwhile.
        refused: set-ups for which there was no room.
        failed: set-ups that were answered with anything else.
        failures: what those were told, and how often.
        cpu_s: processor time in the rounds: of each process of the stack, and of the clients here.
    """

    setups_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    in_rounds: int = 0
    gaps_ms: list[float] = field(default_factory=list)
    reads_ms: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        """Set-ups a second."""
        return self.in_rounds / self.seconds if self.seconds else float("nan")

    def quantile_ms(self, share: float) -> float:
        """That this share of the set-ups took at most."""
        return float(np.quantile(self.setups_ms, share)) if self.setups_ms else float("nan")


class Connection:
    """One client's connection, kept alive; with no pool around it, so that asking costs little."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._headers = {**headers, "Content-Type": YANG_DATA_JSON, "Accept": YANG_DATA_JSON}
        self._http = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self._answered_s = time.monotonic()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer.

        Raises:
            OSError: there was none; the next request opens the connection again.
        """
        sent = None if body is None else json.dumps(body).encode()
        if time.monotonic() - self._answered_s > IDLE_S:
            self._http.close()  # whoever is asked may have closed it
        try:
            self._http.request(method, path, sent, self._headers | headers)
            answer = self._http.getresponse()
            told = answer.status, answer.read()
        except (HTTPException, OSError) as error:
            self._http.close()
            raise OSError(f"no answer to {method} {path}: {error!r}") from error
        self._answered_s = time.monotonic()
        return told

    def close(self) -> None:
        """Close it."""
        self._http.close()


class Clients:
    """Sets services up on a stack between random pairs of nodes.

    Args:
        stack: of which the controller is asked.
        seed: of the pairs and UUIDs.

    Attributes:
        standing: UUIDs of the services that are up, in order.
    """

    def __init__(self, stack: Stack, seed: int = 1) -> None:
        self._stack = stack
        self._random = Random(seed)
        self._lock = threading.Lock()
        with ControllerClient(stack.url("controller"), stack.home.credentials()) as client:
            self._sips = client.sips()
        self._direction = BIDIRECTIONAL if stack.config.plant.shared_spectrum else UNIDIRECTIONAL
        self.standing: list[str] = []

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return tuple(self._sips)

    def fill(self, count: int, num_clients: int, say: Callable[[str], None]) -> None:
        """Have so many services standing.

        Raises:
            LoadError: the network has no room for them, or the controller fails.
        """
        while (missing := count - len(self.standing)) > 0:
            say(f"{len(self.standing):,} of {count:,} services stand")
            waited = Waited()
            self._round(min(missing, 5 * ROUND), num_clients, self.nodes, waited, self.standing)
            if waited.failed or waited.refused > 0.1 * ROUND:
                raise LoadError(
                    f"{len(self.standing):,} services stand, and of {min(missing, 5 * ROUND)} further ones "
                    f"{waited.refused} were refused and {waited.failed} failed; more slots are needed "
                    "(--slots), or the log of the controller"
                )

    def measure(self, num_clients: int, seconds: float, nodes: Sequence[str] = ()) -> Waited:
        """Set-ups among what stands, for so long; each is taken down again in a pause that does not count.

        Args:
            num_clients: that ask at the same time.
            seconds: of rounds.
            nodes: where services begin and end; all where none are told.
        """
        waited = Waited()
        reading = threading.Event()
        reader = threading.Thread(target=self._read, args=(reading, waited))
        while waited.seconds < seconds:
            made: list[str] = []
            self._round(ROUND, num_clients, nodes or self.nodes, waited, made, reader)
            self.take_down(made, num_clients)
        reading.set()
        if reader.ident is not None:
            reader.join()
        return waited

    def take_down(self, uuids: Sequence[str], num_clients: int) -> None:
        """Delete services; one that fails is asked for once more at the end.

        Raises:
            LoadError: it fails again.
        """
        left: list[str] = []

        def delete(connection: Connection, uuid: str) -> None:
            status, _ = connection.ask("DELETE", WHERE + uuid)
            if status >= 500:
                with self._lock:
                    left.append(uuid)

        self._side_by_side(uuids, num_clients, delete)
        again, left = left, []
        self._side_by_side(again, 1, delete)
        if left:
            raise LoadError(f"{len(left)} services cannot be deleted")

    def _round(
        self,
        count: int,
        num_clients: int,
        nodes: Sequence[str],
        waited: Waited,
        made: list[str],
        reader: threading.Thread | None = None,
    ) -> None:
        pairs = [self._random.sample(list(nodes), 2) for _ in range(count)]
        uuids = [str(UUID(int=self._random.getrandbits(128), version=4)) for _ in range(count)]
        ended: list[tuple[float, bool]] = []

        def create(connection: Connection, asked: tuple[str, list[str]]) -> None:
            uuid, (source, destination) = asked
            ends = self._sips[source], self._sips[destination]
            body = build_service(uuid, *ends, BIT_RATE_GBPS, direction=self._direction)
            began = time.perf_counter()
            status, told = connection.ask("POST", CONNECTIVITY, body)
            now = time.perf_counter()
            with self._lock:
                ended.append((now, status == CREATED))
                if status == CREATED:
                    waited.setups_ms.append((now - began) * 1000.0)
                    made.append(uuid)
                elif status == REFUSED:
                    waited.refused += 1
                else:
                    waited.failed += 1
                    waited.failures[f"{status} {_UUID.sub('UUID', told.decode(errors='replace'))[:300]}"] += 1

        if reader is not None and reader.ident is None:
            reader.start()
        before, began = self._cpu_s(), time.perf_counter()
        end = self._side_by_side(list(zip(uuids, pairs, strict=True)), num_clients, create)
        after = self._cpu_s()
        answers = sorted(item for item in ended if item[0] <= end)
        waited.seconds += end - began
        waited.in_rounds += sum(is_created for _, is_created in answers)
        times = [began, *(now for now, _ in answers), end]
        waited.gaps_ms += [(b - a) * 1000.0 for a, b in pairwise(times)]
        for name, cpu_s in after.items():
            waited.cpu_s[name] = waited.cpu_s.get(name, 0.0) + cpu_s - before[name]

    def _cpu_s(self) -> dict[str, float]:
        return self._stack.cpu_s() | {CLIENTS: time.process_time()}

    def _read(self, ended: threading.Event, waited: Waited) -> None:
        connection = self._connection()
        while not ended.wait(READ_EVERY_S):
            began = time.perf_counter()
            connection.ask("GET", WHERE + (self.standing[0] if self.standing else str(UUID(int=0))))
            waited.reads_ms.append((time.perf_counter() - began) * 1000.0)
        connection.close()

    def _side_by_side(self, items: Sequence[Any], num_clients: int, work: Callable[..., None]) -> float:
        """Each item is somebody's, and nobody waits for another; the first error is raised.

        Returns:
            When the first who looked for one more found none, by ``time.perf_counter``.
        """
        queue = itertools.count()
        errors: list[BaseException] = []
        none_left: list[float] = []

        def live() -> None:
            connection = self._connection()
            try:
                while not errors and (index := next(queue)) < len(items):
                    work(connection, items[index])
                none_left.append(time.perf_counter())
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=live) for _ in range(min(num_clients, len(items)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return min(none_left, default=time.perf_counter())

    def _connection(self) -> Connection:
        return Connection(self._stack.url("controller"), self._stack.headers)


def row_of(stack: Stack, waited: Waited, num_clients: int, standing: int, hung: str = "") -> dict[str, Any]:
    """What was waited for, as it is stored: one row of the benchmark."""
    done = max(1, len(waited.setups_ms))
    return {
        "topology": stack.config.plant.topology,
        "slots": stack.config.plant.num_slots,
        "clients": num_clients,
        "standing": standing,
        "hung": hung,
        "p50_ms": waited.quantile_ms(0.5),
        "p99_ms": waited.quantile_ms(0.99),
        "per_s": waited.per_s,
        "setups": len(waited.setups_ms),
        "refused": waited.refused,
        "failed": waited.failed,
        "failures": dict(waited.failures),
        # In which nobody was answered, or a reader waited.
        "longest_stall_ms": max([*waited.gaps_ms, *waited.reads_ms], default=float("nan")),
        "read_p50_ms": float(np.median(waited.reads_ms)) if waited.reads_ms else float("nan"),
        "cpu_ms": {name: 1000.0 * cpu_s / done for name, cpu_s in waited.cpu_s.items()},
    }
