"""One owner of the slots, one truth about the champion, and an approval that nobody gives."""

from __future__ import annotations

import json
import shutil

import httpx
import pytest

from tasks.challenger import CHALLENGER_FILE, remember_asked
from tasks.promotions import Promotion, append_promotion, pending_promotion
from tasks.registry import Registry
from tasks.serving_target import ServingTarget, owning_slots
from tests.story.stack import ENDED, MODEL, TRAINING, Stack, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


def serving_target(stack: Stack) -> ServingTarget:
    from flows.serving_target import serving_target as made

    return made(stack.config, stack.home)


def test_two_flows_at_once_leave_what_the_pce_says_and_what_serves_the_same(stack: Stack) -> None:
    stack.end_trainings()
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
    assert pending_promotion(stack.promotion_log, MODEL) is None


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
    registry = Registry(stack.config.services.url("mlflow"), "", MODEL, stack.promotion_log)
    champion = stack.json("status")["champion_version"]
    other = "2" if champion == "1" else "1"
    target = serving_target(stack)
    idle = next(slot for slot in target.slots if slot.url != stack.get("pce", "/status")["endpoint_url"])
    with owning_slots(target, "test"):  # so that upkeep does not begin before all of it is there
        append_promotion(stack.promotion_log, Promotion("switching", MODEL, other, champion, "", "killed"))
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
    assert "training" not in stack.progress_events(run_id)
    assert stack.json("status")["champion_version"] == champion


def mended(stack: Stack) -> bool:
    status = stack.json("status")
    return status["healthy"] and not status["differences"] and not status["slots_owner"]


def mlflow_login(stack: Stack) -> tuple[str, str] | None:
    credentials = stack.home.credentials()
    return credentials.user, credentials.password
