"""What the page takes from the configuration, and what the process tells.

Who may open it: tests/deployments/test_logins.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from configs.load import load_config
from controlplane.auth import bearer_header
from controlplane.console.main import build_app, make_feed, page_settings
from tests.controlplane.console.conftest import CREDENTIALS
from tests.scraping import Scrape


def test_the_form_offers_the_configured_rates_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    settings = page_settings(load_config("latency-rsa", ["services.mlflow_port=5999"]))
    assert settings.bit_rates_gbps == (25, 50, 75, 100)
    assert settings.bounds_ms == (15, 30)
    assert settings.mlflow_url == "http://127.0.0.1:5999"


def test_metrics_and_readiness_tell_who_answers() -> None:
    config = load_config("five-node")
    feed = make_feed(config, CREDENTIALS)
    app = build_app(feed, page_settings(config), CREDENTIALS)
    http = TestClient(app)
    assert http.get("/metrics").status_code == http.get("/ready").status_code == 401
    http.headers.update(bearer_header(CREDENTIALS))
    feed.snapshot = replace(feed.snapshot, controller_fault=None)
    close = feed.subscribe(lambda snapshot: None)
    found = Scrape(http)
    answer = http.get("/ready")
    close()

    assert found.beside_zero("console_source_answers") == {"controller": 1}
    assert found.value("console_open_pages") == 1
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["reasons"] == ["PCE: not asked yet"]
    assert Scrape(http).value("console_open_pages") == 0
    feed.close()
