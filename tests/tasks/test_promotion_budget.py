"""What gates spend of the chance of a false promotion, however they are timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.promotion_budget import YEAR_S, budget_state, left, read_spending, spend

DAY_S = 86_400.0


def test_nightly_gates_never_spend_more_than_the_year_has(tmp_path: Path) -> None:
    file = tmp_path / "serving" / "budget.jsonl"
    alphas = [spend(file, "m", f"run {night}", "1", 0.05, night * DAY_S) for night in range(3 * 365)]

    assert alphas[0] == pytest.approx(0.2 * 0.25 * 0.05)
    for begin in range(0, len(alphas) - 365, 30):
        assert sum(alphas[begin : begin + 365]) <= 0.05
    assert sum(alphas[365:730]) > 0.03  # and hardly any of it is left unused
    assert budget_state(file, "m", 0.05, 1094.5 * DAY_S).spent <= 0.05


@pytest.mark.parametrize("seed", range(5))
def test_no_timing_spends_more_in_any_365_days(tmp_path: Path, seed: int) -> None:
    draw, file = np.random.default_rng(seed), tmp_path / "budget.jsonl"
    times_s = np.cumsum(draw.exponential(draw.choice([0.1, 3.0, 60.0], 150)) * DAY_S)
    alphas = np.array([spend(file, "m", f"{n}", "", 0.05, t) for n, t in enumerate(times_s)])

    for time_s in times_s:
        inside = (times_s > time_s - YEAR_S) & (times_s <= time_s)
        assert alphas[inside].sum() <= 0.05 + 1e-4  # the least level of a gate, a hundred and fifty times


def test_a_challenger_judged_twice_against_the_same_champion_spends_once(tmp_path: Path) -> None:
    file = tmp_path / "budget.jsonl"

    first = spend(file, "m", "run", "1", 0.05, 0.0)
    assert spend(file, "m", "run", "1", 0.05, DAY_S) == first
    assert spend(file, "m", "run", "2", 0.05, 2 * DAY_S) < first
    assert spend(file, "other", "run", "1", 0.05, 2 * DAY_S) == first
    assert [entry.champion for entry in read_spending(file, "m")] == ["1", "2"]
    state = budget_state(file, "m", 0.05, 3 * DAY_S)
    assert state.num_gates == 2
    assert state.next_alpha == pytest.approx(0.2 * left(read_spending(file, "m"), 0.05, 3 * DAY_S))


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "budget.jsonl"
    spend(file, "m", "run", "1", 0.05, 0.0)
    with file.open("a") as stream:
        stream.write('{"model_name": "m", "ru')

    assert len(read_spending(file, "m")) == 1
    spend(file, "m", "next", "1", 0.05, 1.0)
    assert [entry.run_id for entry in read_spending(file, "m")] == ["run", "next"]
