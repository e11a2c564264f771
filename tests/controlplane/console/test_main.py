"""Who may open the page, and what it takes from the configuration."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from configs.home import Credentials
from configs.load import load_config
from controlplane.console.main import guard, page_settings

CREDENTIALS = Credentials("operator", "a-password", "a-token")


def guarded(host: str) -> TestClient:
    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("the page")

    app = Starlette(routes=[Route("/", page), Route("/health", page)])
    guard(app, CREDENTIALS, host)
    return TestClient(app)


def test_on_loopback_only_loopback_names_are_answered() -> None:
    client = guarded("127.0.0.1")
    assert client.get("/", headers={"host": "localhost:8080"}).status_code == 200
    assert client.get("/", headers={"host": "127.0.0.1:8080"}).status_code == 200
    assert client.get("/", headers={"host": "rebound.example:8080"}).status_code == 400


def test_elsewhere_user_and_password_are_asked_for() -> None:
    client = guarded("0.0.0.0")
    refused = client.get("/")
    assert refused.status_code == 401
    assert "Basic" in refused.headers["www-authenticate"]
    assert client.get("/", auth=("operator", "wrong")).status_code == 401
    assert client.get("/", auth=("operator", "a-password")).text == "the page"
    assert client.get("/health").status_code == 200


def test_the_form_offers_the_configured_rates_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    settings = page_settings(load_config("latency-rsa", ["services.mlflow_port=5999"]))
    assert settings.bit_rates_gbps == (25, 50, 75, 100)
    assert settings.bounds_ms == (15, 30)
    assert settings.mlflow_url == "http://127.0.0.1:5999"
