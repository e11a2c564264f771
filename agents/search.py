"""Direct search of a linear score in the twin (CMA-ES): the teacher that PPO starts from.

All scores of a generation meet the same requests (common random numbers), every generation other ones, so
that the search does not learn one trace by heart. Not here: the kernel (``envs.search``).
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.lessons import Lessons
from agents.spec import SearchSpec
from agents.streams import Scores, costs_of
from envs.features import COLUMN, FEATURE_NAMES
from envs.plant import Plant
from envs.policy import LinearPolicy, linear_policy
from envs.reward import ONLY_BLOCKING, RewardWeights

GENERATION_SEED = 700_000_000
STEP_SIZE = 0.5  # of the first generation, in units of the scaled weights
STEP_FROM_A_GOOD_START = 0.05  # one that knows after-states, in many dimensions
SHORTLIST_FIRST = 100.0  # weight of a candidate whose after-state was looked at, over one that is only ranked
# Last means that are averaged into the result, as the mean of a noisy search keeps wandering; never more than
# half of all, or a short search would be averaged back to its start.
MEANS_KEPT = 24
SEARCHED_NAME = "searched-linear"

# Where the generalist's search begins, itself the start of all others that know after-states: the weights of
# an earlier generalist to two digits, with one for ``blocking_loss``, which it did not know.
INITIAL_WEIGHTS = linear_policy(
    "after-state-start",
    path_rank=-0.23,
    hops=-0.16,
    extra_hops=-0.21,
    slots=-1.17,
    spend=-0.36,
    spend_total=-0.69,
    leftover=-0.07,
    exact_fit=-0.08,
    touches_low=0.24,
    touches_high=0.28,
    splits=-0.21,
    fills=0.27,
    path_free=0.52,
    path_longest_run=-1.26,
    path_runs=-0.05,
    starts_lost=-0.24,
    mean_load=-0.76,
    max_load=-1.05,
    bits_per_symbol=0.52,
    spend_loaded=-3.77,
    capacity_loss=-0.25,
    routability_loss_2=0.18,
    routability_loss_5=-0.23,
    routability_loss_12=-0.4,
    routability_loss_40=0.08,
    runs_loss_1=-0.64,
    runs_loss_3=-0.21,
    blocking_loss=-6.0,
    shortlisted=SHORTLIST_FIRST,
)


# The generalist knows nothing of when services end; a plant that does begins with these beside its weights.
DEPARTURE_WEIGHTS = {"neighbours_stay": 1.0, "neighbours_alike": 1.4}


def with_departures_known(policy: LinearPolicy) -> LinearPolicy:
    """A policy with ``DEPARTURE_WEIGHTS`` in the place of its weights of these features."""
    weights = dict(zip(FEATURE_NAMES, policy.weights, strict=True)) | DEPARTURE_WEIGHTS
    return LinearPolicy(f"{policy.name}-departures-known", tuple(weights.values()))


@dataclass
class SearchState:
    """A search under way; mutable, and small enough to be stored after every generation."""

    strategy: Any  # cma.CMAEvolutionStrategy
    scale: np.ndarray  # (F,) float64, inf where a feature never tells candidates apart
    generation: int = 0
    requests: int = 0
    elapsed_s: float = 0.0
    means: list[np.ndarray] = field(default_factory=list)

    def dumps(self) -> bytes:
        """As bytes for ``loads``; a checkpoint of one's own, not a model to share."""
        return pickle.dumps(
            (
                self.strategy.pickle_dumps(),
                self.scale,
                self.generation,
                self.requests,
                self.elapsed_s,
                self.means,
            )
        )

    @classmethod
    def loads(cls, content: bytes) -> SearchState:
        """What ``dumps`` wrote."""
        strategy, *rest = pickle.loads(content)
        return cls(pickle.loads(strategy), *rest)

    def policy(self) -> LinearPolicy:
        """The average of the last means, each of unit length: a score has a direction but no length."""
        kept = max(1, min(MEANS_KEPT, self.generation // 2))
        average = np.mean([mean / np.linalg.norm(mean) for mean in self.means[-kept:]], axis=0)
        return LinearPolicy(SEARCHED_NAME, tuple(self.weights(average).tolist()))

    def weights(self, points: np.ndarray) -> np.ndarray:
        """(..., F) weights of points of the search; a candidate that was looked at always goes first."""
        weights = points / self.scale
        weights[..., COLUMN.shortlisted] = (
            SHORTLIST_FIRST if np.isfinite(self.scale[COLUMN.shortlisted]) else 0.0
        )
        return weights


def new_search(
    spec: SearchSpec,
    spread: np.ndarray,
    seed: int,
    start: LinearPolicy | None = None,
    step: float | None = None,
) -> SearchState:
    """A search at its beginning.

    Args:
        spec: sizes.
        spread: (F,) how much each feature differs among the candidates of a request.
        seed: of the search and, with the generation, of the requests.
        start: where to begin; None: no preference.
        step: size of the first steps; None: small where the start knows after-states.
    """
    scale = np.where(spread > 1e-6, spread, np.inf)
    origin = np.zeros(len(scale))
    if start is not None:
        origin = np.where(
            np.isfinite(scale), np.asarray(start.weights) * np.where(np.isfinite(scale), scale, 0), 0
        )
        origin[COLUMN.shortlisted] = 0.0  # not searched: see ``SearchState.weights``
        origin /= max(float(np.linalg.norm(origin)), 1e-12)
    import cma  # here: it loads matplotlib and scipy.stats

    options = {"popsize": spec.population, "seed": seed + 1, "verbose": -9}
    knows_after_states = start is not None and start.weights[COLUMN.shortlisted] > 0
    if step is None:
        step = STEP_FROM_A_GOOD_START if knows_after_states else STEP_SIZE
    return SearchState(cma.CMAEvolutionStrategy(origin, step, options), scale)


def run_search(
    state: SearchState,
    plant: Plant,
    lessons: Lessons,
    spec: SearchSpec,
    warmup_requests: int,
    seed: int,
    on_generation: Callable[[SearchState], None],
    reward: RewardWeights = ONLY_BLOCKING,
) -> SearchState:
    """The same state, searched for the highest mean reward until ``spec.budget`` is spent.

    The time and the requests of earlier runs count.

    Args:
        state: from ``new_search`` or ``SearchState.loads``.
        plant: the network.
        lessons: what arrives, generation by generation.
        spec: sizes and budget.
        warmup_requests: requests of each trace that are not counted; at most half of them. With
            ``spec.steady_state_requests`` the search's mean serves that many before candidates part ways.
        seed: of the requests.
        on_generation: called after every generation.
        reward: what is earned; with ``ONLY_BLOCKING`` the least request blocking is searched for.
    """
    before_s, began = state.elapsed_s, time.monotonic()
    first = GENERATION_SEED + 1_000_003 * seed
    while spec.budget.share(state.elapsed_s, state.requests) < 1:
        points = np.array(state.strategy.ask())
        scores = Scores(state.weights(points), state.weights(state.strategy.mean))
        number = state.generation
        found = costs_of(plant, lessons, spec, number, first + number, scores, warmup_requests, reward)
        state.strategy.tell(list(points), list(found.costs))
        state.generation += 1
        state.requests += found.num_requests
        state.means = [*state.means[1 - MEANS_KEPT :], state.strategy.mean.copy()]
        state.elapsed_s = before_s + time.monotonic() - began
        on_generation(state)
    return state
