"""One score for every network: searched on several networks and loads at once. What ships was made here.

A generation's scores meet the same requests on every network; a score's cost is the mean over networks of the
logarithm of what a request costs there (blocking, or blocking and energy), so that halving it counts the same
on an easy network and on a hard one. With ``SearchSpec.steady_state_requests`` a generation's scores go on
from networks that the search's mean has filled. A search is noisy: where it began and what it found are
compared on other traces, each from an empty network with a warm-up of its own, and the better of the two is
the result. Kept in ``agents/data/generalist``, which ``deployments/bootstrap.py`` may begin with, and in
``agents/data/energy``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from agents.observations import observe_under
from agents.search import (
    GENERATION_SEED,
    INITIAL_WEIGHTS,
    MEANS_KEPT,
    STEP_FROM_A_GOOD_START,
    SearchState,
    new_search,
)
from agents.spec import SearchSpec
from agents.steady_state import costs_from_steady_state
from agents.streams import Scores
from envs.plant import Plant
from envs.policy import LinearPolicy
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.search import linear_costs_on
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace

GENERALIST_NAME = "generalist"
SMALLEST_COST = 1e-4  # added before the logarithm: below it, less is chance
OBSERVATION_SEED = 810_000_000
VALIDATION_SEED = 820_000_000
VALIDATION_TRACES = 6  # on every network, as long as those of the search


@dataclass(frozen=True)
class TrainingSetting:
    """A network and its traffic to learn on."""

    name: str
    plant: Plant
    traffic: PoissonTraffic


@dataclass(frozen=True)
class Aim:
    """What is searched for.

    Attributes:
        name: of the outcome.
        start: where the search begins; a good score already.
        reward: what a request earns; its negative is the cost.
    """

    name: str = GENERALIST_NAME
    start: LinearPolicy = INITIAL_WEIGHTS
    reward: RewardWeights = ONLY_BLOCKING


LEAST_BLOCKING = Aim()


def search_generalist(
    settings: Sequence[TrainingSetting],
    spec: SearchSpec,
    warmup_requests: int,
    seed: int,
    on_generation: Callable[[SearchState, dict[str, float]], None],
    aim: Aim = LEAST_BLOCKING,
) -> tuple[LinearPolicy, dict[str, float]]:
    """The score that is best on all networks together.

    Args:
        settings: networks, each with what the start knows.
        spec: sizes and budget; the requests of a candidate are served on every network.
        warmup_requests: of each trace, not counted; of the search's traces only where it has no steady state.
        seed: of search and requests.
        on_generation: called after every generation with the mean cost of the generation by network.
        aim: what is searched for, and from where on.

    Returns:
        The better of start and outcome, and of both the cost on validation traces.
    """
    spread = np.mean(
        [
            observe_under(
                setting.plant, setting.traffic, aim.start, warmup_requests, OBSERVATION_SEED + index
            ).spread_within_requests()
            for index, setting in enumerate(settings)
        ],
        axis=0,
    )
    state = new_search(spec, spread, seed, aim.start, STEP_FROM_A_GOOD_START)
    length, steady = spec.requests_per_candidate + warmup_requests, spec.steady_state_requests
    began = time.monotonic()
    searched = spec.requests_per_candidate if steady else length
    with ThreadPoolExecutor(spec.threads) as pool:
        while spec.budget.share(state.elapsed_s, state.requests) < 1:
            points = np.array(state.strategy.ask())
            first = GENERATION_SEED + 1_000_003 * seed + state.generation
            traces = [
                [make_trace(item.traffic, item.plant, steady + searched, first + 7919 * i)]
                for i, item in enumerate(settings)
            ]
            weights = state.weights(points)
            if steady:
                scores = Scores(weights, state.weights(state.strategy.mean))
                costs = _costs_from_steady_state(settings, traces, scores, spec, aim.reward)
            else:
                costs = _costs(settings, traces, weights, warmup_requests, aim.reward, pool)
            state.strategy.tell(list(points), _mean_logarithm(costs).tolist())
            state.generation += 1
            state.requests += (len(points) * searched + steady) * len(settings)
            state.means = [*state.means, state.strategy.mean.copy()][-MEANS_KEPT:]
            state.elapsed_s = time.monotonic() - began
            means = {
                item.name: float(value) for item, value in zip(settings, costs.mean(axis=0), strict=True)
            }
            on_generation(state, means)
        rivals = {"start": aim.start.weights, "searched": state.policy().weights}
        fresh = [
            [
                make_trace(item.traffic, item.plant, length, VALIDATION_SEED + 97 * i + k)
                for k in range(VALIDATION_TRACES)
            ]
            for i, item in enumerate(settings)
        ]
        rows = np.array(list(rivals.values()))
        validated = _mean_logarithm(_costs(settings, fresh, rows, warmup_requests, aim.reward, pool))
    by_rival = dict(zip(rivals, validated.tolist(), strict=True))
    return LinearPolicy(aim.name, rivals[min(by_rival, key=lambda name: by_rival[name])]), by_rival


def _costs(
    settings: Sequence[TrainingSetting],
    traces: Sequence[Sequence[Trace]],
    weights: np.ndarray,
    warmup_requests: int,
    reward: RewardWeights,
    pool: ThreadPoolExecutor,
) -> np.ndarray:
    """(P, networks) cost a request of P scores on the traces of every network."""

    def of_score(row: np.ndarray) -> list[float]:
        return [
            float(linear_costs_on(item.plant, own, row[None], warmup_requests, reward)[0])
            for item, own in zip(settings, traces, strict=True)
        ]

    return np.array(list(pool.map(of_score, weights)))


def _costs_from_steady_state(
    settings: Sequence[TrainingSetting],
    traces: Sequence[Sequence[Trace]],
    scores: Scores,
    spec: SearchSpec,
    reward: RewardWeights,
) -> np.ndarray:
    """(P, networks) cost a request of P scores on networks that the search's mean has filled."""
    before = spec.steady_state_requests
    each = [
        costs_from_steady_state(item.plant, own[0], scores.rows, scores.mean, before, reward, spec.threads)
        for item, own in zip(settings, traces, strict=True)
    ]
    return np.stack(each, axis=1)


def _mean_logarithm(costs: np.ndarray) -> np.ndarray:
    """(P,) what a search makes small."""
    return np.log(costs + SMALLEST_COST).mean(axis=1)
