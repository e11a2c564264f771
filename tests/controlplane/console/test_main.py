"""What the page takes from the configuration, and what the process tells.

Who may open it: tests/deployments/test_logins.py.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from configs.load import load_config
from controlplane.auth import bearer_header
from controlplane.console.loop.document import Links
from controlplane.console.main import build_app, make_feed, page_settings
from controlplane.console.panels import model_page
from controlplane.console.told_of_loop import measured_loop
from controlplane.console.viewmodel import PceStatus, Snapshot
from controlplane.metrics import ConsoleMetrics
from tasks.drift_state import write_regret
from tasks.regret import Regret
from tests.controlplane.console.conftest import CREDENTIALS
from tests.scraping import Scrape


def test_the_form_offers_the_configured_rates_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTLOOP_CONFIG", raising=False)
    settings = page_settings(load_config("latency-rsa", ["services.mlflow_port=5999"]))
    assert settings.bit_rates_gbps == (25, 50, 75, 100)
    assert settings.bounds_ms == (15, 30)
    assert settings.links.model(settings.model_name) == "http://127.0.0.1:5999/#/models/lightloop-latency-rsa"


def test_the_link_to_mlflow_opens_the_version_in_service() -> None:
    links = Links(prefect="http://p", mlflow="http://m")
    status = {"model_name": "lightloop-five-node", "model_version": 7}
    served = Snapshot(pce=PceStatus.from_json(status))
    assert model_page(links, "m", served) == "http://m/#/models/lightloop-five-node/versions/7"
    for none in (Snapshot(pce=PceStatus.from_json({})), Snapshot()):
        assert model_page(links, "m", none) == "http://m/#/models/m"


def test_promotions_and_looks_for_drift_are_counted_from_their_files(tmp_path: Path) -> None:
    metrics = ConsoleMetrics()

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"lightloop_console_{name}", labels)

    measured_loop(metrics, tmp_path, "mine")
    assert value("loop_changes_total", action="promote") == 0
    assert math.isnan(value("champion_since_timestamp_seconds") or 0.0)
    assert math.isnan(value("last_drift_check_timestamp_seconds") or 0.0)
    assert math.isnan(value("last_regret_ratio", value="mean") or 0.0)
    lines: list[str] = []
    for number, (action, version) in enumerate(
        (("promote", "1"), ("switching", "2"), ("promote", "2"), ("rollback", "1"), ("undone", "3"))
    ):
        line = {"action": action, "version": version, "time_s": 100.0 + number}
        lines.append(json.dumps(line | {"model_name": "mine"}))
        lines.append(json.dumps(line | {"model_name": "another", "time_s": 900.0}))
    torn = '{"action": "promo'  # a line that is being written
    (tmp_path / "promotions.jsonl").write_text("\n".join([*lines, torn]))
    (tmp_path / "drift.json").write_text("{}")
    os.utime(tmp_path / "drift.json", (50.0, 77.0))
    measured_loop(metrics, tmp_path, "mine")
    assert (
        value("loop_changes_total", action="promote"),
        value("loop_changes_total", action="rollback"),
    ) == (
        2,
        1,
    )
    assert value("champion_since_timestamp_seconds") == 103.0
    assert value("last_drift_check_timestamp_seconds") == 77.0
    assert math.isnan(value("last_regret_timestamp_seconds") or 0.0)


def test_regret_is_told_as_the_drift_monitor_stored_it(tmp_path: Path) -> None:
    metrics = ConsoleMetrics()
    write_regret(tmp_path / "drift.json", Regret("w", 200, "ksp_ff", 0.012, (0.004, 0.02), 0.05, ()))

    measured_loop(metrics, tmp_path, "mine")

    told = [
        metrics.registry.get_sample_value("lightloop_console_last_regret_ratio", {"value": name})
        for name in ("mean", "low", "high")
    ]
    assert told == [0.012, 0.004, 0.02]
    measured_s = metrics.registry.get_sample_value("lightloop_console_last_regret_timestamp_seconds")
    assert measured_s == json.loads((tmp_path / "regret.json").read_text())["time_s"]


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
