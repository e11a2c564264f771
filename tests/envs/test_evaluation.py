"""However a linear policy is run over traces, it takes the same candidates and the same is counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, load_policy
from envs import evaluation
from envs.evaluation import replay_statistics
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy, linear_policy
from envs.reward import RewardWeights
from envs.spec import PlantSpec
from envs.statistics import Statistics
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace
from topologies.catalogue import load_topology

REQUESTS, WARMUP = 1203, 100
REWARD = RewardWeights(slack=0.5, margin=0.0, energy=0.0)
# By 32-bit scores, which are what is served, slots tell nothing apart but on the best path.
NEAR_TIES = linear_policy("near ties", path_rank=-1.0, first_slot=1e-9)


@pytest.fixture(scope="module")
def plant() -> Plant:
    spec = PlantSpec(num_slots=48, k_paths=4, max_candidates=24, starts_per_path=6, shortlist=12)
    return build_plant(load_topology("nsfnet"), spec)


@pytest.fixture(scope="module")
def traces(plant: Plant) -> list[Trace]:
    traffic = PoissonTraffic(load_erlang=75.0, mean_holding_s=100.0, bit_rates_gbps=(25.0, 50.0, 100.0))
    return [make_trace(traffic, plant, REQUESTS, seed) for seed in range(3)]


def counted(plant: Plant, traces: Sequence[Trace], policy: ScoringPolicy) -> tuple[Statistics, list[int]]:
    looks: list[int] = []
    found = replay_statistics(
        plant, traces, policy, WARMUP, REWARD, on_progress=lambda done, of: looks.append(done)
    )
    return found, looks


@pytest.mark.parametrize(
    "policy",
    [load_policy(GENERALIST_FOLDER), baseline("ksp_ff"), baseline("least_capacity_loss"), NEAR_TIES],
    ids=lambda policy: policy.name,
)
def test_a_kernel_of_its_own_and_lockstep_take_the_same_candidates(
    plant: Plant, traces: list[Trace], policy: ScoringPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_lockstep, looks = counted(plant, traces, policy)
    monkeypatch.setattr(evaluation, "FUSED_FROM", 0)
    fused, fused_looks = counted(plant, traces, policy)
    assert (fused.taken < 0).any()
    np.testing.assert_array_equal(fused.taken, in_lockstep.taken)
    for name in ("offered", "blocked", "carried", "reward"):
        np.testing.assert_array_equal(getattr(fused, name), getattr(in_lockstep, name))
    assert looks == fused_looks == [500, 1000]
