"""Intervals from one sequence hold the true value as often as they say, though neighbours are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.batch_means import NUM_BATCHES, batch_means, blocking_interval, difference_interval
from envs.evaluation import Interval
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.replay_window import replay_window
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Live, Window
from topologies.catalogue import load_topology

WINDOWS, LENGTH = 200, 5000


@pytest.fixture(scope="module", params=[60.0, 90.0], ids=["rarely blocked", "often blocked"])
def outcomes(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """Two policies on one long stretch, (requests,) bool each; the network is in steady state throughout."""
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3))
    traffic = PoissonTraffic(request.param, mean_holding_s=100.0, bit_rates_gbps=(25.0, 50.0, 100.0))
    warmup = 1000
    trace = make_trace(traffic, plant, warmup + WINDOWS * LENGTH, seed=5)
    nothing = Live("", "", None, "none", "", True, False)
    window = Window(
        trace, (nothing,) * trace.num_requests, (), (), (), {}, 0.0, float(trace.arrival_s[-1]), (0, 1)
    )
    return {
        name: replay_window(plant, window, baseline(name)).blocked[warmup:] for name in ("ksp_ff", "ff_ksp")
    }


def covered(truth: float, found: list[Interval]) -> float:
    """Share of intervals that hold the true value."""
    return float(np.mean([item.low <= truth <= item.high for item in found]))


# Of 200 windows, 95 % covered: a binomial share is above 0.90 with probability 0.999.
def test_blocking_of_a_window_is_covered(outcomes: dict[str, np.ndarray]) -> None:
    values = outcomes["ksp_ff"]
    windows, truth = np.split(values, WINDOWS), values.mean()
    assert covered(truth, [blocking_interval(window) for window in windows]) >= 0.90
    half = [1.96 * window.std() / math.sqrt(LENGTH) for window in windows]
    naive = [
        Interval(window.mean(), window.mean() - h, window.mean() + h)
        for window, h in zip(windows, half, strict=True)
    ]
    assert covered(truth, naive) < 0.85, "else batches would not be needed"


def test_the_paired_difference_of_two_policies_is_covered(outcomes: dict[str, np.ndarray]) -> None:
    one, other = outcomes["ff_ksp"], outcomes["ksp_ff"]
    pairs = zip(np.split(one, WINDOWS), np.split(other, WINDOWS), strict=True)
    assert covered(one.mean() - other.mean(), [difference_interval(*pair) for pair in pairs]) >= 0.90


def test_batches_are_the_means_of_consecutive_stretches() -> None:
    values = np.repeat(np.arange(NUM_BATCHES, dtype=float), 3)
    found = batch_means(values)
    half = 2.093024 * np.std(np.arange(NUM_BATCHES), ddof=1) / math.sqrt(NUM_BATCHES)  # t of 19 at 97.5 %
    assert found.mean == 9.5
    assert found.half_width == pytest.approx(half, rel=1e-6)


def test_too_few_values_have_no_finite_interval() -> None:
    assert batch_means(np.zeros(NUM_BATCHES - 1)).high == math.inf
    with pytest.raises(ValueError, match="at least one"):
        batch_means(np.zeros(0))


def test_where_nothing_is_blocked_the_rule_of_three_remains() -> None:
    found = blocking_interval(np.zeros(1000, bool))
    assert (found.mean, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 1000), rel=1e-9)


def test_where_no_request_ends_differently_a_difference_remains_possible() -> None:
    blocked = np.arange(1000) % 50 == 0
    found = difference_interval(blocked, blocked)
    assert found.mean == 0.0
    assert found.high == -found.low == pytest.approx(1.96 / 1002, rel=1e-3)
