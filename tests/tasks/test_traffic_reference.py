"""What is counted in a reference, against slow counting; its file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.plant import Plant
from envs.traffic import DAY_S, DiurnalTraffic, PoissonTraffic, make_trace
from tasks.traffic_reference import (
    Cells,
    ReferenceError,
    ends_by_age,
    hours_between,
    make_reference,
    read_reference,
    write_reference,
)


@pytest.mark.parametrize(
    ("begin_s", "end_s"), [(0, 3600), (1800, 1900), (3599, 3601), (80_000, 90_000), (7200, 3 * 86_400 + 5)]
)
def test_seconds_of_each_hour_are_those_counted_one_by_one(begin_s: int, end_s: int) -> None:
    counted = np.bincount(np.arange(begin_s, end_s) // 3600 % 24, minlength=24)

    assert hours_between(begin_s, end_s) == pytest.approx(counted)


def test_ends_and_time_at_risk_are_those_counted_second_by_second() -> None:
    held_s = np.array([3.0, 10.0, 25.0, math.nan, 10.0])
    has_ended = np.array([True, True, True, False, False])
    edges_s = (0.0, 5.0, 20.0)

    ends, at_risk_s = ends_by_age(held_s, has_ended, edges_s)

    ages = np.concatenate([np.arange(int(h)) for h in held_s if not math.isnan(h)])
    assert ends.tolist() == [1, 1, 1]
    assert at_risk_s.tolist() == np.histogram(ages, [0, 5, 20, 1000])[0].tolist()


def test_values_that_a_reference_does_not_list_have_a_cell_of_their_own() -> None:
    exact = Cells((25.0, 50.0), is_exact=True)
    assert exact.index(np.array([25.0, 50.0, 40.0, 400.0, np.inf])).tolist() == [0, 1, 2, 2, 3]

    bins = Cells((0.0, 10.0, 20.0), is_exact=False)
    assert bins.index(np.array([-1.0, 0.0, 9.0, 10.0, 20.0, np.inf])).tolist() == [0, 1, 1, 2, 3, 4]
    assert exact.index(np.float32([25.0])).tolist() == [0]


def test_a_reference_counts_every_request_of_the_whole_trace(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    trace = make_trace(traffic, plant, 6000, 3)

    reference = make_reference([trace])

    assert reference.num_requests == sum(reference.pairs.counts) == sum(reference.arrivals.counts) == 6000
    asked = (trace.source == 1) & (trace.destination == 3)
    assert reference.pairs.counts[1 * plant.num_nodes + 3] == asked.sum()
    assert reference.classes.counts == (*np.bincount(trace.service_class), 0)
    assert sum(reference.arrivals.exposure_s) == pytest.approx(trace.duration_s)
    assert sum(reference.ends.exposure_s) == pytest.approx(trace.holding_s.sum())
    assert sum(reference.ends.counts) == 6000
    assert read_reference(write_reference(reference, tmp_path / "traffic.json")) == reference
    assert make_reference([trace, trace]).num_requests == 12_000


def test_days_that_vary_are_told_from_chance(plant: Plant) -> None:
    steady = DiurnalTraffic(load_erlang=500.0, mean_holding_s=3600.0, swing=0.3)
    trace = make_trace(steady, plant, 120_000, 3)  # ten days

    arrivals = make_reference([trace]).arrivals

    assert arrivals.common_cv < 0.02
    assert arrivals.bin_cv < 0.03
    rates = np.array(arrivals.counts) / arrivals.exposure_s
    assert rates[6] / rates[18] == pytest.approx(1.3 / 0.7, rel=0.1)  # four times 1 / sqrt(5000 / 7)
    short = make_reference([make_trace(steady, plant, 12_000, 3)]).arrivals
    assert short.common_cv == 0.1
    assert sum(arrivals.exposure_s) > DAY_S


def test_the_last_day_counts_and_few_days_leave_open_how_days_differ(
    plant: Plant, traffic: PoissonTraffic
) -> None:
    counts = (1000, 1000, 1000, 1000, 500)  # of a day; the last arrival comes a minute before midnight
    arrival_s = np.concatenate([day * DAY_S + np.linspace(0, DAY_S - 60, n) for day, n in enumerate(counts)])
    trace = replace(make_trace(traffic, plant, sum(counts), 3), arrival_s=arrival_s)

    # Mean 900, variance 50,000, of which 900 are chance; five days: 4 / 2 * 6 / 5 times that for a sixth.
    assert make_reference([trace]).arrivals.common_cv == pytest.approx(math.sqrt(49_100 * 2.4) / 900)


def test_a_reference_that_is_not_there_or_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReferenceError, match="made by an earlier version"):
        read_reference(tmp_path / "traffic.json")
    (tmp_path / "traffic.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(ReferenceError, match="schema version 1"):
        read_reference(tmp_path / "traffic.json")
    with pytest.raises(ReferenceError, match="one network"):
        make_reference([])
