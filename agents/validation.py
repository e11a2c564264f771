"""Fixed traffic on which the policies of one training are compared. Not here: the gate (``tasks``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.evaluation import replay
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.search import linear_costs_on
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace

# Streams that no other part of a training draws from; the gate's held-out traces have seeds of their own.
CURVE_SEED = 500_000_000
VALIDATION_SEED = 600_000_000


@dataclass(frozen=True)
class Yardstick:
    """Some traces and how much of their start is not counted."""

    plant: Plant
    traces: tuple[Trace, ...]
    warmup_requests: int

    def blocking(self, policy: ScoringPolicy) -> np.ndarray:
        """(num_traces,) request blocking of a policy, trace by trace."""
        if isinstance(policy, LinearPolicy):
            weights = np.array([policy.weights], np.float64)
            return np.array(
                [linear_costs_on(self.plant, [t], weights, self.warmup_requests)[0] for t in self.traces]
            )
        results = replay(self.plant, self.traces, policy, self.warmup_requests)
        return np.array([result.request_blocking for result in results])

    def mean_blocking(self, policy: ScoringPolicy) -> float:
        """Mean request blocking of a policy."""
        return float(self.blocking(policy).mean())


def curve_yardstick(plant: Plant, traffic: PoissonTraffic, warmup_requests: int, seed: int) -> Yardstick:
    """The traces of the live curve: small, so that a point costs well under a second."""
    return _yardstick(plant, traffic, warmup_requests, CURVE_SEED + 1000 * seed, 12, 4000)


def validation_yardstick(plant: Plant, traffic: PoissonTraffic, warmup_requests: int, seed: int) -> Yardstick:
    """The traces on which the best policy of a training is chosen."""
    return _yardstick(plant, traffic, warmup_requests, VALIDATION_SEED + 1000 * seed, 20, 10_000)


def best_of(
    policies: Sequence[ScoringPolicy], yardstick: Yardstick
) -> tuple[ScoringPolicy, dict[str, float]]:
    """The policy with the least mean blocking, the first of equals; and the blocking of each by name."""
    figures = {policy.name: yardstick.mean_blocking(policy) for policy in policies}
    return min(policies, key=lambda policy: figures[policy.name]), figures


def _yardstick(
    plant: Plant, traffic: PoissonTraffic, warmup_requests: int, seed: int, num_traces: int, num_requests: int
) -> Yardstick:
    traces = tuple(
        make_trace(traffic, plant, warmup_requests + num_requests, seed + index)
        for index in range(num_traces)
    )
    return Yardstick(plant, traces, warmup_requests)
