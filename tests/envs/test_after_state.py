"""After-state columns equal their definitions, and do not depend on what was looked at before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.candidates import observe_one
from envs.describe import Seen
from envs.errors import PlantError
from envs.evaluation import replay_statistics, seen_by
from envs.features import COLUMN, NUM_CONTEXT, NUM_FEATURES
from envs.forecast import DemandForecast, pairs_of
from envs.heuristics import baseline
from envs.listed import new_candidates
from envs.lockstep import lockstep_on_requests
from envs.plant import Plant, build_plant
from envs.policy import linear_policy
from envs.request import Asked
from envs.reward import ONLY_BLOCKING
from envs.simulation import simulate
from envs.spec import PlantSpec
from envs.state import new_states
from envs.traffic import PoissonTraffic, Requests, make_trace, requests_of
from tests import naive
from tests.envs.test_kernels import settings_of_twin
from tests.sizes import examples
from topologies.catalogue import load_topology


@st.composite
def plants_that_look_ahead(draw: st.DrawFn) -> tuple[Plant, Requests]:
    plant, requests = draw(settings_of_twin())
    rates_gbps = draw(st.sampled_from([(100.0,), (25.0, 50.0, 75.0, 100.0), (400.0, 12.5)]))
    spec = replace(
        plant.spec,
        shortlist=draw(st.integers(1, 4)),
        shortlist_paths=draw(st.integers(1, 3)),
        future_rates_gbps=rates_gbps,
        future_shares=tuple(float(1 + i) for i in range(len(rates_gbps))),
    )
    plant = build_plant(plant.topology, spec)
    return (plant.with_forecast(draw(forecasts(plant))) if draw(st.booleans()) else plant), requests


@st.composite
def forecasts(draw: st.DrawFn, plant: Plant) -> DemandForecast:
    pairs, rates_gbps = pairs_of(plant), tuple(sorted(plant.spec.future_rates_gbps))
    weights, shares = (
        np.random.default_rng(draw(st.integers(0, 99))).gamma(0.3, 1.0, len(of)) + 1e-3
        for of in (pairs, rates_gbps)
    )
    return DemandForecast(
        plant.topology.content_hash,
        pairs,
        tuple((weights / weights.mean()).tolist()),
        rates_gbps,
        tuple((shares / shares.sum()).tolist()),
        "drawn",
        1,
    )


@pytest.mark.nojit
@settings(max_examples=examples(25), deadline=None)
@given(plants_that_look_ahead(), st.integers(0, 100))
def test_after_state_columns_equal_their_definitions_after_any_history(
    setting: tuple[Plant, Requests], seed: int
) -> None:
    plant, requests = setting
    run = lockstep_on_requests(plant, requests)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    network = naive.NaiveNetwork(plant)
    rng = np.random.default_rng(seed)
    length = requests.arrival_s.shape[1]
    run.observe_into(features, mask, context)
    for t in range(length):
        now_s = float(requests.arrival_s[0, t])
        network.depart(now_s)
        listed = int(run.candidates.listed[0])
        looked_at = np.flatnonzero(features[0, :, COLUMN.shortlisted])
        assert len(looked_at) == min(plant.spec.shortlist, listed)
        arrays = (run.candidates.path, run.candidates.first_slot, run.candidates.num_slots)
        for c in looked_at[:2]:
            path, slot, size = (int(array[0, c]) for array in arrays)
            expected = naive.after_state(network, (path, slot, size))
            got = {name: features[0, c, getattr(COLUMN, name)] for name in naive.AFTER_STATE_COLUMNS}
            assert got == pytest.approx(expected, rel=1e-5, abs=1e-6)
        if t % 10 == 0:
            assert observed_afresh(plant, run.states.free[0], requests, t) == features[0].tobytes()
        action = int(rng.integers(listed)) if listed else -1
        if action >= 0:
            path, slot, size = (int(array[0, action]) for array in arrays)
            network.admit(path, slot, size, now_s + float(requests.holding_s[0, t]))
        run.step_into(np.array([action]), features, mask, context, rewards, t + 1 < length)


def observed_afresh(plant: Plant, free: np.ndarray, requests: Requests, t: int) -> bytes:
    size = plant.spec.max_candidates
    seen = Seen(
        np.empty((size, NUM_FEATURES), np.float32),
        np.empty(size, np.bool_),
        np.empty(NUM_CONTEXT, np.float32),
    )
    rate_gbps, bound_ms = requests.bit_rate_gbps[0, t], requests.max_latency_ms[0, t]
    asked = Asked(int(requests.pair[0, t]), 0, rate_gbps, bound_ms, 0.0, 0.0, np.inf, -1)
    parts = new_states(plant, 1, 1.0, 1.0).parts
    observe_one(plant.arrays, free, parts, asked, new_candidates(plant, 1), seen)
    return seen.features.tobytes()


def test_a_policy_that_does_not_look_ahead_chooses_alike_without() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec(shortlist=6))
    trace = make_trace(PoissonTraffic(250.0), plant, 3000, seed=3)
    assert seen_by(plant, baseline("least_capacity_loss")) is plant
    assert seen_by(plant, baseline("random")) is plant  # it hashes every column
    for name in ("ksp_bf", "least_fragmentation"):
        policy = baseline(name)
        assert seen_by(plant, policy).arrays.after.shortlist == 0
        seeing = lockstep_on_requests(plant, requests_of([trace], plant), num_noted=3000)
        seeing.reset()
        for _ in seeing.play(policy, 3000, seeing.observation_buffers()):
            pass
        blind = replay_statistics(plant, [trace], policy, 0, ONLY_BLOCKING)
        assert (blind.taken[0] < 0).any()
        assert np.array_equal(blind.taken, seeing.statistics.taken)


def test_the_after_state_saves_a_third_of_what_its_absence_blocks() -> None:
    topology = load_topology("nsfnet")
    weights = {"spend": -3.0, "path_rank": -0.5, "first_slot": -1.0, "splits": -1.0, "fills": 0.5}
    blocking = []
    for shortlist in (0, 8):
        plant = build_plant(topology, PlantSpec(k_paths=10, max_candidates=40, shortlist=shortlist))
        ahead = {"shortlisted": 100.0, "runs_loss_1": -3.0, "routability_loss_5": -3.0}
        policy = linear_policy("by-hand", **weights, **ahead)
        result = simulate(plant, PoissonTraffic(250.0), policy, 40_000, seed=7, num_runs=4)
        blocking.append(result.request_blocking.mean)
    assert blocking[1] < 0.75 * blocking[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"shortlist": -1},
        {"shortlist_paths": 0},
        {"future_rates_gbps": ()},
        {"future_rates_gbps": (1.0, 2.0, 3.0, 4.0, 5.0)},
        {"future_shares": (1.0,)},
    ],
)
def test_a_wrong_look_ahead_is_refused(wrong: dict) -> None:
    with pytest.raises(PlantError, match=r"shortlist|future"):
        PlantSpec(**wrong)
