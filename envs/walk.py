"""A trace walked through one request at a time, with the code that decides online.

For what needs to see every decision; slow beside the kernels. Figures of merit: ``evaluation.py``.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from envs.candidates import Candidate, Observation, observe
from envs.network import UNTOLD, Network, life_of_row
from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.request import Request
from envs.trace import Trace

Route = tuple[tuple[int, ...], int, int, str]  # nodes, first slot, number of slots, modulation format
Standing = tuple[float, int, Route]  # departure in s, row of the trace, what it takes


class Walk:
    """One network and what stands in it, request by request of a trace.

    Args:
        plant: the network.
        trace: its requests.
        standing: lightpaths of earlier rows that stand from the start, as ``Walk.standing`` gives them.
    """

    def __init__(self, plant: Plant, trace: Trace, standing: Sequence[Standing] = ()) -> None:
        self._plant, self._trace = plant, trace
        self._network = Network(plant)
        self._standing = list(standing)
        heapq.heapify(self._standing)
        for _, row, route in sorted(self._standing, key=lambda item: item[1]):
            # What is not of the trace has a negative row; nothing is known of how long it stays.
            self._network.provision(*route, life_of_row(trace, row) if row >= 0 else UNTOLD)

    @property
    def standing(self) -> tuple[Standing, ...]:
        """What stands now, in no order."""
        return tuple(self._standing)

    def observe(self, row: int) -> tuple[Observation, tuple[Candidate, ...]]:
        """What a policy sees of a request once everything has left that departs before it."""
        trace, now_s = self._trace, float(self._trace.arrival_s[row])
        while self._standing and self._standing[0][0] <= now_s:
            self._network.release(*heapq.heappop(self._standing)[2][:3])
        life = life_of_row(trace, row)
        request = Request(
            source=int(trace.source[row]),
            destination=int(trace.destination[row]),
            bit_rate_gbps=float(trace.bit_rate_gbps[row]),
            max_latency_ms=float(trace.max_latency_ms[row]),
            arrival_s=now_s,
            told_end_s=life.told_end_s,
            service_class=life.service_class,
        )
        return observe(self._plant, self._network, request)

    def carry(self, row: int, candidate: Candidate) -> None:
        """Set the request up until it departs."""
        route = (candidate.nodes, candidate.first_slot, candidate.num_slots, candidate.modulation_format)
        self._network.provision(*route, life_of_row(self._trace, row))
        departure_s = float(self._trace.arrival_s[row]) + float(self._trace.holding_s[row])
        heapq.heappush(self._standing, (departure_s, row, route))

    def serve(self, row: int, policy: ScoringPolicy) -> bool:
        """Observe and carry as a policy chooses; whether the request is set up."""
        seen, candidates = self.observe(row)
        if not candidates:
            return False
        scores = policy.scores(seen.features[None], seen.action_mask[None], seen.context[None])
        self.carry(row, candidates[int(choose(scores)[0])])
        return True
