"""Regret finds what could be had, and nothing where there is nothing: also among many that are tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, save_policy
from envs.batch_means import difference_interval
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import linear_policy
from envs.replay_window import Outcomes, replay_window
from envs.traffic import PoissonTraffic, make_trace
from envs.window import Window, WindowError, write_window
from tasks.regret import Entrant, chosen_and_claimed, entrants, measure_regret, regret_of, stored_regret
from tests.live_network import live_through

RATES = np.ones(1, np.float32)


@pytest.fixture(scope="module")
def window(plant: Plant, traffic: PoissonTraffic) -> Window:
    trace = make_trace(traffic, plant, 700, seed=4)
    return live_through(plant, trace, baseline("ksp_ff"), before=100).window


def outcomes_of(name: str, blocked: np.ndarray) -> Outcomes:
    taken = np.where(blocked, -1, 0).astype(np.int32)
    return Outcomes(name, taken, np.broadcast_to(RATES, blocked.shape), 0)


def in_clumps(rng: np.random.Generator, num_requests: int, share: float) -> np.ndarray:
    """Outcomes that resemble their neighbours: a congested network blocks, one with room does not."""
    noise = rng.normal(size=num_requests + 30)
    level = np.convolve(noise, np.ones(31) / np.sqrt(31), mode="valid")
    return (level + rng.normal(size=num_requests)) / np.sqrt(2) > np.sqrt(2) * _quantile(share)


def _quantile(share: float) -> float:
    from scipy import stats

    return float(stats.norm.ppf(1 - share)) / np.sqrt(2)


def test_a_placebo_wins_no_more_often_than_stated() -> None:
    """Nine entrants as good as the champion, 1,000 windows: 2.5 % shown; a share above 4 % is 3 sigma off."""
    rng, shown, naive = np.random.default_rng(1), 0, 0
    for _ in range(1000):
        arms = {name: outcomes_of(name, in_clumps(rng, 2000, 0.05)) for name in "abcdefghij"}
        shown += chosen_and_claimed("a", arms)[1].low > 0
        best = min("bcdefghij", key=lambda name: arms[name].request_blocking)
        naive += difference_interval(arms[best].blocked, arms["a"].blocked).high < 0
    assert shown / 1000 <= 0.04
    assert naive / 1000 > 0.08, "the best of nine on the same requests would win that often"


def test_the_best_is_chosen_on_the_first_half_and_claimed_on_the_second() -> None:
    blocked = np.arange(400) % 10 == 0
    early = blocked & (np.arange(400) >= 200)  # blocks nothing at first, as the champion does later
    late = blocked & (np.arange(400) < 200)
    arms = {
        "champion": outcomes_of("champion", blocked),
        "late": outcomes_of("late", late),
        "early": outcomes_of("early", early),
    }
    found = regret_of("w", "champion", arms)
    assert found.against == "early"
    assert found.mean == 0.0
    assert not found.is_shown
    assert found.champion_blocking == 0.1
    assert [item.name for item in found.table] == ["champion", "late", "early"]


def test_a_champion_that_is_worse_is_found_out(plant: Plant, window: Window) -> None:
    wasteful = linear_policy("wasteful", hops=100.0, spend=100.0, path_rank=100.0)
    found = measure_regret(plant, window, Entrant("champion", wasteful), entrants(["ksp_ff", "mscl_ksp"]))
    assert found.is_shown
    assert found.against in ("ksp_ff", "mscl_ksp")
    half = window.trace.num_requests // 2
    mine, its = (
        replay_window(plant, window, policy).blocked[half:].mean()
        for policy in (wasteful, next(item.policy for item in entrants([found.against])))
    )
    assert found.mean == pytest.approx(mine - its)
    told = found.row()
    assert (told["against"], told["mean"], told["ci95"]) == (found.against, found.mean, list(found.ci95))
    assert [mean for mean, _, _ in told["replayed"].values()] == [
        item.request_blocking.mean for item in found.table
    ]


def test_the_same_policy_under_another_name_is_no_regret(plant: Plant, window: Window) -> None:
    champion = Entrant("champion", baseline("ksp_ff"))
    found = measure_regret(plant, window, champion, [Entrant("twin", baseline("ksp_ff"), plant)])
    assert found.mean == 0.0
    assert not found.is_shown
    assert found.ci95[0] < 0 < found.ci95[1]


def test_everybody_who_could_have_been_in_service_is_entered(
    plant: Plant, window: Window, tmp_path: Path
) -> None:
    champion = save_policy(baseline("ksp_ff"), tmp_path / "champion")
    previous = save_policy(baseline("ksp_lf"), tmp_path / "previous")
    others = entrants(["ff_ksp", "ksp_mscl"], GENERALIST_FOLDER, previous)
    said: list[str] = []
    found = stored_regret(plant, write_window(window, tmp_path), champion, others, said.append)
    names = ["champion", "ff_ksp", "ksp_mscl", "generalist", "previous champion"]
    assert [item.name for item in found.table] == names
    assert len(said) == 5
    assert found.window == window.id
    assert found.table[0].minus_champion.mean == 0.0
    lived = np.mean([item.placed is None for item in window.live])
    assert found.table[0].request_blocking.mean == lived


def test_a_window_too_short_to_be_split_is_refused(plant: Plant, traffic: PoissonTraffic) -> None:
    trace = make_trace(traffic, plant, 160, seed=4)
    short = live_through(plant, trace, baseline("ksp_ff"), before=100).window
    champion, others = Entrant("champion", baseline("ksp_ff")), entrants(["ff_ksp"])
    with pytest.raises(WindowError, match="has 60 requests; 80 or more"):
        measure_regret(plant, short, champion, others)
    with pytest.raises(ValueError, match="at least one policy"):
        measure_regret(plant, short, champion, [])
