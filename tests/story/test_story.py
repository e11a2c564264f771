"""The whole loop on the five-node network, with the real servers, on free ports. One stack for every chapter.

The chapters are in order and build on each other; a chapter that fails usually takes those after it along.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.client import ControllerClient
from deployments.manager import managed_processes
from deployments.orchestration import PrefectApi
from tasks.decisions import read_decision_log
from tasks.processes import ProcessManager
from tasks.promotions import read_promotions

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

LIGHTLOOP = str(Path(sys.executable).with_name("lightloop"))
PORTS = ("prefect", "mlflow", "model_a", "model_b", "pce", "controller", "elements", "console")
SMALL = ("evaluation.num_traces=5", "evaluation.requests_per_trace=6000", "traffic.requests_per_trace=8000")
TRAINING = "continuous-training/continuous-training"
MODEL = "lightloop-five-node"


@dataclass(frozen=True)
class Stack:
    """The installation under test."""

    home: Home
    config: Config
    environment: dict[str, str]

    def lightloop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [LIGHTLOOP, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def json(self, *arguments: str) -> Any:
        done = self.lightloop(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def manager(self) -> ProcessManager:
        return ProcessManager(self.home.run)

    @property
    def prefect(self) -> PrefectApi:
        return PrefectApi(self.config)

    def client(self) -> ControllerClient:
        return ControllerClient(self.config.services.url("controller"), self.home.credentials())

    def get(self, service: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.home.credentials().token}"}
        answer = httpx.get(self.config.services.url(service) + path, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def finished(self, run_id: str, timeout_s: float = 200) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            run = self.prefect.flow_run(run_id)
            if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                assert run["state_type"] == "COMPLETED", _log_end(self.home, "worker")
                return run
            time.sleep(0.5)
        raise AssertionError(f"run {run_id} has not ended: {_log_end(self.home, 'worker')}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home(tmp_path_factory.mktemp("lightloop-home"))
    drop = ("LIGHTLOOP", "PREFECT_", "MLFLOW_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(drop)}
    environment |= {"LIGHTLOOP_HOME": str(home.root), "OMP_NUM_THREADS": "1"}
    chosen = [
        f"services.{name}_port={port}" for name, port in zip(PORTS, _free_ports(len(PORTS)), strict=True)
    ]
    options = [word for item in (*chosen, *SMALL) for word in ("--set", item)]
    try:
        built = Stack(home, load_config("five-node", [*chosen, *SMALL]), environment)
        done = built.lightloop("up", "--scenario", "five-node", *options, "--json")
        assert done.returncode == 0, done.stderr
        yield built
    finally:
        subprocess.run([LIGHTLOOP, "down"], env=environment, check=False, timeout=120)


def test_everything_is_healthy_and_a_baseline_is_in_service(stack: Stack) -> None:
    status = stack.json("status")

    not_slots = {name: item for name, item in status["services"].items() if not name.startswith("model-")}
    assert {name: item["health"] for name, item in not_slots.items()} == dict.fromkeys(not_slots, "healthy")
    assert len(not_slots) == 7
    assert status["champion_version"] == "1"
    assert status["policy"] in load_config("five-node").evaluation.baselines
    assert httpx.get(status["endpoint"] + "/ping").is_success


def test_up_again_reuses_what_runs(stack: Stack) -> None:
    before = {name: state.pid for name, state in stack.manager.states().items()}

    done = stack.lightloop("up")

    assert done.returncode == 0, done.stderr
    assert {name: state.pid for name, state in stack.manager.states().items()} == before


def test_a_manual_run_with_parameters_trains_gates_and_provisions(stack: Stack) -> None:
    parameters = {"scenario": "five-node", "training_budget_s": 8, "reason": "story"}

    run = stack.finished(stack.prefect.run_deployment(TRAINING, parameters))

    journal = (stack.home.training / run["id"] / "journal.jsonl").read_text().splitlines()
    events = {entry["event"]: entry for entry in map(json.loads, journal)}
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
    assert made["uuid"] in _service_uuids(stack)


def test_services_survive_a_restart_of_the_controller(stack: Stack) -> None:
    before = _service_uuids(stack)
    assert before

    stack.manager.restart("controller")
    _until(lambda: httpx.get(stack.config.services.url("controller") + "/health").is_success)

    assert _service_uuids(stack) == before


def test_without_the_inference_server_the_fallback_decides(stack: Stack) -> None:
    slot = next(n for n, s in stack.manager.states().items() if n.startswith("model-") and s.pid)
    _kill_group(stack.manager.state(slot).pid)

    made = stack.json("request", "--from", "B", "--to", "E", "--gbps", "50")

    assert made["decided_by"] == "fallback"
    last = read_decision_log(stack.home.decisions, 1).iloc[0]
    assert (last["decided_by"], last["outcome"]) == ("fallback", "accepted")
    assert last["fallback_reason"] in ("down", "breaker-open")
    # The process manager starts it again, and the PCE asks it again.
    _until(lambda: stack.json("request", "--from", "B", "--to", "E", "--gbps", "25")["decided_by"] == "model")


def test_an_impossible_latency_is_refused_and_nothing_is_allocated(stack: Stack) -> None:
    version, before = stack.get("controller", "/changes?since=0")["version"], _service_uuids(stack)

    done = stack.lightloop("request", "--from", "A", "--to", "D", "--gbps", "100", "--max-latency-ms", "0.01")

    assert done.returncode == 1
    assert "latency" in done.stderr
    assert _service_uuids(stack) == before
    assert stack.get("controller", "/changes?since=0")["version"] == version


def test_rollback_puts_the_previous_champion_back_in_service(stack: Stack) -> None:
    stack.finished(stack.prefect.run_deployment("rollback/rollback", {"reason": "story"}))

    status = stack.json("status")
    assert (status["champion_version"], status["version_in_service"]) == ("1", "1")
    assert stack.json("request", "--from", "C", "--to", "E", "--gbps", "25")["decided_by"] == "model"
    last = read_promotions(stack.home.serving / "promotions.jsonl", MODEL)[-1]
    assert (last.action, last.version, last.previous_version) == ("rollback", "1", "2")


def test_drift_in_the_decision_log_starts_a_training_run_by_itself(stack: Stack) -> None:
    with stack.client() as client:  # only small and short ones: not what the champion was trained on
        for _ in range(12):
            client.place_service("A", "B", 25.0)
    known = set(_training_runs(stack))
    overrides = ["drift.min_decisions=10", "drift.window_decisions=12"]

    run = stack.finished(
        stack.prefect.run_deployment("drift-monitor/drift-monitor", {"overrides": overrides})
    )

    page = next(item for item in stack.prefect.artifacts(run["id"]) if item["key"] == "drift")
    assert page["data"].startswith("# Drift")
    _until(lambda: set(_training_runs(stack)) - known, timeout_s=30)
    (started,) = set(_training_runs(stack)) - known
    parameters = stack.prefect.flow_run(started)["parameters"]
    assert parameters["scenario"] == "five-node"
    assert parameters["reason"].startswith("drift: ")
    assert parameters["training_budget_s"] is None
    # Its processes are there when everything is stopped next.
    _until(lambda: stack.prefect.flow_run(started)["state_type"] == "RUNNING", timeout_s=60)
    _until(lambda: (stack.home.training / started / "journal.jsonl").exists(), timeout_s=60)


def test_down_leaves_no_process(stack: Stack) -> None:
    assert managed_processes(stack.home)
    pids = [state.pid for state in stack.manager.states().values() if state.pid]

    done = stack.lightloop("down")

    assert done.returncode == 0, done.stderr
    assert managed_processes(stack.home) == []
    assert not any(psutil.pid_exists(pid) for pid in pids)


def _training_runs(stack: Stack) -> list[str]:
    deployment = stack.prefect.deployment_id(TRAINING)
    runs = stack.prefect.post("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    # The nightly schedule has its runs waiting already.
    return [run["id"] for run in runs if run["parameters"].get("reason") != "nightly"]


def _service_uuids(stack: Stack) -> set[str]:
    context = stack.get("controller", "/restconf/data/tapi-common:context")["tapi-common:context"]
    services = context["tapi-connectivity:connectivity-context"]["connectivity-service"]
    return {item["uuid"] for item in services}


def _kill_group(pid: int) -> None:
    os.killpg(os.getpgid(pid), signal.SIGKILL)


def _until(condition: Any, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout_s:g} s")


def _free_ports(count: int) -> Sequence[int]:
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


def _log_end(home: Home, service: str) -> str:
    file = Path(home.logs / f"{service}.log")
    return "\n".join(file.read_text(errors="replace").splitlines()[-40:]) if file.exists() else ""
