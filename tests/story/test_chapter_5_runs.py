"""Runs come by themselves, and whatever becomes of one, the next one runs.

In order: schedules; a training that asks for approval; one whose process and worker are killed; ``lightloop
down`` while one trains and another waits for its approval, and two ``lightloop up`` at once after it.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import psutil
import pytest

from deployments.flow_runs import FLOW_RUN_VARIABLE
from tasks.locks import holder_of
from tasks.promotions import read_promotions
from tasks.registry_reader import FLOW_RUN_TAG
from tests.story.stack import ENDED, ENOUGH, MODEL, TRAINING, Stack, kill_group, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]
DRIFT = "drift-monitor/drift-monitor"
LONG = {"training_budget_s": 300, "reason": "story, long"}
ASKS = {"overrides": [*ENOUGH, "gate.require_approval=true"], "reason": "approval"}


def test_a_schedule_starts_runs_by_itself_and_they_complete(stack: Stack) -> None:
    stack.prefect.set_interval(DRIFT, 10.0)
    known = {run["id"] for run in scheduled_runs(stack, "COMPLETED")}
    try:
        until(lambda: {run["id"] for run in scheduled_runs(stack, "COMPLETED")} - known, timeout_s=90)
        said = deployment(stack, "drift-monitor")
    finally:
        stack.prefect.set_interval(DRIFT, stack.config.drift.interval_s)

    assert (
        said["last_run"] is not None
    )  # under load a run takes longer than the interval: Cancelled is one too
    assert said["schedule"] == "every 10 s"
    assert said["next_run"]["at"].endswith("+00:00")
    assert said["degraded"] == ""
    nightly = deployment(stack, "continuous-training")
    assert nightly["schedule"] == "cron 0 3 * * * UTC"
    assert "03:00:00+00:00" in nightly["next_run"]["at"]


def test_a_training_that_passes_waits_for_its_approval(stack: Stack) -> None:
    stack.end_trainings()

    run_id = stack.prefect.run_deployment(TRAINING, ASKS)

    until(lambda: stack.prefect.flow_run(run_id)["state_type"] in ("PAUSED", *ENDED), timeout_s=200)
    assert state_name(stack, run_id) == "Suspended"
    states = stack.manager.states()
    assert sorted(states[name].state for name in ("model-a", "model-b")) == ["RUNNING", "STOPPED"]
    assert mlflow_statuses(stack, run_id) == ["SCHEDULED"]


def test_after_a_killed_worker_and_a_killed_training_the_next_one_runs(stack: Stack) -> None:
    killed = stack.prefect.run_deployment(TRAINING, LONG)
    until(lambda: mlflow_statuses(stack, killed) == ["RUNNING"], timeout_s=120)
    waiting = stack.prefect.run_deployment(TRAINING, LONG)
    until(lambda: state_name(stack, waiting) == "AwaitingConcurrencySlot")

    kill_group(stack.manager.state("worker").pid)  # first, so that it cannot tell of the other
    os.kill(process_of(killed), signal.SIGKILL)

    until(lambda: state_name(stack, killed) == "Crashed", timeout_s=60)
    assert stack.prefect.flow_run(killed)["state"]["message"] == "its process is gone"
    assert mlflow_statuses(stack, killed) == ["FAILED"]
    until(lambda: mlflow_statuses(stack, waiting) == ["RUNNING"], timeout_s=120)


def test_down_in_mid_training_then_two_at_once_bring_all_up(stack: Stack) -> None:
    (running,) = [run for run in stack.training_runs() if state_name(stack, run) == "Running"]
    waiting = waiting_for_approval(stack)
    champion, known = stack.json("status")["champion_version"], stack.promotion_log.read_text()
    assert stack.lightloop("down").returncode == 0

    first = stack.begin("up", "--json")
    until(lambda: holder_of(stack.home.run / "up.lock"))
    second = stack.lightloop("up", "--json")

    assert (first.wait(), second.returncode) == (0, 0), second.stderr
    said = " ".join(second.stderr.split())
    assert f"waiting for the installation, now in the hands of lightloop up (process {first.pid}," in said
    assert (state_name(stack, running), mlflow_statuses(stack, running)) == ("Cancelled", ["KILLED"])
    assert (state_name(stack, waiting), mlflow_statuses(stack, waiting)) == ("Suspended", ["SCHEDULED"])
    assert stack.json("status")["champion_version"] == champion
    assert stack.promotion_log.read_text() == known


def test_an_approval_given_after_it_promotes_and_nothing_is_trained_twice(stack: Stack) -> None:
    run_id, before = waiting_for_approval(stack), stack.json("status")["champion_version"]
    trained = stack.progress_events(run_id).count("training")
    assert trained

    wrong = stack.prefect.post(f"/flow_runs/{run_id}/resume", {"run_input": {"approve": "perhaps"}})
    assert wrong["status"] == "REJECT"
    assert state_name(stack, run_id) == "Suspended"
    answer = {"run_input": {"approve": True, "comment": "go on"}}
    assert stack.prefect.post(f"/flow_runs/{run_id}/resume", answer)["status"] == "ACCEPT"
    run = stack.finished(run_id)

    assert run["state_name"] == "Promoted"
    assert run["state"]["message"].startswith("version ")
    assert stack.progress_events(run_id).count("training") == trained
    assert mlflow_statuses(stack, run_id) == ["FINISHED"]
    promotion = read_promotions(stack.promotion_log, MODEL)[-1]
    status = stack.json("status")
    assert promotion.previous_version == before
    assert status["champion_version"] == status["version_in_service"] == promotion.version != before
    assert (status["healthy"], status["differences"]) == (True, []), status["checks"]
    assert {check["what"] for check in status["checks"]} >= {"services", "deployment drift-monitor"}


def waiting_for_approval(stack: Stack) -> str:
    (run_id,) = [run for run in stack.training_runs() if state_name(stack, run) == "Suspended"]
    return run_id


def deployment(stack: Stack, name: str) -> Any:
    return next(item for item in stack.json("status")["deployments"] if item["name"] == name)


def scheduled_runs(stack: Stack, state_type: str) -> list[Any]:
    body = {
        "deployments": {"id": {"any_": [stack.prefect.deployment_id(DRIFT)]}},
        "flow_runs": {"state": {"type": {"any_": [state_type]}}},
    }
    return [run for run in stack.prefect.post("/flow_runs/filter", body) if run["auto_scheduled"]]


def state_name(stack: Stack, run_id: str) -> str:
    return str(stack.prefect.flow_run(run_id)["state_name"])


def process_of(run_id: str) -> int:
    for process in psutil.process_iter():
        try:
            is_it = process.environ().get(FLOW_RUN_VARIABLE) == run_id
            if is_it and "prefect.engine" in process.cmdline():
                return process.pid
        except psutil.Error:
            continue
    raise AssertionError(f"run {run_id} has no process")


def mlflow_statuses(stack: Stack, flow_run_id: str) -> list[str]:
    api = stack.config.services.url("mlflow") + "/api/2.0/mlflow"
    name = {"experiment_name": stack.config.mlflow.experiment}
    known = stack.home.credentials()
    login = (known.user, known.password)
    answer = httpx.get(f"{api}/experiments/get-by-name", params=name, auth=login, timeout=20)
    found = answer.json()["experiment"]
    query = f"tags.`{FLOW_RUN_TAG}` = '{flow_run_id}'"
    search = {"experiment_ids": [found["experiment_id"]], "filter": query}
    runs = httpx.post(f"{api}/runs/search", json=search, auth=login, timeout=20).json().get("runs", [])
    return [run["info"]["status"] for run in runs]
