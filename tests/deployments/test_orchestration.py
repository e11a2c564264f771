"""Prefect over REST: a busy server is asked again, and no run is made twice."""

from __future__ import annotations

import json

import httpx
import pytest

import deployments.orchestration as orchestration
from configs.home import Credentials
from configs.load import load_config
from deployments.orchestration import OrchestrationError, PrefectApi


class Server:
    """Answers 503 to the first creations although it may have made the run, as a locked database does."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.runs: dict[str, str] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"id": "deployment"})
        key = json.loads(request.content)["idempotency_key"]
        run = self.runs.setdefault(key, f"run-{len(self.runs)}")
        self.busy -= 1
        return httpx.Response(503 if self.busy >= 0 else 201, json={"id": run})


def api_of(server: Server) -> PrefectApi:
    api = PrefectApi(load_config("five-node"), Credentials("admin", "secret", "token"))
    api._client = httpx.Client(base_url="http://prefect/api", transport=httpx.MockTransport(server))
    return api


def test_a_busy_server_is_asked_again_and_makes_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server = Server(busy=3)
    assert api_of(server).run_deployment("flow/deployment", {}) == "run-0"
    assert len(server.runs) == 1
    assert api_of(server).run_deployment("flow/deployment", {}) == "run-1"


def test_a_server_that_stays_busy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestration, "BUSY_LIMIT_S", 0.0)
    with pytest.raises(OrchestrationError, match="503"):
        api_of(Server(busy=10**6)).run_deployment("flow/deployment", {})
