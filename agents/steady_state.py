"""Costs of linear policies from one network in steady state: what a search pays for where warm-up is long.

A network with quality of transmission takes ten thousand requests to reach its steady state. Here one policy
serves them, and those to be compared go on from copies of what it leaves. Not here: the kernel
(``envs.search``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from envs.lockstep import offered_load
from envs.plant import Plant
from envs.reward import RewardWeights
from envs.search import LinearScore, checked_weights, linear_rule
from envs.serving import serve
from envs.state import NetworkStates, new_states
from envs.statistics import new_statistics
from envs.trace import Trace
from envs.traffic import Requests, requests_of

APART = 0.2  # share of what each policy serves that is not counted: the networks must grow apart first


def costs_from_steady_state(
    plant: Plant,
    trace: Trace,
    weights: np.ndarray,
    warmup_weights: np.ndarray,
    steady_state_requests: int,
    reward: RewardWeights,
    threads: int = 1,
) -> np.ndarray:
    """(P,) negative mean reward of P linear policies over the end of a trace.

    Args:
        plant: the network.
        trace: longer than ``steady_state_requests``.
        weights: (P, F) policies to be compared.
        warmup_weights: (F,) policy that serves the first requests.
        steady_state_requests: how many.
        reward: what is earned.
        threads: that share the policies; the costs do not depend on it.
    """
    table = requests_of([trace], plant)
    first = Requests(*(np.ascontiguousarray(column[:, :steady_state_requests]) for column in table))
    rest = Requests(*(np.ascontiguousarray(column[:, steady_state_requests:]) for column in table))
    uncounted = round(APART * rest.arrival_s.shape[1])
    places = [
        (new_states(plant, 1, *offered_load(table)), linear_rule(plant, warmup_weights))
        for _ in range(max(threads, 1))
    ]

    def cost_on(
        place: tuple[NetworkStates, LinearScore], requests: Requests, row: np.ndarray, warmup: int
    ) -> float:
        counted = new_statistics(plant, 1, len(trace.class_names))
        rule = place[1]._replace(weights=checked_weights(row))
        serve(plant.arrays, place[0], requests, 0, rule, warmup, reward, counted)
        return -float(counted.reward[0]) / max(int(counted.offered[0].sum()), 1)

    cost_on(places[0], first, warmup_weights, steady_state_requests)
    steady_state = _copies(places[0][0])
    idle: SimpleQueue[tuple[NetworkStates, LinearScore]] = SimpleQueue()
    for place in places:
        idle.put(place)

    def cost_of(row: np.ndarray) -> float:
        place = idle.get()
        for array, kept in zip(_arrays(place[0]), steady_state, strict=True):
            array[...] = kept
        cost = cost_on(place, rest, row, uncounted)
        idle.put(place)
        return cost

    with ThreadPoolExecutor(len(places)) as pool:
        return np.array(list(pool.map(cost_of, weights)))


def _arrays(value: object) -> list[np.ndarray]:
    """Every array in nested tuples, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    assert isinstance(value, tuple)
    return [array for part in value for array in _arrays(part)]


def _copies(value: object) -> list[np.ndarray]:
    return [array.copy() for array in _arrays(value)]
