"""What a flow run leaves as running in MLflow is ended as the flow run ended; what lives is left alone."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from configs.load import load_config
from deployments.mlflow_runs import end_left_over, end_mlflow_runs
from tasks import registry_reader
from tasks.registry_reader import FLOW_RUN_TAG

CONFIG = load_config("five-node")


class Mlflow:
    """Runs as MLflow keeps them: name, flow run, status."""

    def __init__(self, **flow_runs: str) -> None:
        self.flow_runs = flow_runs
        self.status = dict.fromkeys(flow_runs, "RUNNING")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/mlflow/")[1]
        if path == "experiments/get-by-name":
            return httpx.Response(200, json={"experiment": {"experiment_id": "1"}})
        body = json.loads(request.content)
        if path == "runs/update":
            self.status[body["run_id"]] = body["status"]
            return httpx.Response(200, json={})
        assert body["filter"] == "attributes.status = 'RUNNING'"
        assert body["order_by"] == ["attributes.start_time DESC"]
        return httpx.Response(200, json={"runs": [self._run(name) for name in reversed(self.flow_runs)]})

    def _run(self, name: str) -> dict[str, Any]:
        tags = [{"key": FLOW_RUN_TAG, "value": self.flow_runs[name]}] if self.flow_runs[name] else []
        return {"info": {"run_id": name, "run_name": name}, "data": {"tags": tags}}


class Prefect:
    """Flow runs by their id: the type of their state."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def state_type(self, run_id: str) -> str:
        return self.states.get(run_id, "CANCELLED")


def served(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> Mlflow:
    def request(method: str, url: str, **options: Any) -> httpx.Response:
        options.pop("trust_env")
        with httpx.Client(transport=httpx.MockTransport(mlflow)) as client:
            return client.request(method, url, **options)

    monkeypatch.setattr(registry_reader.httpx, "request", request)
    return mlflow


def test_what_is_left_over_ends_as_its_flow_run_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = served(
        Mlflow(
            killed="cancelled",
            gone="crashed",
            fails="failed",
            lives="running",
            waits="paused",
            lost="?",
            hand="",
        ),
        monkeypatch,
    )
    prefect: Any = Prefect(
        cancelled="CANCELLED", crashed="CRASHED", failed="FAILED", running="RUNNING", paused="PAUSED"
    )

    said = end_left_over(CONFIG, prefect)

    assert mlflow.status == {
        "killed": "KILLED",
        "gone": "FAILED",
        "fails": "FAILED",
        "lives": "RUNNING",
        "waits": "RUNNING",
        "lost": "KILLED",  # its flow run has been deleted
        "hand": "RUNNING",  # a training without Prefect
    }
    assert said[0] == "MLflow run killed, left by its flow run: killed"


def test_only_the_runs_of_one_flow_run_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = served(Mlflow(one="a", other="b"), monkeypatch)

    end_mlflow_runs(CONFIG, "a", "KILLED")

    assert mlflow.status == {"one": "KILLED", "other": "RUNNING"}


def test_a_registry_that_is_away_stops_nothing() -> None:
    prefect: Any = Prefect()

    assert end_left_over(load_config("five-node", ["services.mlflow_port=1024"]), prefect) == []
