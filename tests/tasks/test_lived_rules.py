"""What the gate asks of a challenger that learned from a window: a veto on the window, and not to forget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.fidelity import Decider, measure_fidelity
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import linear_policy
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Window
from tasks.evaluate import Contender, contender_baseline
from tasks.lived_rules import not_worse_on_window, remembers, repeats_the_window
from tasks.results import PolicyResult
from tests.live_network import VERSION, live_through

WASTEFUL = Contender("wasteful", linear_policy("wasteful", hops=100.0, spend=100.0, path_rank=100.0), "w")


@pytest.fixture(scope="module")
def window(plant: Plant, traffic: PoissonTraffic) -> Window:
    return live_through(plant, make_trace(traffic, plant, 900, seed=5), baseline("ksp_ff"), before=100).window


def test_a_challenger_that_blocks_more_on_the_window_is_refused(plant: Plant, window: Window) -> None:
    first_fit = contender_baseline("ksp_ff")
    worse = not_worse_on_window(plant, window, WASTEFUL, first_fit, 0.95, lambda text: None)
    assert not worse.passed
    assert worse.margin < 0
    assert "of the champion on the same 800 requests" in worse.why
    better = not_worse_on_window(plant, window, first_fit, WASTEFUL, 0.95, lambda text: None)
    same = not_worse_on_window(plant, window, first_fit, first_fit, 0.95, lambda text: None)
    assert better.passed
    assert same.passed


def result(*request_blocking: float) -> PolicyResult:
    return PolicyResult("any", request_blocking, request_blocking, (0.5,) * 4, (1.0,) * 4, {})


@pytest.mark.parametrize(
    ("challenger", "passed"),
    [
        ((0.010, 0.012, 0.011, 0.009), True),  # the same
        ((0.0104, 0.0125, 0.0114, 0.0094), True),  # 4 % more, 5 % is tolerated
        ((0.0120, 0.0144, 0.0132, 0.0108), False),  # 20 % more on every trace
        ((0.002, 0.003, 0.002, 0.001), True),
    ],
)
def test_what_is_forgotten_is_a_share_of_the_champions_blocking(
    challenger: tuple[float, ...], passed: bool
) -> None:
    found = remembers(result(*challenger), result(0.010, 0.012, 0.011, 0.009), 0.05, 0.95)
    assert found.passed is passed
    assert "scenario's own traffic" in found.why


def test_a_twin_that_does_not_repeat_the_window_fails(plant: Plant, window: Window) -> None:
    deciders = {VERSION: Decider(baseline("ksp_ff"))}
    assert repeats_the_window(measure_fidelity(plant, window, deciders)).passed
    row = next(n for n, live in enumerate(window.live) if live.placed is not None)
    live = window.live[row]
    assert live.placed is not None
    moved = replace(live, placed=replace(live.placed, first_slot=live.placed.first_slot + 1))
    changed = replace(window, live=(*window.live[:row], moved, *window.live[row + 1 :]))
    found = repeats_the_window(measure_fidelity(plant, changed, deciders))
    assert not found.passed
    assert live.decision_id in found.why or "request" in found.why
