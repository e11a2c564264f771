"""Traces for training and for judging: made once; traffic that resembles a given one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.plant import Plant, build_plant
from envs.trace import TraceError, read_trace
from envs.traffic import PoissonTraffic, make_trace
from tasks.trace import held_out_traces, provide_trace
from tasks.traffic import traffic_like


def test_the_same_parameters_give_the_stored_trace(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    made = provide_trace(plant, traffic, 500, 3, tmp_path)
    written = made.file.stat().st_ino

    found = provide_trace(plant, traffic, 500, 3, tmp_path)

    assert not made.was_there
    assert found.was_there
    assert found.id == made.id
    assert found.file.stat().st_ino == written  # not written again; its time tells the last use
    assert read_trace(found.file).num_requests == 500


@pytest.mark.parametrize("change", [{"load_erlang": 41.0}, {"truncate_holding": False}])
def test_other_parameters_give_another_trace(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path, change: dict[str, float]
) -> None:
    first = provide_trace(plant, traffic, 200, 3, tmp_path)

    second = provide_trace(plant, replace(traffic, **change), 200, 3, tmp_path)

    assert not second.was_there
    assert second.id != first.id


def test_a_trace_removed_from_the_store_is_made_again(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    first = provide_trace(plant, traffic, 200, 3, tmp_path)
    first.file.unlink()

    again = provide_trace(plant, traffic, 200, 3, tmp_path)

    assert not again.was_there
    assert again.id == first.id


def test_a_trace_is_taken_by_id_and_by_path(plant: Plant, traffic: PoissonTraffic, tmp_path: Path) -> None:
    stored = provide_trace(plant, traffic, 200, 3, tmp_path / "store")

    by_id = provide_trace(plant, traffic, 999, 9, tmp_path / "store", given=stored.id)
    by_path = provide_trace(plant, traffic, 999, 9, tmp_path / "elsewhere", given=str(stored.file))

    assert by_id.id == by_path.id == stored.id
    assert by_path.file.parent == tmp_path / "elsewhere"


def test_an_unknown_trace_is_refused_by_name(plant: Plant, traffic: PoissonTraffic, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="0123456789abcdef"):
        provide_trace(plant, traffic, 10, 1, tmp_path, given="0123456789abcdef")


def test_held_out_traces_are_independent(plant: Plant, traffic: PoissonTraffic, tmp_path: Path) -> None:
    traces = held_out_traces(plant, traffic, 3, 200, 1000, tmp_path)

    assert len({trace.id for trace in traces}) == 3


def test_traffic_like_a_trace_has_its_rate_holding_bit_rates_and_bounds(
    plant: Plant, traffic: PoissonTraffic
) -> None:
    trace = make_trace(traffic, plant, 40_000, 5)

    like = traffic_like(trace, plant)

    assert like.load_erlang == pytest.approx(traffic.load_erlang, rel=0.02)
    assert like.mean_holding_s == pytest.approx(traffic.mean_holding_s, rel=0.02)
    assert like.truncate_holding
    assert like.bit_rates_gbps == traffic.bit_rates_gbps
    urgent, rest = like.classes
    assert (urgent.name, rest.name) == ("urgent", "rest")
    assert urgent.share == pytest.approx(0.25, abs=0.01)
    assert urgent.max_latency_ms == pytest.approx(2.0)
    assert urgent.min_stretch == pytest.approx(1.3, rel=1e-4)
    assert np.isinf(rest.max_latency_ms)


def test_holding_times_without_a_cut_are_recognised(plant: Plant, traffic: PoissonTraffic) -> None:
    trace = make_trace(replace(traffic, truncate_holding=False), plant, 5_000, 5)

    like = traffic_like(trace, plant)

    assert not like.truncate_holding
    assert like.mean_holding_s == pytest.approx(100.0, rel=0.05)


def test_pairs_that_a_trace_never_asks_are_asked_now_and_then(plant: Plant, traffic: PoissonTraffic) -> None:
    weights = np.zeros((5, 5))
    weights[0, 1] = weights[2, 3] = 1.0
    trace = make_trace(replace(traffic, pair_weights=weights), plant, 1_000, 5)

    like = traffic_like(trace, plant)

    # Ten pairs, m = 100, var = 40,000 but for chance: a = 1 / 3.99, so an absent pair has 0.0025 of the mean.
    assert like.pair_weights is not None
    upper = like.pair_weights[np.triu_indices(5, 1)]
    assert np.sort(upper)[:8] == pytest.approx(np.full(8, 0.0025), rel=0.02)
    assert upper.mean() == pytest.approx(1.0)
    assert np.array_equal(like.pair_weights, like.pair_weights.T)  # both ways share one spectrum
    again = make_trace(like, plant, 20_000, 6)
    asked = {frozenset(ends) for ends in zip(again.source.tolist(), again.destination.tolist(), strict=True)}
    assert len(asked) == 10


def test_a_plant_that_looks_at_departures_is_trained_on_classes_with_their_own_times_and_told_ends(
    plant: Plant, traffic: PoissonTraffic
) -> None:
    looking = build_plant(plant.topology, replace(plant.spec, departures_known=True))
    urgent, rest = traffic.classes
    classes = (replace(urgent, mean_holding_s=20.0), replace(rest, mean_holding_s=300.0))
    told = replace(traffic, truncate_holding=False, classes=classes, told_share=0.4)
    like = traffic_like(make_trace(told, looking, 20_000, 5), looking)
    assert [item.mean_holding_s for item in like.classes] == pytest.approx([20.0, 300.0], rel=0.05)
    assert like.told_share == pytest.approx(0.4, abs=0.02)
    assert like.offered_holding_s == pytest.approx(told.offered_holding_s, rel=0.05)
    assert like.load_erlang == pytest.approx(told.load_erlang, rel=0.05)
    other = traffic_like(make_trace(told, plant, 20_000, 5), plant)
    assert ({item.mean_holding_s for item in other.classes}, other.told_share) == ({None}, 0.0)
