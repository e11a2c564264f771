"""What ``lightloop status`` says of the promotion budget."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from configs.home import Home
from configs.load import load_config
from lightloop.commands.services import budget_line, status_document
from tasks.promotion_budget import BudgetState, spend

DAY_S = 86_400.0


def test_status_tells_what_gates_spent_and_what_the_next_one_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = [
        f"services.{service}_port={port}" for port, service in enumerate(("mlflow", "prefect", "pce"), 2)
    ]
    config, home = load_config("five-node", nobody), Home(tmp_path)
    monkeypatch.setattr("deployments.environment.mlflow_login", lambda *_: {})
    name, now_s = f"{config.mlflow.model_name}-{config.scenario}", time.time()
    yearly = config.gate.false_promotions_per_year
    spend(home.promotion_budget, name, "long ago", "1", yearly, now_s - 400 * DAY_S)
    recent = [spend(home.promotion_budget, name, run, "2", yearly, now_s - DAY_S) for run in ("a", "b")]
    spend(home.promotion_budget, "another-model", "c", "1", yearly, now_s)

    told = status_document(config, home, ())["promotion_budget"]

    assert told["allowed_in_365_days"] == yearly
    assert told["spent_in_365_days"] == pytest.approx(sum(recent))
    assert told["gates_in_365_days"] == 2
    assert told["next_level"] == pytest.approx(spend(home.promotion_budget, name, "d", "2", yearly), rel=1e-3)


@pytest.mark.parametrize(("num_gates", "says"), [(0, "(0 gates)"), (1, "(1 gate)"), (2, "(2 gates)")])
def test_people_read_it_in_one_line(num_gates: int, says: str) -> None:
    line = budget_line(BudgetState(0.05, 0.0025 * num_gates, num_gates, 0.002))
    spent = f"promotion budget: {0.25 * num_gates:.2f}% spent of 5.00% in 365 days {says}"
    assert line == f"{spent}, the next gate may spend 0.200% (1 in 500)"
