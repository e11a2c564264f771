"""What a run shows in MLflow: numbers that compare across runs, tables, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.figures import (
    Table,
    class_table,
    evaluation_metrics,
    gate_metrics,
    policy_table,
    rule_table,
)
from tasks.gate import judge
from tasks.model_card import Origin, model_card, version_card
from tasks.registry import Registry
from tasks.results import Evaluation
from tests.tasks.test_gate import BETTER, HEURISTIC, LIMITS

EVALUATION = Evaluation(challenger=BETTER, champion=HEURISTIC, baselines=(HEURISTIC,), trace_ids=("a", "b"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "test", "model", folder / "promotions.jsonl")
    client = MlflowClient(registry.tracking_uri)
    client.create_experiment("test", artifact_location=(folder / "artifacts").as_uri())
    return registry


def test_metrics_have_the_same_names_whatever_the_policies_are_called() -> None:
    renamed = replace(
        EVALUATION, challenger=replace(BETTER, policy="x"), champion=replace(HEURISTIC, policy="y")
    )

    first, second = evaluation_metrics(EVALUATION), evaluation_metrics(renamed)

    assert first == second
    report = judge(EVALUATION, 3.0, LIMITS)
    assert len(first) + len(gate_metrics(report)) <= 17  # and three of the training: not 165 bars
    names = {BETTER.policy, HEURISTIC.policy}
    assert not [key for key in first if any(name in key for name in names)]


def test_the_gain_is_relative_and_has_its_interval() -> None:
    metrics = evaluation_metrics(EVALUATION)

    mean = 0.02575
    assert metrics["evaluation/gain_over_best_baseline"] == pytest.approx(0.01025 / mean)
    low, high = (metrics[f"evaluation/gain_over_champion_{end}"] for end in ("low", "high"))
    assert low < metrics["evaluation/gain_over_champion"] < high


def test_tables_hold_everybody() -> None:
    table = policy_table(EVALUATION)

    assert [row[:2] for row in table.rows] == [
        ("challenger", "agent"),
        ("champion", "heuristic"),
        ("baseline", "heuristic"),
    ]
    assert all(len(row) == len(table.columns) for row in table.rows)
    classes = class_table(EVALUATION)
    assert all(len(row) == len(classes.columns) for row in classes.rows)
    assert len(rule_table(judge(EVALUATION, 3.0, LIMITS)).rows) == len(judge(EVALUATION, 3.0, LIMITS).rules)


def test_a_table_can_be_logged_twice_and_is_shown_once(registry: Registry, tmp_path: Path) -> None:
    client = MlflowClient(registry.tracking_uri)
    with registry.run("tables", {"kind": "training", "scenario": "s"}) as run_id:
        for _ in range(2):
            registry.log_table(run_id, Table(("a", "b"), ((1, "x"), (2, "y"))), "tables/t.json")

    stored = json.loads(Path(client.download_artifacts(run_id, "tables/t.json", str(tmp_path))).read_text())
    assert stored == {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}
    listed = client.get_run(run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(listed) == [{"path": "tables/t.json", "type": "table"}]


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("broken"), "FAILED"), (SystemExit(143), "KILLED"), (None, "FINISHED")]
)
def test_a_run_ends_as_its_block_does(registry: Registry, error: BaseException | None, status: str) -> None:
    run_id = ""
    try:
        with registry.run("ends", {}) as run_id:
            if error is not None:
                raise error
    except (ValueError, SystemExit):
        pass

    assert MlflowClient(registry.tracking_uri).get_run(run_id).info.status == status


def test_the_experiment_is_one_of_models(registry: Registry) -> None:
    # It was there before, without a kind: made by hand, or by an earlier version.
    experiment = MlflowClient(registry.tracking_uri).get_experiment(registry.experiment_id)

    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_seeds_of_earlier_runs_are_found(registry: Registry) -> None:
    for seed in (3, 9):
        with registry.run("seed", {"kind": "training", "scenario": "seeds"}) as run_id:
            registry.log_config(run_id, {"training.seed": seed}, "")

    assert sorted(registry.seeds_used("training", "seeds").values()) == [3, 9]
    assert registry.seeds_used("training", "another") == {}


def test_a_card_tells_what_it_is_how_good_and_the_way_back() -> None:
    report = judge(EVALUATION, 3.0, LIMITS)
    origin = Origin("five-node", "five-node", "poisson traffic of 40 Erlang", "search and PPO", "drift", "t1")
    learned = replace(origin, windows={"window.learned": "w-1", "window.held_out": "w-2"}, forecast="f-1")

    card = version_card("agent", learned, report.evaluation["policies"], report)

    assert "| challenger | agent | 1.550% (" in card
    assert "rollback/rollback" in card
    assert report.verdict in card
    assert "window.learned `w-1`, window.held_out `w-2`" in card
    assert "demand forecast `f-1`" in card
    assert report.power_in_words in card  # with the budget that is left
    assert "| slice | challenger agent |" in card
    assert card.count("\n| all | 1.550%") == 1
    assert "@champion" in model_card("model", "five-node", "five-node")
    assert "without a gate" in version_card("ksp_ff", origin, report.evaluation["policies"][:1], None)
    assert "not met its gate yet" in version_card("agent", origin, [], None)


@pytest.mark.parametrize("starts", [False, True], ids=["while it runs", "while it starts"])
def test_sigterm_reaches_whoever_answered_it_before_ray(starts: bool) -> None:
    import subprocess
    import sys

    program = (
        "import os, signal\n"
        "from agents.local_ray import ray_session\n"
        "class Told(BaseException): pass\n"
        "def tell(*_): raise Told\n"
        "def die(*_): os.killpg(0, signal.SIGTERM)\n"  # as Prefect does: the whole group
        f"if {starts}:\n"
        "    from ray._private.node import Node\n"
        "    Node.start_head_processes = die\n"
        "signal.signal(signal.SIGTERM, tell)\n"
        "try:\n"
        "    with ray_session('', 1):\n"
        "        die()\n"
        "        import time; time.sleep(30)\n"
        "except Told:\n"
        "    print('told')\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, start_new_session=True
    )

    assert (done.returncode, done.stdout.strip()) == (0, "told"), done.stderr
    assert "SIGTERM received" not in done.stderr
