"""Probation: a new champion that blocks more goes back, one that is as good stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from agents.artefact import save_policy
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import linear_policy
from envs.replay_window import replay_window
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Window, write_window
from tasks.probation import (
    judge_stored,
    not_judged,
    on_probation,
    read_verdict,
    verdict_of,
    write_verdict,
)
from tasks.promotions import Promotion
from tests.live_network import live_through

PROMOTION = Promotion("promote", "m", "2", "1", "linear", "passes", 1000.0)


@pytest.fixture(scope="module")
def window(plant: Plant, traffic: PoissonTraffic) -> Window:
    trace = make_trace(traffic, plant, 1100, seed=4)
    return live_through(plant, trace, baseline("ksp_ff"), before=100).window


def stored(policy, folder: Path) -> Path:
    return save_policy(policy, folder, {})


def test_a_bad_champion_is_found_out_and_a_good_one_after_it_is_not(
    plant: Plant, window: Window, tmp_path: Path
) -> None:
    bad = linear_policy("wasteful", hops=100.0, spend=100.0, path_rank=100.0)
    worse, good = stored(bad, tmp_path / "bad"), stored(baseline("ksp_ff"), tmp_path / "good")
    place = write_window(window, tmp_path / "windows")

    broken = judge_stored(plant, place, PROMOTION, worse, good)
    assert (broken.outcome, broken.requests, broken.window) == ("broken", 1000, window.id)
    ours, theirs = (replay_window(plant, window, item).blocked for item in (bad, baseline("ksp_ff")))
    assert broken.mean == pytest.approx(ours.mean() - theirs.mean())
    assert broken.low > 0
    assert "version 2 blocks" in broken.reason
    assert "99% interval" in broken.reason

    assert judge_stored(plant, place, PROMOTION, good, worse).outcome == "kept"
    same = judge_stored(plant, place, PROMOTION, good, good)
    assert (same.outcome, same.mean) == ("kept", 0.0)


@pytest.mark.parametrize("reach", [1, 20], ids=["independent requests", "congestion that lasts 20 requests"])
def test_an_equal_champion_is_sent_back_no_more_often_than_the_level(reach: int) -> None:
    """4,000 placebos of 1,000 requests: half a percent; the bound is its 99.9 % quantile."""
    rng, trials = np.random.default_rng(7), 4000
    quantile = stats.norm.ppf(0.95)
    broken = 0
    for _ in range(trials):
        shared, own = rng.normal(size=1000 + reach - 1), rng.normal(size=(2, 1000 + reach - 1))
        kernel = np.ones(reach) / np.sqrt(reach)
        levels = [np.convolve(0.8 * shared + 0.6 * one, kernel, mode="valid") for one in own]
        now, before = (level > quantile for level in levels)
        broken += verdict_of(PROMOTION, "w", now, before).outcome == "broken"
    assert broken <= stats.binom.ppf(0.999, trials, 0.005)


def test_one_that_blocks_twice_as_much_is_sent_back() -> None:
    rng, found = np.random.default_rng(8), 0
    for _ in range(200):
        level = rng.random(1000)
        found += verdict_of(PROMOTION, "w", level < 0.06, level < 0.03).outcome == "broken"
    assert found >= 190


def test_only_the_last_promotion_over_somebody_is_judged_and_only_once() -> None:
    first = Promotion("promote", "m", "1", "", "linear", "", 500.0)
    back = Promotion("rollback", "m", "1", "2", "linear", "", 1500.0)
    again = replace(PROMOTION, time_s=2000.0)
    assert on_probation((), None) is None
    assert on_probation((first,), None) is None
    assert on_probation((first, PROMOTION), None) == PROMOTION
    judged = not_judged(PROMOTION, "seen")
    assert on_probation((first, PROMOTION), judged) is None
    assert on_probation((first, PROMOTION, back), judged) is None
    assert on_probation((first, PROMOTION, back, again), judged) == again


def test_a_verdict_is_read_back_as_written_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / "serving" / "probation.json"
    assert read_verdict(file) is None
    verdict = verdict_of(PROMOTION, "w", np.arange(100) < 5, np.arange(100) < 4)
    write_verdict(file, verdict)
    assert read_verdict(file) == verdict
    file.write_text(file.read_text()[:20])
    assert read_verdict(file) is None
