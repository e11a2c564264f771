"""Runs come by themselves, and whatever becomes of one, the next one runs.

In order: schedules; a training whose process and worker are killed; ``lightloop down`` in mid-training.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import psutil
import pytest

from deployments.flow_runs import FLOW_RUN_VARIABLE
from tasks.registry_reader import FLOW_RUN_TAG
from tests.story.stack import TRAINING, Stack, kill_group, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]
DRIFT = "drift-monitor/drift-monitor"
LONG = {"training_budget_s": 300, "reason": "story, long"}
SHORT = {"training_budget_s": 4, "reason": "story, short"}


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


def test_after_a_killed_worker_and_a_killed_training_the_next_one_runs(stack: Stack) -> None:
    end_trainings(stack)
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


def test_after_down_in_mid_training_the_next_one_runs_and_ends_with_its_verdict(stack: Stack) -> None:
    (running,) = [run for run in stack.training_runs() if state_name(stack, run) == "Running"]
    assert stack.lightloop("down").returncode == 0

    done = stack.lightloop("up")

    assert done.returncode == 0, done.stderr
    assert state_name(stack, running) == "Cancelled"
    assert mlflow_statuses(stack, running) == ["KILLED"]
    run = stack.finished(stack.prefect.run_deployment(TRAINING, SHORT))
    assert run["state"]["name"] in ("Promoted", "Refused")
    assert run["state"]["message"].startswith(("version ", "the champion stays"))
    said = deployment(stack, "continuous-training")
    assert said["last_run"]["state"] == run["state"]["name"]
    status = stack.json("status")
    assert status["healthy"], [check for check in status["checks"] if not check["ok"]]
    assert {check["what"] for check in status["checks"]} >= {"services", "deployment drift-monitor"}


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


def end_trainings(stack: Stack) -> None:
    """Cancel the trainings that drift has started: the story's requests are not the champion's traffic."""
    for run_id in stack.training_runs():
        run = stack.prefect.flow_run(run_id)
        if run["state_type"] in ("SCHEDULED", "PENDING"):
            state = {"type": "CANCELLED", "name": "Cancelled"}
        elif run["state_type"] == "RUNNING":
            state = {"type": "CANCELLING", "name": "Cancelling"}
        else:
            continue
        stack.prefect.post(f"/flow_runs/{run_id}/set_state", {"state": state})
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    until(
        lambda: all(stack.prefect.flow_run(r)["state_type"] in ended for r in stack.training_runs()),
        timeout_s=120,
    )


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
