"""The installation that the chapters of the story share: the real servers, and what tests ask of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from configs.home import Home
from configs.schema import Config
from controlplane.client import ControllerClient
from deployments.environment import process_environment
from deployments.orchestration import PrefectApi
from deployments.ports import free_port_settings
from tasks.processes import ProcessManager

LIGHTLOOP = str(Path(sys.executable).with_name("lightloop"))
PORTS = ("prefect", "mlflow", "model_a", "model_b", "pce", "controller", "elements", "console")
# Small, and with time for answers: a machine that other work shares is no fault of the loop.
SMALL = (
    "traffic.requests_per_trace=8000",
    "gate.latency_budget_ms=1000",
    "online.decision_deadline_ms=2000",
)
# In requests, so that one seed gives one policy on every machine; it passes the gate by far.
ENOUGH = ("training.search.budget_requests=1200000", "training.budget_requests=10000")
TRAINING = "continuous-training/continuous-training"
ROLLBACK = "rollback/rollback"
MODEL = "lightloop-five-node"
STORY_SEED = 77  # of the training by hand
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Stack:
    """The installation under test."""

    home: Home
    config: Config
    environment: dict[str, str]
    trap: ProxyTrap

    def lightloop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [LIGHTLOOP, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=500
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that is not waited for."""
        command = [LIGHTLOOP, *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, text=True)

    def json(self, *arguments: str) -> Any:
        done = self.lightloop(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def promotion_log(self) -> Path:
        return self.home.serving / "promotions.jsonl"

    def progress_events(self, run_id: str) -> list[str]:
        """What a training has told of itself, in order."""
        lines = (self.home.training / run_id / "progress.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]

    @property
    def manager(self) -> ProcessManager:
        return ProcessManager(self.home.run)

    @property
    def prefect(self) -> PrefectApi:
        return PrefectApi(self.config, self.home.credentials())

    def client(self) -> ControllerClient:
        return ControllerClient(self.config.services.url("controller"), self.home.credentials())

    def get(self, service: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.home.credentials().token}"}
        answer = httpx.get(self.config.services.url(service) + path, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def finished(self, run_id: str, timeout_s: float = 400) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            run = self.prefect.flow_run(run_id)
            if run["state_type"] in ENDED:
                assert run["state_type"] == "COMPLETED", log_end(self.home, "worker")
                return run
            time.sleep(0.5)
        raise AssertionError(f"run {run_id} has not ended: {log_end(self.home, 'worker')}")

    def runs_of(self, deployment: str) -> list[str]:
        deployment_id = self.prefect.deployment_id(deployment)
        runs = self.prefect.post("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment_id]}}})
        # The nightly schedule has its runs waiting already.
        return [run["id"] for run in runs if run["parameters"].get("reason") != "nightly"]

    def training_runs(self) -> list[str]:
        return self.runs_of(TRAINING)

    def cancel(self, run_id: str) -> None:
        """What a person does who presses Cancel; one that has no process yet is cancelled at once."""
        begun = self.prefect.flow_run(run_id)["state_type"] in ("RUNNING", "PAUSED")
        state = {"type": "CANCELLING" if begun else "CANCELLED"}
        self.prefect.post(f"/flow_runs/{run_id}/set_state", {"state": state})

    def end_trainings(self, but: str = "") -> None:
        """Cancel the trainings that drift has started: the story's requests are not the champion's."""

        def going_on() -> list[str]:
            others = (run for run in self.training_runs() if run != but)
            return [run for run in others if self.prefect.flow_run(run)["state_type"] not in ENDED]

        for run_id in going_on():
            self.cancel(run_id)
        until(lambda: not going_on(), timeout_s=120)

    def python(self, *lines: str) -> None:
        """Run a program as the worker would start it."""
        environment = process_environment(self.config, self.home)
        command = [sys.executable, "-c", "\n".join(lines)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr

    def service_uuids(self) -> set[str]:
        context = self.get("controller", "/restconf/data/tapi-common:context")["tapi-common:context"]
        services = context["tapi-connectivity:connectivity-context"]["connectivity-service"]
        return {item["uuid"] for item in services}


class ProxyTrap:
    """A proxy that nobody should use: counts what arrives, answers nothing."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """The shell of somebody who works behind this proxy."""
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
        return dict.fromkeys(names, f"http://{self.address}") | {"ALL_PROXY": f"socks5://{self.address}"}

    def _listen(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                connection.settimeout(2)
                with contextlib.suppress(OSError):
                    self.heard.append(connection.recv(2000))


def clean_environment(home: Home) -> dict[str, str]:
    """The caller's environment without settings of another installation, and with this home."""
    drop = ("LIGHTLOOP", "PREFECT_", "MLFLOW_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(drop)}
    return kept | {"LIGHTLOOP_HOME": str(home.root), "OMP_NUM_THREADS": "1"}


def port_overrides() -> list[str]:
    """Free ports for every service, as overrides of the configuration."""
    return free_port_settings(PORTS)


def as_options(overrides: Sequence[str]) -> list[str]:
    """Overrides as ``--set`` options of the command line."""
    return [word for item in overrides for word in ("--set", item)]


def stop(environment: Mapping[str, str]) -> None:
    """``lightloop down``, whatever state it is in."""
    subprocess.run([LIGHTLOOP, "down"], env=dict(environment), check=False, timeout=120)


def kill_group(pid: int) -> None:
    """SIGKILL to a process and its group."""
    os.killpg(os.getpgid(pid), signal.SIGKILL)


def until(condition: Callable[[], Any], timeout_s: float = 40) -> None:
    """Return when the condition holds; a server that is away for a while is asked again."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout_s:g} s")


def log_end(home: Home, service: str) -> str:
    """The last lines of a service's log."""
    file = Path(home.logs / f"{service}.log")
    return "\n".join(file.read_text(errors="replace").splitlines()[-40:]) if file.exists() else ""
