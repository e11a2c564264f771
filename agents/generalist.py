"""One score for every network: searched on several networks and loads at once. What ships was made here.

A generation's scores meet the same requests on every network; a score's cost is the mean over networks of the
logarithm of its blocking, so that halving the blocking counts the same on an easy network and on a hard
one. A search is noisy: where it began and what it found are compared on other traces, and the better of the
two is the result. It is kept in ``agents/data/generalist``; ``deployments/bootstrap.py`` may begin with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from agents.observations import observe_under
from agents.search import GENERATION_SEED, INITIAL_WEIGHTS, MEANS_KEPT, SearchState, new_search
from agents.spec import SearchSpec
from envs.plant import Plant
from envs.policy import LinearPolicy
from envs.reward import ONLY_BLOCKING
from envs.search import linear_costs_on
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace

GENERALIST_NAME = "generalist"
SMALLEST_BLOCKING = 1e-4  # added before the logarithm: below it, less is chance
OBSERVATION_SEED = 810_000_000
VALIDATION_SEED = 820_000_000
VALIDATION_TRACES = 6  # on every network, as long as those of the search


@dataclass(frozen=True)
class TrainingSetting:
    """A network and its traffic to learn on."""

    name: str
    plant: Plant
    traffic: PoissonTraffic


def search_generalist(
    settings: Sequence[TrainingSetting],
    spec: SearchSpec,
    warmup_requests: int,
    seed: int,
    on_generation: Callable[[SearchState, dict[str, float]], None],
) -> tuple[LinearPolicy, dict[str, float]]:
    """The score that is best on all networks together.

    Args:
        settings: networks with after-states.
        spec: sizes and budget; the requests of a candidate are served on every network.
        warmup_requests: of each trace, not counted.
        seed: of search and requests.
        on_generation: called after every generation with the mean blocking of the generation by network.

    Returns:
        The better of start and outcome, and of both the cost on validation traces.
    """
    spread = np.mean(
        [
            observe_under(
                setting.plant, setting.traffic, INITIAL_WEIGHTS, warmup_requests, OBSERVATION_SEED + index
            ).spread_within_requests()
            for index, setting in enumerate(settings)
        ],
        axis=0,
    )
    state = new_search(spec, spread, seed, INITIAL_WEIGHTS)
    length = spec.requests_per_candidate + warmup_requests
    began = time.monotonic()
    with ThreadPoolExecutor(spec.threads) as pool:
        while spec.budget.share(state.elapsed_s, state.requests) < 1:
            points = np.array(state.strategy.ask())
            first = GENERATION_SEED + 1_000_003 * seed + state.generation
            traces = [
                [make_trace(item.traffic, item.plant, length, first + 7919 * i)]
                for i, item in enumerate(settings)
            ]
            blocking = _blocking(settings, traces, state.weights(points), warmup_requests, pool)
            state.strategy.tell(list(points), _cost(blocking).tolist())
            state.generation += 1
            state.requests += len(points) * length * len(settings)
            state.means = [*state.means, state.strategy.mean.copy()][-MEANS_KEPT:]
            state.elapsed_s = time.monotonic() - began
            means = {
                item.name: float(value) for item, value in zip(settings, blocking.mean(axis=0), strict=True)
            }
            on_generation(state, means)
        rivals = {"start": INITIAL_WEIGHTS.weights, "searched": state.policy().weights}
        fresh = [
            [
                make_trace(item.traffic, item.plant, length, VALIDATION_SEED + 97 * i + k)
                for k in range(VALIDATION_TRACES)
            ]
            for i, item in enumerate(settings)
        ]
        validated = _cost(_blocking(settings, fresh, np.array(list(rivals.values())), warmup_requests, pool))
    costs = dict(zip(rivals, validated.tolist(), strict=True))
    return LinearPolicy(GENERALIST_NAME, rivals[min(costs, key=lambda name: costs[name])]), costs


def _blocking(
    settings: Sequence[TrainingSetting],
    traces: Sequence[Sequence[Trace]],
    weights: np.ndarray,
    warmup_requests: int,
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """(P, networks) blocking of P scores on the traces of every network."""

    def of_score(row: np.ndarray) -> list[float]:
        return [
            float(linear_costs_on(item.plant, own, row[None], warmup_requests, ONLY_BLOCKING)[0])
            for item, own in zip(settings, traces, strict=True)
        ]

    return np.array(list(pool.map(of_score, weights)))


def _cost(blocking: np.ndarray) -> np.ndarray:
    """(P,) what a search makes small."""
    return np.log(blocking + SMALLEST_BLOCKING).mean(axis=1)
