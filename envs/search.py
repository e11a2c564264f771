"""The blocking of many linear policies at once, on the same traffic: what a direct search needs.

Every candidate is scored inside the kernel, so a policy costs about a microsecond a request. The search
itself (CMA-ES) is in ``agents/search.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from envs.candidates import observe_request
from envs.compiled import inlined
from envs.describe import Seen
from envs.errors import PolicyError
from envs.features import AFTER_STATES, COLUMN, NUM_CONTEXT, NUM_FEATURES
from envs.listed import CandidateArrays, new_candidates
from envs.lockstep import offered_load
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.serving import decided_by, placed_as_listed, serve
from envs.state import new_states
from envs.statistics import Statistics, new_statistics
from envs.trace import Trace
from envs.traffic import Requests, requests_of


class LinearScore(NamedTuple):
    """The candidate of highest ``weights . features``; made by ``linear_rule``."""

    weights: np.ndarray  # (F,) float64
    candidates: CandidateArrays
    seen: Seen  # scratch


def linear_rule(plant: Plant, weights: np.ndarray, num_networks: int = 1) -> LinearScore:
    """The rule for the networks of a state, one after the other.

    Raises:
        PolicyError: weights of another shape, or not finite.
    """
    size = plant.spec.max_candidates
    return LinearScore(
        weights=checked_weights(weights),
        candidates=new_candidates(plant, num_networks),
        seen=Seen(
            features=np.empty((size, NUM_FEATURES), np.float32),
            mask=np.empty(size, np.bool_),
            context=np.empty(NUM_CONTEXT, np.float32),
        ),
    )


@decided_by(LinearScore)
@inlined
def decide_by_linear_score(policy, plant, states, net, n, asked):
    """List the candidates, score each, take the first of the highest."""
    candidates, features, weights = policy.candidates, policy.seen.features, policy.weights
    candidates.loss_counts[0] = weights[COLUMN.carrier_loss] != 0.0
    observe_request(plant, net.free, states.parts, asked, candidates, n, policy.seen)
    action, best = -1, np.float32(-np.inf)
    for c in range(candidates.listed[n]):
        score = 0.0
        for f in range(NUM_FEATURES):
            score += weights[f] * features[c, f]
        rounded = np.float32(score)  # as ``LinearPolicy.scores`` does: near ties fall to the same candidate
        if rounded > best:
            best = rounded
            action = c
    return placed_as_listed(candidates, n, action)


def replay_linear(
    plant: Plant,
    requests: Requests,
    weights: np.ndarray,
    warmup: int,
    num_classes: int,
    reward: RewardWeights = ONLY_BLOCKING,
) -> Statistics:
    """Counts of one linear policy on every row of ``requests``, each row on a network of its own."""
    num_networks = len(requests.arrival_s)
    if not weights[AFTER_STATES].any():
        plant = plant.without_look_ahead()
    states = new_states(plant, num_networks, *offered_load(requests))
    statistics = new_statistics(plant, num_networks, num_classes)
    rule = linear_rule(plant, weights, num_networks)
    for n in range(num_networks):
        serve(plant.arrays, states, requests, n, rule, warmup, reward, statistics)
    return statistics


def linear_costs_on(
    plant: Plant,
    traces: Sequence[Trace],
    weights: np.ndarray,
    warmup: int,
    reward: RewardWeights = ONLY_BLOCKING,
) -> np.ndarray:
    """(P,) cost of P linear policies over given traces: the negative mean reward per request.

    With ``ONLY_BLOCKING`` this is the request blocking.
    """
    table = requests_of(list(traces), plant)
    num_classes = max(len(trace.class_names) for trace in traces)
    costs = np.zeros(len(weights))
    for index, row in enumerate(weights):
        statistics = replay_linear(plant, table, row, warmup, num_classes, reward)
        costs[index] = -statistics.reward.sum() / statistics.offered.sum()
    return costs


def checked_weights(weights: np.ndarray) -> np.ndarray:
    """The weights as (F,) float64.

    Raises:
        PolicyError: another shape, or not finite.
    """
    values = np.ascontiguousarray(weights, np.float64)
    if values.shape != (NUM_FEATURES,):
        raise PolicyError(f"weights have shape {values.shape}; ({NUM_FEATURES},) is needed")
    if not np.isfinite(values).all():
        raise PolicyError("a weight is not finite")
    return values
