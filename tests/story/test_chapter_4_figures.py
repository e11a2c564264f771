"""What runs leave behind in MLflow, and what of it is forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from configs.load import dump_config, load_config
from deployments.environment import PROJECT_ROOT, process_environment
from deployments.tidy import UNDER_WAY, registry_of
from tasks.champion import champion_of
from tasks.registry import Registry
from tests.story.stack import STORY_SEED, TRAINING, Stack, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

SHORT = 1e-6  # days


@pytest.fixture(scope="module")
def registry(stack: Stack) -> Iterator[Registry]:
    """The registry of the installation, asked as its own processes ask it."""
    own = process_environment(stack.config, stack.home)
    given = {key: value for key, value in own.items() if key.startswith("MLFLOW_")}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in given.items():
            patch.setenv(key, value)
        yield registry_of(stack.config, stack.home)


def runs(registry: Registry, query: str) -> list[Any]:
    found = registry.client.search_runs([registry.experiment_id], query, max_results=100)
    return sorted(found, key=lambda run: -run.info.start_time)


def artifacts(registry: Registry, run_id: str, folder: str) -> set[str]:
    return {item.path for item in registry.client.list_artifacts(run_id, folder)}


def test_a_run_shows_the_seed_it_used_what_was_tried_and_a_few_figures(registry: Registry) -> None:
    """The training by hand of the first chapter."""
    (run,) = runs(registry, f"params.training.seed = '{STORY_SEED}'")
    assert run.info.status == "FINISHED"
    named = f"five-node, story, seed {STORY_SEED}, 1,200,000 requests + 10,000 requests, "
    assert run.info.run_name.startswith(named)
    single = {name for name in run.data.metrics if not name.startswith("curve/")}
    assert {"evaluation/challenger_request_blocking", "evaluation/gain_over_best_baseline_low"} <= single
    assert {"evaluation/champion_request_blocking", "gate/passed", "gate/answer_p99_ms"} <= single
    assert len(single) <= 20
    assert len(registry.client.get_metric_history(run.info.run_id, "curve/blocking")) >= 10
    policies = [item["policy"] for item in evaluation_rows(registry, run.info.run_id)]
    compared = [name for name in single if name.startswith("evaluation/")]
    assert not [name for name in compared if any(policy in name for policy in policies)]
    assert "tables/policies.json" in artifacts(registry, run.info.run_id, "tables")
    experiment = registry.client.get_experiment(registry.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def evaluation_rows(registry: Registry, run_id: str) -> list[dict[str, Any]]:
    file = registry.client.download_artifacts(run_id, "evaluation.json")
    with open(file) as stream:
        return list(json.load(stream)["policies"])


def test_the_pages_of_the_model_and_its_version_tell_what_it_is(registry: Registry) -> None:
    champion = champion_of(registry)
    assert champion is not None

    version = registry.client.get_model_version(champion.name, champion.version)

    assert f"**{champion.policy}**" in version.description
    assert "request blocking (95 %)" in version.description
    assert "rollback/rollback" in version.description
    assert "@champion" in registry.client.get_registered_model(champion.name).description


def test_a_training_that_is_cancelled_under_ppo_ends_its_run(stack: Stack, registry: Registry) -> None:
    overrides = ["training.search.budget_s=1", "training.budget_s=100", "training.evaluate_every_s=1"]
    flow_run = stack.prefect.run_deployment(TRAINING, {"overrides": overrides, "reason": "cancelled"})
    progress = stack.home.training / flow_run / "progress.jsonl"
    until(lambda: progress.exists() and '"stage": "ppo"' in progress.read_text(), timeout_s=300)
    (run,) = runs(registry, "tags.reason = 'cancelled'")
    assert run.info.status == "RUNNING"

    stack.prefect.post(f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})

    until(lambda: stack.prefect.flow_run(flow_run)["state_type"] == "CANCELLED", timeout_s=60)
    until(lambda: registry.client.get_run(run.info.run_id).info.status == "KILLED")


def test_the_page_of_the_drift_report_is_kept_only_where_drift_was_found(
    stack: Stack, registry: Registry
) -> None:
    with stack.client() as client:
        for _ in range(12):
            client.place_service("A", "B", 25.0)
    overrides = [
        "drift.min_requests=10",
        "drift.window_requests=12",
        "drift.cool_down_requests=0",
        "drift.false_alarm_rate=1e-300",
    ]

    stack.finished(stack.prefect.run_deployment("drift-monitor/drift-monitor", {"overrides": overrides}))

    latest, *earlier = runs(registry, "tags.kind = 'drift'")
    assert latest.data.tags["drift"] == "false"
    assert latest.data.metrics["drift/log_e"] < 690
    assert artifacts(registry, latest.info.run_id, "drift") == {"drift/report.json"}
    for run in earlier:  # of the chapters before, and of the schedule
        has_page = "drift/report.html" in artifacts(registry, run.info.run_id, "drift")
        assert has_page == (run.data.tags["drift"] == "true")


def test_what_has_expired_goes_and_what_the_champion_refers_to_stays(
    stack: Stack, registry: Registry, tmp_path: Any
) -> None:
    until(lambda: not under_way(stack), timeout_s=300)
    champion = champion_of(registry)
    assert champion is not None
    made_by = registry.client.get_run(champion.run_id)
    traces = {item.dataset.digest for item in made_by.inputs.dataset_inputs}
    assert traces
    drift_runs = {run.info.run_id for run in runs(registry, "tags.kind = 'drift'")}
    assert drift_runs
    keep = [f"retention.{name}_days={SHORT}" for name in ("drift_runs", "trainings", "traces", "models")]
    options = [word for item in keep for word in ("--set", item)]

    plan = stack.json("tidy", "--dry-run", *options)

    assert not plan["deleted"]
    assert {item["name"] for item in plan["items"] if item["kind"] == "MLflow drift run"} == drift_runs
    assert "training" in {item["kind"] for item in plan["items"]}  # that of the cancelled one
    assert plan["bytes"] > 0
    assert {run.info.run_id for run in runs(registry, "tags.kind = 'drift'")} == drift_runs

    done = tidy_as_upkeep_does(stack, tmp_path / "config.yaml", keep)

    assert "drift run" in done.stdout, done.stderr
    assert not runs(registry, "tags.kind = 'drift'")
    named = {item["name"] for item in plan["items"] if item["kind"] == "training"}
    assert not [name for name in named if (stack.home.training / name).exists()]
    assert registry.client.get_run(champion.run_id).info.lifecycle_stage == "active"
    assert all((stack.home.traces / f"{trace}.parquet").exists() for trace in traces)
    assert registry.policy_folder(champion, stack.home.models).exists()
    assert stack.json("status")["champion_version"] == champion.version
    assert stack.json("request", "--from", "A", "--to", "C", "--gbps", "25")["decided_by"] == "model"


def under_way(stack: Stack) -> list[Any]:
    chosen = {"state": {"type": {"any_": list(UNDER_WAY)}}}
    return list(stack.prefect.post("/flow_runs/filter", {"flow_runs": chosen}))


def tidy_as_upkeep_does(stack: Stack, file: Any, overrides: list[str]) -> subprocess.CompletedProcess[str]:
    environment = process_environment(stack.config, stack.home)
    file.write_text(stack.home.config_file.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTLOOP_CONFIG", str(file))
        file.write_text(dump_config(load_config(None, overrides)))
    return subprocess.run(
        [sys.executable, "-m", "deployments.tidy"],
        cwd=PROJECT_ROOT,
        env=environment | {"LIGHTLOOP_CONFIG": str(file), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
