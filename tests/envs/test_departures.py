"""What is known of ends: the columns equal their definitions, and elsewhere they are 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.candidates import observe
from envs.features import COLUMN
from envs.forecast import DemandForecast, forecast_from
from envs.holding import ClassRest
from envs.lockstep import lockstep_on_requests
from envs.network import Network, ServiceLife
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, Requests, make_trace
from tests import naive
from tests.envs.test_kernels import settings_of_twin
from tests.sizes import examples
from topologies.catalogue import load_topology

ENDS = ("neighbours_stay", "neighbours_alike")
# Two ages and one; a third class, if there is one, is told by neither.
RESTS = (ClassRest("bounded", (0.0, 10.0), (5.0, 25.0)), ClassRest("free", (0.0,), (12.0,)))


def with_rests(plant: Plant, rests: tuple[ClassRest, ...]) -> tuple[Plant, DemandForecast]:
    """The plant under a forecast of equal demand that tells lives."""
    trace = make_trace(PoissonTraffic(load_erlang=5.0), plant, 50, seed=1)
    forecast = forecast_from(trace, plant, rests=rests)
    return plant.with_forecast(forecast), forecast


def expected_rest_s(row: int, age_s: float) -> float | None:
    """By hand, of the rows of ``RESTS``."""
    if row < 0:
        return None
    return min(5.0 + 2.0 * age_s, 25.0) if row == 0 else 12.0


@pytest.mark.nojit
@settings(max_examples=examples(25), deadline=None)
@given(settings_of_twin(slot_counts=(7, 16, 65)), st.integers(0, 100))
def test_columns_of_ends_equal_their_definitions_after_any_history(
    setting: tuple[Plant, Requests], seed: int
) -> None:
    spec = replace(setting[0].spec, departures_known=True)
    plant, _ = with_rests(build_plant(setting[0].topology, spec), RESTS)
    rng, requests = np.random.default_rng(seed), setting[1]
    shape = requests.arrival_s.shape
    tells = rng.random(shape) < 0.5
    told_end_s = np.where(tells, requests.arrival_s + requests.holding_s, np.inf)
    requests = requests._replace(told_end_s=told_end_s, life_row=rng.integers(-1, 2, shape).astype(np.int16))
    run = lockstep_on_requests(plant, requests)
    run.reset()
    features, mask, context = run.observation_buffers()
    rewards = np.zeros(1, np.float32)
    network = naive.NaiveNetwork(plant)
    lives: dict[tuple[tuple[int, ...], int], int] = {}  # units and first slot: row of the request

    def rest_s(row: int, now_s: float) -> float | None:
        if tells[0, row]:
            return float(told_end_s[0, row]) - now_s
        return expected_rest_s(int(requests.life_row[0, row]), now_s - float(requests.arrival_s[0, row]))

    run.observe_into(features, mask, context)
    for t in range(60):
        now_s = float(requests.arrival_s[0, t])
        network.depart(now_s)
        listed = int(run.candidates.listed[0])
        pair, rate_gbps = int(requests.pair[0, t]), float(requests.bit_rate_gbps[0, t])
        bound_ms = float(requests.max_latency_ms[0, t])
        arrays = (run.candidates.path, run.candidates.first_slot, run.candidates.num_slots)
        rows = [tuple(int(array[0, c]) for array in arrays) for c in range(listed)]
        assert rows == naive.candidates(network, pair, rate_gbps, bound_ms)
        for c, (path, slot, size) in enumerate(rows):
            expected = naive.ends(
                network,
                (path, slot, size),
                rest_s(t, now_s),
                lambda units, first, now_s=now_s: rest_s(lives[units, first], now_s),  # type: ignore[misc]
            )
            got = {name: features[0, c, getattr(COLUMN, name)] for name in ENDS}
            for name, value in expected.items():
                np.testing.assert_allclose(got[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
        action = int(rng.integers(listed)) if listed else -1
        if action >= 0:
            network.admit(*rows[action], now_s + float(requests.holding_s[0, t]))
            lives[network.units(rows[action][0]), rows[action][1]] = t
        run.step_into(np.array([action]), features, mask, context, rewards)


def seen_beside(plant: Plant, network: Network, request: Request) -> float:
    observation, candidates = observe(plant, network, request)
    beside = next(c for c, item in enumerate(candidates) if item.first_slot == 4 and len(item.nodes) == 2)
    return float(observation.features[beside, COLUMN.neighbours_stay])


@pytest.mark.nojit
def test_what_stands_is_known_by_the_forecast_of_the_moment_and_a_told_end_before_it() -> None:
    """One lightpath on slots 0 to 3; the candidate right above it has it below, and free slots above."""
    spec = PlantSpec(num_slots=32, departures_known=True)
    plain = build_plant(load_topology("five-node"), spec)
    plant, _ = with_rests(plain, RESTS)
    asked = Request(0, 1, 100.0, arrival_s=10.0, told_end_s=60.0)  # stays 50 s

    def beside(life: ServiceLife) -> Network:
        network = Network(plain)
        network.provision((0, 1), 0, 4, life=life)
        return network

    untold = beside(ServiceLife(began_s=5.0, service_class="bounded"))
    assert seen_beside(plain, untold, asked) == 0.0
    assert seen_beside(plant, untold, asked) == np.float32(15.0 / 50.0 / 2)  # 15 s more at the age of 5 s
    assert seen_beside(plain, untold, asked) == 0.0
    assert seen_beside(plant, beside(ServiceLife(5.0, 20.0, "bounded")), asked) == np.float32(0.1)
    assert seen_beside(plain, beside(ServiceLife(5.0, 20.0)), asked) == np.float32(0.1)
    assert seen_beside(plain, beside(ServiceLife(5.0, 9.0)), asked) == pytest.approx(0.0, abs=1e-9)  # overdue
    of_class = replace(asked, told_end_s=np.inf, service_class="free")  # expected to stay 12 s
    assert seen_beside(plant, beside(ServiceLife(5.0, 13.0)), of_class) == np.float32(3.0 / 12.0 / 2)


@pytest.mark.nojit
def test_where_nothing_is_known_the_columns_are_zero() -> None:
    for departures_known in (False, True):
        plant = build_plant(load_topology("nsfnet"), PlantSpec(departures_known=departures_known))
        network = Network(plant)
        network.provision((0, 1), 0, 4, life=ServiceLife(0.0, 50.0))
        observation, _ = observe(plant, network, Request(0, 1, 100.0))
        assert not observation.features[:, [getattr(COLUMN, name) for name in ENDS]].any()
    silent = build_plant(load_topology("nsfnet"), PlantSpec())  # tells nothing, whatever is told it
    told, _ = with_rests(silent, RESTS)
    observation, _ = observe(told, network, Request(0, 1, 100.0, told_end_s=9.0, service_class="free"))
    assert not observation.features[:, [getattr(COLUMN, name) for name in ENDS]].any()


def test_a_share_tells_its_end_and_classes_have_times_of_their_own() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=8, departures_known=True))
    classes = (LatencyClass("day", 3.0, mean_holding_s=1.0), LatencyClass("week", 1.0, mean_holding_s=7.0))
    traffic = PoissonTraffic(load_erlang=50.0, truncate_holding=False, classes=classes, told_share=0.3)
    trace = make_trace(traffic, plant, 40_000, seed=2)
    assert trace.told_s is not None
    told = np.isfinite(trace.told_s)
    assert told.mean() == pytest.approx(0.3, abs=0.01)
    assert np.array_equal(trace.told_s[told], trace.holding_s[told])
    for index, mean_s in enumerate((1.0, 7.0)):
        assert trace.holding_s[trace.service_class == index].mean() == pytest.approx(mean_s, rel=0.03)
    assert trace.holding_s.sum() / trace.duration_s == pytest.approx(50.0, rel=0.03)
    silent = make_trace(replace(traffic, told_share=0.0), plant, 400, seed=2)
    loud = make_trace(replace(traffic, told_share=1.0), plant, 400, seed=2)
    assert silent.told_s is None
    for name in ("arrival_s", "holding_s", "source", "bit_rate_gbps"):
        assert np.array_equal(getattr(silent, name), getattr(loud, name))
