"""A comparison claims on requests that nobody can choose on, and a change that is none shows none."""

from __future__ import annotations

import numpy as np
import pytest

from agents.generalist import VALIDATION_SEED
from agents.pareto import OBSERVATION_SEED
from agents.search import GENERATION_SEED
from agents.spec import TrainingError, TrainSpec
from benchmarks.compare import CHANCE_SEED, PLACEBO_SPREAD, Effort, changed, compare
from configs.load import ConfigError, load_config
from envs.fields import FIRST_CLAIM_SEED, MOST_SEED
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.policy import LinearPolicy
from envs.settings import SETTINGS, agent_plant
from topologies.catalogue import load_topology

NSFNET = SETTINGS["deeprmsa-nsfnet"]
EFFORT = Effort(requests_a_run=300, warmup=500, most_requests=6000, half_width=0.0)


@pytest.fixture(scope="module")
def plant():
    return build_plant(load_topology("nsfnet"), agent_plant(NSFNET))


def test_what_claims_is_out_of_reach_of_what_chooses() -> None:
    with pytest.raises(TrainingError, match="seed"):
        TrainSpec(warmup_requests=0, seed=FIRST_CLAIM_SEED)
    for key in ("training.seed", "evaluation.seed", "traffic.seed"):
        with pytest.raises(ConfigError, match="seed"):
            load_config("five-node", [f"{key}={FIRST_CLAIM_SEED}"])
    streams = max(GENERATION_SEED, VALIDATION_SEED, OBSERVATION_SEED) + 1_000_003 * MOST_SEED
    assert streams + 10**12 < FIRST_CLAIM_SEED  # also after as many generations


def test_a_policy_is_no_better_than_itself_and_a_better_rule_is(plant) -> None:
    policy = baseline("ff_ksp")
    seen: list[int] = []

    found = compare(
        plant, NSFNET.traffic, policy, policy, EFFORT, on_batch=lambda done, difference: seen.append(done)
    )

    assert seen == [3000, 6000]  # a width of 0 is never reached by luck, and the requests are spent
    assert found.num_requests == 6000
    # Changed by one in a thousand the order of the rule stays, so the first is what the second is.
    difference = (found.difference.mean, found.difference.low, found.difference.high)
    assert difference == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    assert found.placebo is not None


def test_it_stops_where_the_interval_is_narrow_enough(plant) -> None:
    effort = Effort(requests_a_run=300, warmup=500, most_requests=6000, half_width=1.0)

    found = compare(plant, NSFNET.traffic, baseline("ff_ksp"), baseline("least_capacity_loss"), effort)

    assert found.num_requests == 3000
    assert found.difference.high < 0


def test_the_placebo_changes_every_weight() -> None:
    policy = LinearPolicy("one", tuple(np.ones_like(baseline("ksp_ff").weights)))
    factors = np.array(changed(policy, PLACEBO_SPREAD, np.random.default_rng(CHANCE_SEED)).weights)
    assert (factors != 1.0).all()
    assert 0.1 < factors.std() < 0.6
