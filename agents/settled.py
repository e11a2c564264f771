"""Costs of linear policies from one network that has settled: what a search pays for where warm-up is long.

A network with quality of transmission takes ten thousand requests to settle. Here one policy serves them, and
those to be compared go on from copies of what it leaves. Not here: the kernel (``envs.search``).
"""

from __future__ import annotations

import numpy as np

from envs.candidates import new_candidates
from envs.lockstep import offered_load
from envs.plant import Plant
from envs.reward import RewardWeights
from envs.search import serve_linear
from envs.state import new_states
from envs.tally import new_tally
from envs.trace import Trace
from envs.traffic import Requests, requests_of

APART = 0.2  # share of what each policy serves that is not counted: the networks must grow apart first


def costs_from_settled(
    plant: Plant,
    trace: Trace,
    weights: np.ndarray,
    settled_by: np.ndarray,
    settle_requests: int,
    reward: RewardWeights,
) -> np.ndarray:
    """(P,) negative mean reward of P linear policies over the end of a trace.

    Args:
        plant: the network.
        trace: longer than ``settle_requests``.
        weights: (P, F) policies to be compared.
        settled_by: (F,) policy that serves the first requests.
        settle_requests: how many.
        reward: what is earned.
    """
    table = requests_of([trace], plant)
    first = Requests(*(np.ascontiguousarray(column[:, :settle_requests]) for column in table))
    rest = Requests(*(np.ascontiguousarray(column[:, settle_requests:]) for column in table))
    states = new_states(plant, 1, *offered_load(table))
    candidates = new_candidates(plant, 1)
    uncounted = round(APART * rest.arrival_s.shape[1])
    costs = np.zeros(len(weights))

    def serve(requests: Requests, row: np.ndarray, warmup: int) -> float:
        tally = new_tally(plant, 1, len(trace.class_names))
        policy = np.ascontiguousarray(row, np.float64)
        serve_linear(plant.arrays, states, requests, 0, 0, policy, warmup, candidates, reward, tally)
        return -float(tally.reward[0]) / max(int(tally.offered[0].sum()), 1)

    serve(first, settled_by, settle_requests)
    settled = _copies(states)
    for index, row in enumerate(weights):
        for array, kept in zip(_arrays(states), settled, strict=True):
            array[...] = kept
        costs[index] = serve(rest, row, uncounted)
    return costs


def _arrays(value: object) -> list[np.ndarray]:
    """Every array in nested tuples, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    assert isinstance(value, tuple)
    return [array for part in value for array in _arrays(part)]


def _copies(value: object) -> list[np.ndarray]:
    return [array.copy() for array in _arrays(value)]
