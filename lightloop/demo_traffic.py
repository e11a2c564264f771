"""The traffic of the demo: stretches offered over TAPI one after the other, as one stream on one clock.

What stands when a stretch ends departs at its own time during the next one; between stretches the clock of
the traffic stands still. Not here: sending (``offering.py``), what is told of it (``demo_story.py``).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from controlplane.client import ControllerClient, ServiceRefused
from envs.plant import Plant
from envs.traffic import PoissonTraffic, make_trace
from lightloop.offered_figures import FAILED, counts_of, reasons_of
from lightloop.offering import NOT_FOUND, Offer, Played, play

LOOK_S = 0.2


@dataclass(frozen=True)
class OfferedStretch:
    """What was offered, and what came of it.

    Attributes:
        name: for people.
        began_s, ended_s: since 1970 UTC.
        offered, carried, blocked: requests.
        failed: creations, and deletions of whatever stretch, that got an error for an answer, or none.
        failed_reasons: each kind with an example.
        answer_p99_ms: from sending a creation to its answer; NaN of nothing.
        most_behind_s: by which the latest was sent late.
    """

    name: str
    began_s: float
    ended_s: float
    offered: int
    carried: int
    blocked: int
    failed: int
    failed_reasons: tuple[str, ...]
    answer_p99_ms: float
    most_behind_s: float

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Leaving:
    """A service of an earlier stretch: it departs after so many seconds of the traffic's clock."""

    after_s: float
    uuid: str


class Stream:
    """Offers stretches, one at a time.

    Args:
        client: of the controller.
        plant: that the requests are drawn for.
        speed: seconds of traffic in a second of the clock.
        num_clients: requests under way at a time, at most.
        seed: of the first stretch; each further one takes the next.
    """

    def __init__(
        self, client: ControllerClient, plant: Plant, speed: float, num_clients: int, seed: int
    ) -> None:
        self._client, self._plant, self._speed, self._num_clients = client, plant, speed, num_clients
        self._seed, self._left = seed, list[Leaving]()

    def offering(self, name: str, traffic: PoissonTraffic, num_requests: int) -> Offering:
        """A stretch that begins now, in a thread of its own; a context manager that ends it."""
        trace = make_trace(traffic, self._plant, num_requests, self._seed)
        self._seed += 1
        stamp = f"demo-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        offer = Offer(trace, num_requests, self._speed, stamp, self._num_clients)
        return Offering(name, offer, self._client, self)

    def take_over(self) -> list[Leaving]:
        """Who still stands, to be seen off by the next stretch."""
        left, self._left = self._left, []
        return left

    def hand_back(self, left: list[Leaving]) -> None:
        """Who stands after a stretch."""
        self._left = left

    def clear(self) -> int:
        """Delete whatever stands of the stream; how many services that were."""
        gone = 0
        for item in self.take_over():
            gone += not _delete(self._client, item.uuid)
        return gone


class Offering:
    """A stretch while it is offered."""

    def __init__(self, name: str, offer: Offer, client: ControllerClient, stream: Stream) -> None:
        self._name, self._offer, self._client, self._stream = name, offer, client, stream
        self._stop, self._over = threading.Event(), threading.Event()
        self._failures: list[str] = []
        self._played: Played | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="demo offer")
        self._began_s = self._ended_s = time.time()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def so_far(self) -> tuple[int, int]:
        """Requests offered, and blocked."""
        if self._played is None:
            return 0, 0
        counts = counts_of(self._played)
        return counts.offered, counts.blocked

    @property
    def is_over(self) -> bool:
        """Whether nothing is offered any more."""
        return self._over.is_set()

    def wait(self, seconds: float = LOOK_S) -> None:
        """Wait, until it is over at most."""
        self._over.wait(seconds)

    def stop(self) -> None:
        """Offer nothing more; what is under way is answered."""
        self._stop.set()

    def end(self) -> OfferedStretch:
        """Offer nothing more, and say what was.

        Raises:
            ServiceRefused: the controller does not answer at all.
        """
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        played = self._played
        assert played is not None
        counts = counts_of(played)
        failures = [*self._failures, *played.deletion_failures.values()]
        reasons = [item["example"] for item in reasons_of(played, FAILED)] + failures[:3]
        answered_ms = played.answer_ms[np.isfinite(played.answer_ms)]
        return OfferedStretch(
            name=self._name,
            began_s=self._began_s,
            ended_s=self._ended_s,
            offered=counts.offered,
            carried=counts.carried,
            blocked=counts.blocked,
            failed=counts.failed + len(failures),
            failed_reasons=tuple(reasons),
            answer_p99_ms=float(np.percentile(answered_ms, 99)) if answered_ms.size else float("nan"),
            most_behind_s=played.most_behind_s,
        )

    def _run(self) -> None:
        earlier = sorted(self._stream.take_over(), key=lambda item: item.after_s)
        leaving = threading.Thread(target=self._see_off, args=(earlier,), name="demo departures")
        self._began_s = time.time()
        try:
            leaving.start()
            self._played = play(self._offer, self._client, self._stop, self._look)
        except BaseException as error:
            self._error = error
        finally:
            self._ended_s = time.time()
            self._over.set()
            leaving.join()
            if self._played is not None:
                own = still_standing(self._offer, self._played)
                passed_s = self._played.time_s
                earlier = [replace(item, after_s=max(item.after_s - passed_s, 0.0)) for item in earlier]
                self._stream.hand_back([*earlier, *own])

    def _look(self, played: Played) -> None:
        self._played = played

    def _see_off(self, earlier: list[Leaving]) -> None:
        """Delete services of earlier stretches when their time comes; whoever stays is left in the list."""
        began = time.monotonic()
        while earlier:
            early_s = earlier[0].after_s / self._offer.speed - (time.monotonic() - began)
            if self._over.wait(max(early_s, 0.0)):
                return
            if reason := _delete(self._client, earlier.pop(0).uuid):
                self._failures.append(reason)


def still_standing(offer: Offer, played: Played) -> list[Leaving]:
    """The services of an offer that stand at its end, with the rest of their holding times."""
    trace = offer.trace
    now_s = float(trace.arrival_s[0]) + played.time_s
    rest_s = trace.arrival_s + trace.holding_s - now_s
    return [Leaving(max(float(rest_s[row]), 0.0), offer.uuid(row)) for row in played.standing]


def shifted(traffic: PoissonTraffic, plant: Plant) -> tuple[PoissonTraffic, tuple[str, ...]]:
    """The same load, with two node pairs that ask 20 times as often, both ways; and which two.

    They are those of ``docs/forecast.md``.
    """
    from benchmarks.forecast import shifts

    weights = shifts(plant.num_nodes)[0].traffic.pair_weights
    assert weights is not None
    names = plant.topology.node_names
    hot = tuple(f"{names[a]}-{names[b]}" for a, b in np.argwhere(np.triu(weights) == weights.max()))
    return replace(traffic, pair_weights=weights), hot


def _delete(client: ControllerClient, uuid: str) -> str:
    """Why a service could not be deleted; empty where it is gone."""
    try:
        client.delete_service(uuid)
    except ServiceRefused as refusal:
        return "" if refusal.status == NOT_FOUND else refusal.reason
    return ""
