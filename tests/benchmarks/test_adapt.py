"""The comparison cannot flatter: no demand looked at, no gain; and the rule may know what the agent knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.adapt import FORECAST_RULE, RULES, WITH_FORECAST, ShiftEffort, _placebo, figures
from envs.heuristics import baseline
from envs.policy import LinearPolicy

EFFORT = ShiftEffort(requests=2000, log_requests=200)


@pytest.mark.long
def test_a_champion_that_looks_at_no_demand_is_changed_by_no_forecast(tmp_path: Path) -> None:
    champion = baseline("ksp_ff")
    assert isinstance(champion, LinearPolicy)

    measured = figures(champion, EFFORT, tmp_path, lambda text: None, only="gravity")

    shifts: Any = measured["shifts"]
    row = shifts["gravity"]
    assert row["forecast"]["request_blocking"] == row["champion"]["request_blocking"] > 0
    assert row["forecast"]["change_ci95"] == [0.0, 0.0]
    assert row["baseline"]["rule"] in {*RULES, FORECAST_RULE + WITH_FORECAST}
    assert row["baseline"]["change"] < 0  # looking at what candidates leave behind beats first fit
    assert "retrained" not in row


def test_the_placebo_changes_every_weight_that_counts_and_is_the_same_each_time() -> None:
    policy = LinearPolicy("one", tuple(np.ones_like(baseline("ksp_ff").weights)))
    changed = _placebo(policy)
    assert changed == _placebo(policy)
    factors = np.array(changed.weights)
    assert (factors != 1.0).all()
    assert 0.1 < factors.std() < 0.6


def test_an_unknown_shift_is_refused_with_those_there_are(tmp_path: Path) -> None:
    champion = baseline("ksp_ff")
    assert isinstance(champion, LinearPolicy)
    with pytest.raises(ValueError, match="no shift 'tide'; known: two pairs x20"):
        figures(champion, EFFORT, tmp_path, lambda text: None, only="tide")


def test_a_budget_in_requests_takes_the_place_of_the_clock_and_the_long_training_is_a_multiple() -> None:
    effort = ShiftEffort(
        requests=2000, log_requests=200, budget_s=300.0, budget_requests=1_000_000, long_times=3
    )

    assert EFFORT.trainings == ()
    assert effort.trainings == (("retrained", 1), ("long", 3))
    assert effort.spec(3).search.budget.share(elapsed_s=1e9, requests=1_500_000) == 0.5
