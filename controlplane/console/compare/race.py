"""Two networks of one plant that get the same requests, each under a policy of its own. In the twin only.

What a lane tells of its network are changes as a controller tells them, so that the page can draw it as it
draws the live one. Not here: who scores (``contestants.py``), how fast (``page.py``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.candidates import Candidate, Observation, observe
from envs.network import Network, life_of_row
from envs.plant import Plant
from envs.request import Request
from envs.trace import Trace

Scorer = Callable[[Observation], np.ndarray]


@dataclass(frozen=True)
class RaceContestant:
    """Who decides in a lane.

    Attributes:
        name: as people call it.
        scores: (M,) of an observation's candidates; the first highest that is allowed is taken.
    """

    name: str
    scores: Scorer


@dataclass
class Lane:
    """One network and what became of the requests on it.

    Attributes:
        plant: of the network, with the forecast that its contestant wants to see.
        contestant: decides.
        outcomes: of each request so far, True where it was blocked.
    """

    plant: Plant
    contestant: RaceContestant
    outcomes: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._network = Network(self.plant)
        self._standing: list[tuple[float, int, Candidate]] = []  # a heap: when it ends, row, lightpath
        self._version = 0

    @property
    def num_blocked(self) -> int:
        """Requests blocked so far."""
        return sum(self.outcomes)

    def serve(self, trace: Trace, row: int) -> list[dict[str, Any]]:
        """What changes by the next request: departures until it comes, and its own lightpath, if any."""
        now_s = float(trace.arrival_s[row])
        changes = []
        while self._standing and self._standing[0][0] <= now_s:
            _, gone, lightpath = heapq.heappop(self._standing)
            self._network.release(lightpath.nodes, lightpath.first_slot, lightpath.num_slots)
            changes.append(self._change("lightpath-removed", trace, gone, lightpath))
        life = life_of_row(trace, row)
        request = Request(
            int(trace.source[row]),
            int(trace.destination[row]),
            float(trace.bit_rate_gbps[row]),
            float(trace.max_latency_ms[row]),
            arrival_s=now_s,
            told_end_s=life.told_end_s,
            service_class=life.service_class,
        )
        observation, candidates = observe(self.plant, self._network, request)
        chosen = self._chosen(observation)
        self.outcomes.append(chosen is None)
        if chosen is not None:
            lightpath = candidates[chosen]
            block = lightpath.nodes, lightpath.first_slot, lightpath.num_slots
            self._network.provision(*block, lightpath.modulation_format, life)
            heapq.heappush(self._standing, (now_s + float(trace.holding_s[row]), row, lightpath))
            changes.append(self._change("lightpath-added", trace, row, lightpath))
        return changes

    def _chosen(self, observation: Observation) -> int | None:
        mask = observation.action_mask
        if not mask.any():
            return None
        return int(np.argmax(np.where(mask, self.contestant.scores(observation), -np.inf)))

    def _change(self, kind: str, trace: Trace, row: int, lightpath: Candidate) -> dict[str, Any]:
        self._version += 1
        names = self.plant.topology.node_names
        return {
            "version": self._version,
            "kind": kind,
            "service_uuid": f"request {row + 1}",
            "nodes": [names[node] for node in lightpath.nodes],
            "first_slot": lightpath.first_slot,
            "num_slots": lightpath.num_slots,
            "modulation_format": lightpath.modulation_format,
            "bit_rate_gbps": float(trace.bit_rate_gbps[row]),
            "latency_ms": lightpath.latency_ms,
            "decided_by": self.contestant.name,
        }


class Race:
    """Both lanes on one trace.

    Args:
        trace: the requests.
        lanes: the two networks.
    """

    def __init__(self, trace: Trace, lanes: tuple[Lane, Lane]) -> None:
        self.trace, self.lanes = trace, lanes
        self.num_served = 0

    @property
    def is_over(self) -> bool:
        """No request is left."""
        return self.num_served == self.trace.num_requests

    def advance(self, num_requests: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The next requests, on both; what changed on each."""
        changes: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        for row in range(self.num_served, min(self.num_served + num_requests, self.trace.num_requests)):
            for lane, changed in zip(self.lanes, changes, strict=True):
                changed += lane.serve(self.trace, row)
            self.num_served = row + 1
        return changes

    def curves(self, num_points: int = 200) -> Iterator[tuple[int, float, float]]:
        """(requests, share blocked of these in each lane), at evenly spaced places up to now."""
        blocked = [np.cumsum(lane.outcomes) for lane in self.lanes]
        for served in np.unique(
            np.linspace(1, self.num_served, min(num_points, self.num_served)).astype(int)
        ):
            left, right = (float(each[served - 1]) / served for each in blocked)
            yield int(served), left, right

    def differing(self) -> tuple[int, int]:
        """Requests that only the left, and only the right, blocked."""
        left, right = (np.array(lane.outcomes, bool) for lane in self.lanes)
        return int((left & ~right).sum()), int((right & ~left).sum())
