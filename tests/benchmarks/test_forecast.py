"""What a forecast is worth is measured on the same requests: who does not look at it gains nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.forecast import ARMS, HOT, MOSTLY, figures, permuted, shifts
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import make_trace
from topologies.catalogue import load_topology


def test_the_shifts_are_what_they_are_called() -> None:
    pairs, rates, gravity = shifts(14)
    weights = pairs.traffic.pair_weights
    assert weights is not None
    assert sorted(weights.ravel())[-5:] == [1.0, HOT, HOT, HOT, HOT]  # two pairs, both ways
    assert np.array_equal(weights, weights.T)
    assert rates.traffic.bit_rate_weights is not None
    assert rates.traffic.bit_rate_weights[-1] == MOSTLY
    assert sum(rates.traffic.bit_rate_weights) == pytest.approx(1.0)
    of_ends = gravity.traffic.pair_weights
    assert of_ends is not None
    assert np.linalg.matrix_rank(of_ends) == 1


def test_the_placebo_has_the_same_numbers_elsewhere() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(k_paths=2, shortlist=2))
    right = forecast_from(make_trace(shifts(5)[2].traffic, plant, 500, 1), plant)
    placebo = permuted(right)
    assert sorted(placebo.weights) == sorted(right.weights)
    assert placebo.weights != right.weights
    assert plant.with_forecast(placebo).forecast is placebo


def test_a_heuristic_that_looks_at_no_after_state_is_changed_by_no_arm() -> None:
    found = figures(baseline("ksp_ff"), 2000, 200, lambda text: None)
    shifts_found = found["shifts"]
    assert isinstance(shifts_found, dict)
    assert list(shifts_found) == ["two pairs x20", "bit rates mostly 100", "gravity"]
    for row in shifts_found.values():
        assert row["none"]["request_blocking"] > 0
        for arm in ARMS:
            assert row[arm]["request_blocking"] == row["none"]["request_blocking"]
            assert row[arm]["change_ci95"] == [0.0, 0.0]
