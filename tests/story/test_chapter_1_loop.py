"""The loop on the five-node network: train, gate, promote, serve, fall back, roll back, drift.

The tests are in order and build on each other; one that fails usually takes those after it along.
"""

from __future__ import annotations

import json

import httpx
import pytest

from configs.load import load_config
from envs.window import read_window
from tasks.decisions import read_decision_log
from tasks.probation import Verdict
from tasks.promotions import read_promotions
from tests.story.stack import ENOUGH, MODEL, ROLLBACK, STORY_SEED, TRAINING, Stack, kill_group, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


def test_everything_is_healthy_and_a_baseline_is_in_service(stack: Stack) -> None:
    status = stack.json("status")

    not_slots = {name: item for name, item in status["services"].items() if not name.startswith("model-")}
    assert {name: item["health"] for name, item in not_slots.items()} == dict.fromkeys(not_slots, "healthy")
    assert len(not_slots) == 8
    assert status["champion_version"] == "1"
    assert status["policy"] in load_config("five-node").evaluation.baselines
    assert httpx.get(status["endpoint"] + "/ping").is_success


def test_up_again_reuses_what_runs(stack: Stack) -> None:
    before = {name: state.pid for name, state in stack.manager.states().items()}

    done = stack.lightloop("up")

    assert done.returncode == 0, done.stderr
    assert {name: state.pid for name, state in stack.manager.states().items()} == before


def test_machine_code_is_made_before_a_drift_check_waits_for_it(stack: Stack) -> None:
    log = stack.home.logs / "upkeep.log"
    until(lambda: "machine code of the twin is on disk" in log.read_text(), 500)


def test_a_manual_run_with_parameters_trains_gates_and_provisions(stack: Stack) -> None:
    overrides = [*ENOUGH, f"training.seed={STORY_SEED}"]
    parameters = {"scenario": "five-node", "overrides": overrides, "reason": "story: by hand"}

    run = stack.finished(stack.prefect.run_deployment(TRAINING, parameters))

    progress = (stack.home.training / run["id"] / "progress.jsonl").read_text().splitlines()
    events = {entry["event"]: entry for entry in map(json.loads, progress)}
    assert events["gate"]["passed"], events["gate"]["verdict"]
    assert {item["key"] for item in stack.prefect.artifacts(run["id"])} >= {"evaluation", "gate"}
    status = stack.json("status")
    assert (status["champion_version"], status["version_in_service"]) == ("2", "2")
    assert status["policy"] == events["version"]["policy"]
    assert [p.version for p in read_promotions(stack.home.serving / "promotions.jsonl", MODEL)] == ["1", "2"]
    states = stack.manager.states()
    assert sorted(states[name].state for name in ("model-a", "model-b")) == ["RUNNING", "STOPPED"]


def test_a_request_is_set_up_by_the_model_and_seen_over_tapi(stack: Stack) -> None:
    made = stack.json("request", "--from", "A", "--to", "D", "--gbps", "100", "--max-latency-ms", "20")

    assert made["decided_by"] == "model"
    assert made["path"][0] == "A"
    assert made["path"][-1] == "D"
    assert made["latency_ms"] <= 20
    assert made["uuid"] in stack.service_uuids()


def test_services_survive_a_restart_of_the_controller(stack: Stack) -> None:
    before = stack.service_uuids()
    assert before

    stack.manager.restart("controller")
    until(lambda: httpx.get(stack.config.services.url("controller") + "/health").is_success)

    assert stack.service_uuids() == before


def test_without_the_inference_server_the_fallback_decides(stack: Stack) -> None:
    slot = next(n for n, s in stack.manager.states().items() if n.startswith("model-") and s.pid)
    with stack.client() as client:  # faster than the command line, and than the restart of the server
        kill_group(stack.manager.state(slot).pid)
        made = client.place_service("B", "E", 50.0)

    assert made.decided_by == "fallback"
    last = read_decision_log(stack.home.decisions, 1).iloc[0]
    assert (last["decided_by"], last["outcome"]) == ("fallback", "accepted")
    assert last["fallback_reason"] in ("down", "breaker-open")
    # The process manager starts it again, and the PCE asks it again.
    until(lambda: stack.json("request", "--from", "B", "--to", "E", "--gbps", "25")["decided_by"] == "model")


def test_an_impossible_latency_is_refused_and_nothing_is_allocated(stack: Stack) -> None:
    version, before = stack.get("controller", "/changes?since=0")["version"], stack.service_uuids()

    done = stack.lightloop("request", "--from", "A", "--to", "D", "--gbps", "100", "--max-latency-ms", "0.01")

    assert done.returncode == 1
    assert "latency" in done.stderr
    assert stack.service_uuids() == before
    assert stack.get("controller", "/changes?since=0")["version"] == version


@pytest.mark.prefect
def test_a_broken_probation_puts_the_previous_champion_back_in_service_by_itself(stack: Stack) -> None:
    known = set(stack.runs_of(ROLLBACK))
    verdict = Verdict(MODEL, "2", 0.0, "broken", "it blocks more", "0" * 16, 600, 0.02, 0.01, 0.03)

    stack.python(
        "from prefect.events.worker import EventsWorker",
        "from tasks.probation import Verdict, announce_broken",
        f"assert announce_broken({verdict!r}, 'five-node')",
        "EventsWorker.instance().drain()",
    )

    until(lambda: set(stack.runs_of(ROLLBACK)) - known)
    (started,) = set(stack.runs_of(ROLLBACK)) - known
    run = stack.finished(started)
    assert run["parameters"] == {"reason": "probation: it blocks more", "version": "2"}
    status = stack.json("status")
    assert (status["champion_version"], status["version_in_service"]) == ("1", "1")
    assert stack.json("request", "--from", "C", "--to", "E", "--gbps", "25")["decided_by"] == "model"
    last = read_promotions(stack.home.serving / "promotions.jsonl", MODEL)[-1]
    assert (last.action, last.version, last.previous_version) == ("rollback", "1", "2")
    assert last.reason == run["parameters"]["reason"]


def test_drift_in_the_decision_log_starts_a_training_run_by_itself(stack: Stack) -> None:
    with stack.client() as client:  # only small and short ones: not what the champion was trained on
        for _ in range(12):
            client.place_service("A", "B", 25.0)
    known = set(stack.training_runs())
    overrides = ["drift.min_requests=10", "drift.window_requests=12", "drift.cool_down_requests=0"]

    run = stack.finished(
        stack.prefect.run_deployment("drift-monitor/drift-monitor", {"overrides": overrides})
    )

    page = next(item for item in stack.prefect.artifacts(run["id"]) if item["key"] == "drift")
    assert page["data"].startswith("# Drift")
    until(lambda: set(stack.training_runs()) - known, timeout_s=30)
    (started,) = set(stack.training_runs()) - known
    parameters = stack.prefect.flow_run(started)["parameters"]
    assert parameters["scenario"] == "five-node"
    assert parameters["reason"].startswith("drift: ")
    window = read_window(parameters["window"], stack.home.windows)  # what it learns from
    assert window.trace.num_requests >= 10
    assert parameters["training_budget_s"] is None
    # Its processes are there when everything is stopped next.
    until(lambda: stack.prefect.flow_run(started)["state_type"] == "RUNNING", timeout_s=60)
    until(lambda: (stack.home.training / started / "progress.jsonl").exists(), timeout_s=60)
