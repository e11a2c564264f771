"""What a linear score costs on the lesson of one generation of a search: drawn requests, or a window again.

Every score of a generation meets the same. Not here: what a generation meets (``lessons.py``), the search
(``search.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agents.lessons import Lessons
from agents.spec import SearchSpec
from agents.steady_state import APART, costs_from_steady_state
from envs.lockstep import offered_load
from envs.plant import Plant
from envs.replay_window import live_through, plant_of_window, window_requests
from envs.reward import RewardWeights
from envs.search import linear_costs_on, linear_rule
from envs.serving import serve
from envs.simulation import Server
from envs.snapshot import StandingSnapshot, down_of
from envs.state import NetworkStates, new_states
from envs.statistics import Statistics, new_statistics
from envs.trace import Trace
from envs.traffic import Requests, make_trace, requests_of
from envs.window import Window


class Scores(NamedTuple):
    """Linear scores, as weights of the features."""

    rows: np.ndarray  # (P, F) to be compared
    mean: np.ndarray  # (F,) of the search, which serves a steady state's first requests


@dataclass(frozen=True)
class Generation:
    """The costs of a generation's scores, and the requests that were served for them."""

    costs: np.ndarray  # (P,) negative mean reward
    num_requests: int


def costs_of(
    plant: Plant,
    lessons: Lessons,
    spec: SearchSpec,
    generation: int,
    seed: int,
    scores: Scores,
    warmup_requests: int,
    reward: RewardWeights,
) -> Generation:
    """Costs of the scores of a generation.

    Args:
        plant: the network.
        lessons: what the generation meets.
        spec: sizes.
        generation: its number.
        seed: of the requests that are drawn.
        scores: to be compared.
        warmup_requests: of drawn requests that begin with an empty network; not counted.
        reward: what is earned.
    """
    rows, mean = scores.rows, scores.mean
    length, before = spec.requests_per_candidate, spec.steady_state_requests
    kind, turn = lessons.kind_of(generation)
    if kind == "window" and lessons.lived is not None:
        window = lessons.lived.window
        costs = _each(spec.threads, rows, lambda row: window_cost(plant, window, row, reward))
        return Generation(costs, len(rows) * window.trace.num_requests)
    if kind == "fitted" and lessons.begin is not None:
        begin, trace = lessons.begin, make_trace(lessons.traffic, plant, length, seed)
        costs = _each(spec.threads, rows, lambda row: snapshot_cost(plant, begin, trace, row, seed, reward))
        return Generation(costs, len(rows) * length)
    traffic = lessons.beside[turn % len(lessons.beside)] if kind == "scenario" else lessons.traffic
    trace = make_trace(traffic, plant, before + length, seed)
    if before:
        costs = costs_from_steady_state(plant, trace, rows, mean, before, reward, spec.threads)
    else:
        warmup = min(warmup_requests, length // 2)
        costs = _each(
            spec.threads,
            rows,
            lambda row: float(linear_costs_on(plant, [trace], row[None], warmup, reward)[0]),
        )
    return Generation(costs, len(rows) * length + before)


def window_cost(plant: Plant, window: Window, weights: np.ndarray, reward: RewardWeights) -> float:
    """Negative mean reward of a linear score on a window that is lived through again from its begin."""
    requests = window_requests(plant, window)
    known = plant_of_window(plant, window)
    statistics = new_statistics(known.plant, 1, len(window.trace.class_names))
    live_through(known, window, requests, _server(known.plant, weights, reward), statistics)
    return _cost(statistics)


def snapshot_cost(
    plant: Plant, begin: StandingSnapshot, trace: Trace, weights: np.ndarray, seed: int, reward: RewardWeights
) -> float:
    """Negative mean reward of a linear score on drawn requests that meet what stood.

    The first fifth is not counted: networks that begin alike must grow apart first.
    """
    known, down = begin.known_to(plant), down_of(plant, begin.failed_links)
    requests, plant = known.redirected(requests_of([trace], plant), down), known.plant
    states = new_states(plant, 1, *offered_load(requests))
    begin.put_into(plant, states, 0, seed)
    statistics = new_statistics(plant, 1, len(trace.class_names))
    uncounted = round(APART * trace.num_requests)
    _server(plant, weights, reward)(states, requests, uncounted, statistics)
    return _cost(statistics)


def _server(plant: Plant, weights: np.ndarray, reward: RewardWeights) -> Server:
    rule = linear_rule(plant, weights)

    def served(states: NetworkStates, requests: Requests, warmup: int, statistics: Statistics) -> None:
        serve(plant.arrays, states, requests, 0, rule, warmup, reward, statistics)

    return served


def _cost(statistics: Statistics) -> float:
    return -float(statistics.reward[0]) / max(int(statistics.offered[0].sum()), 1)


def _each(threads: int, rows: np.ndarray, cost: Callable[[np.ndarray], float]) -> np.ndarray:
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(cost, rows)))
