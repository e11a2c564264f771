"""A demand forecast is what its formula says, comes back as it was stored, and refuses other plants."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from envs.forecast import (
    DemandForecast,
    ForecastError,
    forecast_from,
    life_row,
    pairs_of,
    read_forecast,
    shrunk,
)
from envs.heuristics import baseline
from envs.holding import ClassRest
from envs.lockstep import lockstep_on_requests
from envs.plant import Plant, build_plant
from envs.policy import choose
from envs.settings import SETTINGS, agent_plant
from envs.spec import PlantSpec
from envs.trace import Trace
from envs.traffic import PoissonTraffic, make_trace, requests_of
from topologies.catalogue import load_topology
from topologies.model import Fibre, Node, Topology

RATES_GBPS = (25.0, 50.0, 75.0, 100.0)


def triangle(name: str = "triangle", km: float = 100.0) -> Topology:
    nodes = tuple(Node(label, 0.0, 0.0) for label in "ABC")
    return Topology(name, "by hand", nodes, tuple(Fibre(*ends, km) for ends in ("AB", "BC", "CA")))


def asked(plant: Plant, requests: list[tuple[int, int, float]]) -> Trace:
    """A trace of (source, destination, Gb/s), one a second."""
    num = len(requests)
    return Trace(
        arrival_s=np.arange(num, dtype=np.float64),
        holding_s=np.ones(num),
        source=np.array([item[0] for item in requests]),
        destination=np.array([item[1] for item in requests]),
        bit_rate_gbps=np.array([item[2] for item in requests]),
        max_latency_ms=np.full(num, np.inf),
        service_class=np.zeros(num),
        node_names=plant.topology.node_names,
        class_names=("all",),
        topology_hash=plant.topology.content_hash,
        origin="by hand",
    )


@pytest.fixture(scope="module")
def shared() -> Plant:
    return build_plant(triangle(), PlantSpec(shared_spectrum=True, shortlist=3))


def test_weights_and_shares_are_those_worked_out_by_hand(shared: Plant) -> None:
    # A-B asks 8 times (5 one way, 3 the other), A-C once, B-C never. m = 3, var = (25 + 4 + 9) / 3 = 38 / 3,
    # var - m = 29 / 3, a = 9 / (29 / 3) = 27 / 29, m + a = 114 / 29.
    requests = [(0, 1, 100.0)] * 5 + [(1, 0, 30.0)] * 3 + [(2, 0, 400.0)]
    found = forecast_from(asked(shared, requests), shared)
    assert found.pairs == (("A", "B"), ("A", "C"), ("B", "C"))
    assert found.weights == pytest.approx([(8 * 29 + 27) / 114, (29 + 27) / 114, 27 / 114])
    assert np.mean(found.weights) == pytest.approx(1.0, abs=1e-12)
    # N = 9: 30 Gb/s counts at 50, the mark above it; 400 at 100, the last.
    assert found.rates_gbps == RATES_GBPS
    assert found.shares == pytest.approx([5 / 29, 8 / 29, 5 / 29, 11 / 29])
    assert found.num_requests == 9


def test_directions_count_apart_where_each_has_its_own_spectrum() -> None:
    plant = build_plant(triangle(), PlantSpec(shortlist=3))
    found = forecast_from(asked(plant, [(0, 1, 100.0)] * 40 + [(1, 0, 100.0)]), plant)
    weight = dict(zip(found.pairs, found.weights, strict=True))
    assert len(weight) == 6
    assert weight["A", "B"] > weight["B", "A"] > weight["A", "C"] > 0


@pytest.mark.parametrize("counts", [[5.0] * 30, [0.0, 1.0], [3.0], [0.0] * 99 + [1.0], [1e6, 1.0, 0.0]])
def test_weights_have_mean_one_and_none_is_zero(counts: list[float]) -> None:
    weights = shrunk(np.array(counts))
    assert weights.mean() == pytest.approx(1.0, abs=1e-9)
    assert weights.min() > 0


def test_counts_that_differ_by_chance_alone_are_drawn_together_and_real_differences_stay() -> None:
    random = np.random.default_rng(5)
    alike = shrunk(random.poisson(10.0, 400).astype(np.float64))
    assert alike.std() < 0.1  # as counted it would be 0.32
    true = np.where(np.arange(400) < 4, 20.0, 1.0)
    true /= true.mean()
    hot = shrunk(random.poisson(50.0 * true).astype(np.float64))
    assert hot[:4] == pytest.approx(true[:4], rel=0.15)


def test_a_forecast_comes_back_as_it_was_written_and_its_hash_tells_it_from_others(shared: Plant) -> None:
    one = forecast_from(asked(shared, [(0, 1, 33.3), (1, 2, 100.0)]), shared, source_id="window-1")
    again = read_forecast(json.loads(json.dumps(one.to_json())))
    assert again == one
    assert again.content_hash == one.content_hash
    assert re.fullmatch("[0-9a-f]{16}", one.content_hash)
    assert replace(one, source_id="window-2").content_hash != one.content_hash


def test_expected_lives_are_part_of_a_forecast_and_without_them_its_hash_is_as_before(shared: Plant) -> None:
    one = forecast_from(asked(shared, [(0, 1, 33.3), (1, 2, 100.0)]), shared, source_id="window-1")
    assert "rests" not in one.to_json()
    told = replace(one, rests=(ClassRest("", (0.0,), (9.0,)), ClassRest("gold", (0.0, 4.0), (5.0, 7.5))))
    again = read_forecast(json.loads(json.dumps(told.to_json())))
    assert (again, again.content_hash) == (told, told.content_hash)
    assert told.content_hash != one.content_hash
    assert [life_row(told, name) for name in ("gold", "silver", "")] == [1, 0, 0]
    assert [life_row(replace(told, rests=told.rests[1:]), name) for name in ("gold", "silver")] == [0, -1]
    assert life_row(one, "gold") == life_row(None, "gold") == -1
    with pytest.raises(ForecastError, match="twice"):
        replace(told, rests=told.rests[:1] * 2)
    for rests in ([{"service_class": "", "ages_s": [1.0], "rest_s": [2.0]}], [{"service_class": ""}], 3):
        with pytest.raises(ForecastError):
            read_forecast(told.to_json() | {"rests": rests})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forecast_version": 9}, "version 9"),
        ({"weights": None}, "NoneType"),
        ({"weights": [1.0, 1.0]}, "2 numbers for 3"),
        ({"weights": [0.0, 1.5, 1.5]}, "weights hold 0"),
        ({"weights": [2.0, 2.0, 2.0]}, "mean 2"),
        ({"weights": [float("nan"), 1.0, 1.0]}, "nan"),
        ({"shares": [0.5, 0.5, 0.5, 0.5]}, "sum 1"),
        ({"rates_gbps": [50.0, 25.0, 75.0, 100.0]}, "ascending"),
        ({"pairs": [["A", "B"], ["A", "B"], ["B", "C"]]}, "twice"),
        ({"num_requests": 0}, "num_requests is 0"),
        ({"source_id": "another"}, "changed after it was made"),
        ({"colour": "red"}, "'colour' is unknown"),
    ],
)
def test_a_document_that_is_not_sound_is_refused(shared: Plant, change: dict, message: str) -> None:
    document = forecast_from(asked(shared, [(0, 1, 100.0)]), shared).to_json()
    with pytest.raises(ForecastError, match=f"here: .*{message}"):
        read_forecast(document | change, "here")
    with pytest.raises(ForecastError, match="'shares' is missing"):
        read_forecast({key: value for key, value in document.items() if key != "shares"})


def test_a_plant_refuses_a_forecast_of_another(shared: Plant) -> None:
    forecast = forecast_from(asked(shared, [(0, 1, 100.0)]), shared)
    longer = build_plant(triangle("longer", 200.0), shared.spec)
    with pytest.raises(ForecastError, match="of the network with hash"):
        longer.with_forecast(forecast)
    assert longer.with_forecast(forecast.on(longer.topology)).forecast is not None
    with pytest.raises(ForecastError, match="has no node 'A'"):
        forecast.on(load_topology("nsfnet"))
    with pytest.raises(ForecastError, match=r"3 node pairs .* the plant 6"):
        build_plant(triangle(), replace(shared.spec, shared_spectrum=False)).with_forecast(forecast)
    other_rates = replace(shared.spec, future_rates_gbps=(40.0, 400.0), future_shares=(1.0, 1.0))
    with pytest.raises(ForecastError, match="the plant looks at 40, 400"):
        build_plant(triangle(), other_rates).with_forecast(forecast)


def test_another_forecast_shares_the_paths_and_none_gives_the_plant_as_it_was(shared: Plant) -> None:
    forecast = forecast_from(asked(shared, [(0, 1, 100.0)] * 9), shared)
    weighed = shared.with_forecast(forecast)
    assert weighed.path_table is shared.path_table
    assert weighed.arrays.after.path_units is shared.arrays.after.path_units
    assert np.array_equal(weighed.arrays.after.shares, np.outer(forecast.weights, forecast.shares))
    back = weighed.with_forecast(None)
    assert np.array_equal(back.arrays.after.shares, shared.arrays.after.shares)
    assert repr(weighed.spec) == repr(shared.spec)
    blind = build_plant(triangle(), replace(shared.spec, shortlist=0)).with_forecast(forecast)
    assert blind.arrays.after.shares.shape == (0, 4)


@pytest.mark.parametrize("name", ["deeprmsa-nsfnet", "ptrnet-40-nsfnet"])
def test_a_forecast_of_equal_pairs_and_the_same_shares_changes_no_bit(name: str) -> None:
    setting = SETTINGS[name]
    plant = build_plant(load_topology(setting.topology), agent_plant(setting))
    shares = plant.arrays.after.shares[0, : len(plant.spec.future_rates_gbps)]
    pairs = pairs_of(plant)
    assert len(pairs) == plant.arrays.after.num_pairs
    alike = DemandForecast(
        plant.topology.content_hash,
        pairs,
        (1.0,) * len(pairs),
        tuple(sorted(plant.spec.future_rates_gbps)),
        tuple(shares.tolist()),
        "none",
        1,
    )
    assert seen(plant, setting.traffic) == seen(plant.with_forecast(alike), setting.traffic)
    hot = replace(alike, weights=(float(len(pairs) - 1), *[1 / (len(pairs) - 1)] * (len(pairs) - 1)))
    assert seen(plant, setting.traffic) != seen(plant.with_forecast(hot), setting.traffic)


def seen(plant: Plant, traffic: PoissonTraffic) -> bytes:
    """Every observation of a short run under one rule that does not read the after-state."""
    requests = requests_of([make_trace(traffic, plant, 120, 3)], plant)
    run = lockstep_on_requests(plant, requests)
    run.reset()
    buffers, rewards, rule = run.observation_buffers(), np.zeros(1, np.float32), baseline("ksp_ff")
    run.observe_into(*buffers)
    found = b""
    for t in range(120):
        found += buffers[0].tobytes() if t % 10 == 0 else b""
        run.step_into(choose(rule.scores(*buffers)), *buffers, rewards, t + 1 < 120)
    return found
