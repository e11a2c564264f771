"""Which runs are dead: by their process, never by a number; and what is skipped after a time away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import deployments.flow_runs as flow_runs
from configs.home import Credentials, Home
from configs.load import load_config
from deployments.flow_runs import FLOW_RUN_VARIABLE, dead_runs, living_run_ids, settle, skip_overdue
from deployments.orchestration import PrefectApi

CONFIG = load_config("five-node")


class Server:
    """Flow runs as Prefect keeps them."""

    def __init__(self, *runs: dict[str, Any]) -> None:
        self.runs = {run["id"]: run for run in runs}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/filter"):
            wanted = json.loads(request.content)["flow_runs"]["state"]["type"]["any_"]
            return httpx.Response(200, json=[r for r in self.runs.values() if r["state_type"] in wanted])
        if path.endswith("/set_state"):
            state = json.loads(request.content)["state"]
            self.runs[path.split("/")[-2]] |= {"state_type": state["type"], "state": state}
            return httpx.Response(201, json={})
        return httpx.Response(200, json=self.runs[path.split("/")[-1]])


def run(run_id: str, state_type: str, age_s: float = 1.0, **fields: Any) -> dict[str, Any]:
    timestamp = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()
    known = {"id": run_id, "name": run_id, "state_type": state_type, "state_id": "s", "auto_scheduled": True}
    return known | {"state": {"timestamp": timestamp}, "infrastructure_pid": "1"} | fields


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path).create()


def api_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> PrefectApi:
    api = PrefectApi(CONFIG, Credentials("admin", "secret", "token"))
    api._client = httpx.Client(base_url="http://prefect/api", transport=httpx.MockTransport(server))
    monkeypatch.setattr(flow_runs, "PrefectApi", lambda config: api)
    monkeypatch.setattr(flow_runs, "end_mlflow_runs", lambda config, run_id, status: None)
    monkeypatch.setattr(flow_runs, "end_left_over", lambda config, prefect: [])
    return api


@contextmanager
def process(home: Home, run_id: str, word: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the environment that the worker gives to a run."""
    environment = {**os.environ, "LIGHTLOOP_HOME": str(home.root), FLOW_RUN_VARIABLE: run_id}
    program = "print(flush=True); import time; time.sleep(60)"
    started = subprocess.Popen([sys.executable, "-c", program, word], env=environment, stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_a_run_lives_by_a_process_of_this_home_that_is_a_flow(home: Home, tmp_path: Path) -> None:
    with process(home, "flow", "prefect.engine"), process(home, "left-over", "raylet"):
        assert living_run_ids(home) == {"flow"}
        assert living_run_ids(Home(tmp_path / "other")) == set()


def test_only_a_run_without_a_process_crashes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(
        run("lives", "RUNNING"),
        run("dead", "RUNNING"),
        run("starts", "PENDING"),
        run("never-started", "PENDING", age_s=1000),
        run("half-cancelled", "CANCELLING", age_s=1000),
        run("elsewhere", "RUNNING", infrastructure_pid="another-host:17"),
    )
    api_of(server, monkeypatch)

    with process(home, "lives", "prefect.engine") as living, process(home, "dead", "raylet") as left_over:
        said = settle(CONFIG, home)
        assert left_over.wait(10) == -signal.SIGKILL
        assert living.poll() is None

    assert {key: item["state_type"] for key, item in server.runs.items()} == {
        "lives": "RUNNING",
        "dead": "CRASHED",
        "starts": "PENDING",
        "never-started": "CRASHED",
        "half-cancelled": "CANCELLED",
        "elsewhere": "RUNNING",
    }
    assert "dead was running, its process is gone: crashed" in said


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(run("ending", "RUNNING"))
    api = api_of(server, monkeypatch)

    def looks(of: Home) -> set[str]:
        server.runs["ending"] |= {"state_type": "COMPLETED", "state_id": "later"}
        return set()

    monkeypatch.setattr(flow_runs, "living_run_ids", looks)

    assert dead_runs(api, CONFIG, home) == []


def test_missed_schedules_are_skipped_and_wishes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    nights = [run(f"night-{n}", "SCHEDULED") for n in range(7)]
    server = Server(*nights, run("by-hand", "SCHEDULED", auto_scheduled=False))
    api_of(server, monkeypatch)

    assert skip_overdue(CONFIG) == "skipped 7 scheduled runs that were due meanwhile"

    assert {item["state_type"] for key, item in server.runs.items() if key != "by-hand"} == {"CANCELLED"}
    assert server.runs["night-0"]["state"]["name"] == "Skipped"
    assert server.runs["by-hand"]["state_type"] == "SCHEDULED"


def test_upkeep_stays_light_and_its_words_reach_its_log() -> None:
    asked = (
        "import logging, sys, deployments.upkeep; "
        "print([name for name in ('prefect', 'mlflow', 'ray', 'torch') if name in sys.modules]); "
        "print(logging.getLogger().handlers)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
