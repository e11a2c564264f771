"""One owner of the slots, one truth about the champion, and an approval that survives restarts."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import httpx
import pytest

from tasks.challenger import CHALLENGER_FILE, remember_asked
from tasks.locks import holder_of
from tasks.promotions import Promotion, append_promotion, pending_promotion, read_promotions
from tasks.registry import Registry
from tasks.serving_target import ServingTarget, owning_slots
from tests.story.stack import ENDED, ENOUGH, LIGHTLOOP, MODEL, TRAINING, Stack, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

ACTIVE = ("RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING")


def serving_target(stack: Stack) -> ServingTarget:
    from flows.serving_target import serving_target as made

    return made(stack.config, stack.home)


def log_of(stack: Stack) -> Any:
    return stack.home.serving / "promotions.jsonl"


def no_training_runs(stack: Stack) -> None:
    """What an earlier chapter has started is ended, so that ours does not wait for it."""
    for run_id in stack.training_runs():
        if stack.prefect.flow_run(run_id)["state_type"] in ACTIVE:
            stack.prefect.post(f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
            until(lambda run=run_id: stack.prefect.flow_run(run)["state_type"] in ENDED, timeout_s=90)


def test_two_flows_at_once_leave_what_the_pce_says_and_what_serves_the_same(stack: Stack) -> None:
    no_training_runs(stack)
    first, second = (
        stack.prefect.run_deployment("provision/provision", {"version": version}) for version in ("2", "1")
    )
    stack.finished(first)
    stack.finished(second)

    status = stack.json("status")
    pce = stack.get("pce", "/status")
    version = httpx.get(status["endpoint"] + "/version", headers=serving_target(stack).headers).json()
    assert version["model_uri"] == pce["model_uri"] == f"models:/{MODEL}/{pce['model_version']}"
    assert status["champion_version"] == status["version_in_service"] == pce["model_version"]
    assert (status["healthy"], status["differences"]) == (True, [])
    assert pending_promotion(log_of(stack), MODEL) is None


def test_a_model_that_is_not_what_is_said_is_refused_by_the_pce(stack: Stack) -> None:
    before = stack.get("pce", "/status")
    body = {
        "url": before["endpoint_url"],
        "model_name": MODEL,
        "model_version": "77",
        "policy": "other",
        "model_uri": f"models:/{MODEL}/77",
    }

    answer = httpx.put(
        stack.config.services.url("pce") + "/endpoint", json=body, headers=serving_target(stack).headers
    )

    assert answer.status_code == 409
    assert "serves models:/" in answer.text
    assert stack.get("pce", "/status") == before


def test_what_was_left_half_done_is_told_by_status_and_mended_by_upkeep(stack: Stack) -> None:
    registry = Registry(stack.config.services.url("mlflow"), "", MODEL, log_of(stack))
    champion = stack.json("status")["champion_version"]
    other = "2" if champion == "1" else "1"
    target = serving_target(stack)
    idle = next(slot for slot in target.slots if slot.url != stack.get("pce", "/status")["endpoint_url"])
    with owning_slots(target, "test"):  # so that upkeep does not begin before all of it is there
        append_promotion(log_of(stack), Promotion("switching", MODEL, other, champion, "", "killed"))
        target.slot_file(idle).write_text(
            json.dumps({"model_uri": f"models:/{MODEL}/{other}", "model_version": "", "port": idle.port})
        )
        stack.manager.start(idle.name)
        moved = {"name": MODEL, "alias": "champion", "version": other}
        url = registry.tracking_uri + "/api/2.0/mlflow/registered-models/alias"
        httpx.post(url, json=moved, auth=mlflow_login(stack)).raise_for_status()

    status = stack.json("status")
    if not status["slots_owner"]:
        assert not status["healthy"]
        assert status["differences"] == [
            f"a switch to version {other} was begun and not ended",
            f"MLflow's @champion is version {other}; by the promotion log it is {champion}",
            f"{idle.name} holds a model that nobody asks",
        ]
    stack.manager.restart("upkeep")  # its first turn comes at once
    until(lambda: mended(stack), timeout_s=90)
    assert stack.json("status")["champion_version"] == champion
    assert stack.manager.state(idle.name).state == "STOPPED"
    assert not target.slot_file(idle).exists()


def test_a_second_up_waits_for_the_first_and_says_for_whom(stack: Stack) -> None:
    champion = stack.json("status")["champion_version"]
    lock = stack.home.run / "up.lock"
    first = subprocess.Popen([LIGHTLOOP, "up", "--json"], env=stack.environment, stdout=subprocess.DEVNULL)
    until(lambda: holder_of(lock))
    before = len(read_promotions(log_of(stack), MODEL))

    second = stack.lightloop("up", "--json")

    assert (first.wait(), second.returncode) == (0, 0)
    said = " ".join(second.stderr.split())
    assert f"waiting for the installation, now in the hands of lightloop up (process {first.pid}," in said
    assert stack.json("status")["champion_version"] == champion
    assert len(read_promotions(log_of(stack), MODEL)) == before


def test_an_approval_is_waited_for_through_a_restart_and_nothing_is_trained_twice(stack: Stack) -> None:
    stack.finished(stack.prefect.run_deployment("provision/provision", {"version": "1"}))
    parameters = {
        "scenario": "five-node",
        "overrides": [*ENOUGH, "gate.require_approval=true"],
        "reason": "approval",
    }
    run_id = stack.prefect.run_deployment(TRAINING, parameters)
    until(lambda: stack.prefect.flow_run(run_id)["state_type"] in ("PAUSED", *ENDED), timeout_s=200)
    assert stack.prefect.flow_run(run_id)["state_name"] == "Suspended"
    states = stack.manager.states()
    assert sorted(states[name].state for name in ("model-a", "model-b")) == ["RUNNING", "STOPPED"]
    assert mlflow_status(stack, run_id) == "SCHEDULED"
    trained = events(stack, run_id).count("training")
    assert trained

    assert stack.lightloop("down").returncode == 0
    done = stack.lightloop("up", "--json")
    assert done.returncode == 0, done.stderr
    assert stack.prefect.flow_run(run_id)["state_name"] == "Suspended"

    wrong = stack.prefect.post(f"/flow_runs/{run_id}/resume", {"run_input": {"approve": "perhaps"}})
    assert wrong["status"] == "REJECT"
    assert stack.prefect.flow_run(run_id)["state_name"] == "Suspended"
    answer = {"run_input": {"approve": True, "comment": "go on"}}
    assert stack.prefect.post(f"/flow_runs/{run_id}/resume", answer)["status"] == "ACCEPT"
    stack.finished(run_id)

    assert events(stack, run_id).count("training") == trained
    promotion = read_promotions(log_of(stack), MODEL)[-1]
    status = stack.json("status")
    assert promotion.previous_version == "1"
    assert status["champion_version"] == status["version_in_service"] == promotion.version != "1"
    assert (status["healthy"], status["differences"]) == (True, [])
    assert mlflow_status(stack, run_id) == "FINISHED"


def test_nobody_answers_and_the_run_ends_as_refused(stack: Stack) -> None:
    champion = stack.json("status")["champion_version"]
    made = next(stack.home.training.glob(f"*/{CHALLENGER_FILE}")).parent
    overrides = ["gate.require_approval=true", "gate.approval_timeout_s=1"]
    run_id = stack.prefect.run_deployment(TRAINING, {"scenario": "five-node", "overrides": overrides})
    folder = stack.home.training / run_id  # it has trained and asked already; its process starts in seconds
    folder.mkdir(exist_ok=True)
    shutil.copy(made / CHALLENGER_FILE, folder)
    remember_asked(folder, "it passes", champion, 1.0)
    until(lambda: stack.prefect.flow_run(run_id)["state_type"] in ("PAUSED", *ENDED), timeout_s=90)

    stack.manager.restart("upkeep")  # its first turn comes at once
    run = stack.finished(run_id)

    assert run["state_name"] == "Refused"
    assert run["state"]["message"].endswith("approval refused: nobody answered within 1 s")
    assert "training" not in events(stack, run_id)
    assert stack.json("status")["champion_version"] == champion


def mended(stack: Stack) -> bool:
    status = stack.json("status")
    return status["healthy"] and not status["differences"] and not status["slots_owner"]


def entries(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    lines = (stack.home.training / run_id / "progress.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def events(stack: Stack, run_id: str) -> list[str]:
    return [entry["event"] for entry in entries(stack, run_id)]


def mlflow_login(stack: Stack) -> tuple[str, str] | None:
    credentials = stack.home.credentials()
    return credentials.user, credentials.password


def mlflow_status(stack: Stack, run_id: str) -> str:
    made = json.loads((stack.home.training / run_id / "challenger.json").read_text())
    url = stack.config.services.url("mlflow") + "/api/2.0/mlflow/runs/get"
    answer = httpx.get(url, params={"run_id": made["run_id"]}, auth=mlflow_login(stack))
    answer.raise_for_status()
    return str(answer.json()["run"]["info"]["status"])
