"""The trade of blocking against energy: a linear score searched for each weight of the energy.

The weights are taken in order, each search starting from the cheapest of what is known by then: baselines and
the scores of the weights before. All searches meet the same requests, generation by generation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agents.lessons import Lessons
from agents.observations import observe_under
from agents.search import SearchState, new_search, run_search
from agents.spec import SearchSpec, ValidationSpec
from agents.validation import ValidationSet, best_of, validation_set
from envs.heuristics import BASELINE_NAMES, baseline
from envs.plant import Plant
from envs.policy import LinearPolicy
from envs.reward import RewardWeights
from envs.traffic import PoissonTraffic

OBSERVATION_SEED = 900_000_000
SIZES = ValidationSpec(validation_traces=8, validation_requests=6000)


@dataclass(frozen=True)
class Traded:
    """What a weight of the energy led to."""

    weight: float
    policy: LinearPolicy
    generations: int


def trade_off(
    plant: Plant,
    traffic: PoissonTraffic,
    weights: Sequence[float],
    spec: SearchSpec,
    warmup_requests: int,
    seed: int,
    on_step: Callable[[str, float], None],
) -> list[Traded]:
    """One policy per weight, in the order given.

    Args:
        plant: the network; it has a power model.
        traffic: what arrives.
        weights: of the energy, per kW; see ``envs.reward``.
        spec: sizes of a search, and its budget for each weight.
        warmup_requests: at the start of each trace, not counted.
        seed: of searches and requests.
        on_step: called with what is going on and the share of it that is done.
    """
    known = [policy for name in BASELINE_NAMES if isinstance(policy := baseline(name), LinearPolicy)]
    measure = validation_set(plant, Lessons(traffic), warmup_requests, seed, sizes=SIZES)
    found = []
    for weight in weights:
        validation = replace(measure, reward=RewardWeights(energy=weight))
        traded = _search(validation, traffic, weight, known, spec, seed, on_step)
        found.append(traded)
        known.append(traded.policy)
    return found


def _search(
    validation: ValidationSet,
    traffic: PoissonTraffic,
    weight: float,
    known: Sequence[LinearPolicy],
    spec: SearchSpec,
    seed: int,
    on_step: Callable[[str, float], None],
) -> Traded:
    plant, warmup_requests = validation.plant, validation.warmup_requests
    name = f"weight-{weight:g}"
    start, _ = best_of(known, validation)
    assert isinstance(start, LinearPolicy)
    sample = observe_under(plant, traffic, start, warmup_requests, OBSERVATION_SEED + seed)
    state = new_search(spec, sample.spread_within_requests(), seed, start)

    def on_generation(state: SearchState) -> None:
        on_step(name, min(1.0, spec.budget.share(state.elapsed_s, state.requests)))

    run_search(state, plant, Lessons(traffic), spec, warmup_requests, seed, on_generation, validation.reward)
    better, _ = best_of([start, state.policy()], validation)
    assert isinstance(better, LinearPolicy)
    return Traded(weight, replace(better, name=name), state.generation)
