# ruff: noqa: F811 - a fixture of another file is named by the tests that use it
"""What the PCE counts is what was done with it; its readiness says why it cannot answer."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from controlplane.metrics import CHALLENGER_COUNTS
from controlplane.pce import monitored
from controlplane.pce.challenger import ChallengerCounts
from controlplane.pce.decision_log import DecisionLog
from tests.controlplane.pce.pce_client import added
from tests.controlplane.pce.test_shadow import body, challenger, settled  # noqa: F401 - a fixture
from tests.scraping import Scrape


def test_the_values_of_labels_are_all_that_there_are() -> None:
    assert set(CHALLENGER_COUNTS) == set(vars(ChallengerCounts()))


def test_decisions_are_counted_by_whom_and_why(start, model, controller):
    began_s = time.time() - 1.0  # the clock of a file system is coarse
    with start() as pce:
        assert pce.ask("A", "B").status_code == 200  # no model yet
        pce.use(model.url)
        for _ in range(3):
            assert pce.ask("A", "C").status_code == 200
        assert pce.ask("A", "C", max_latency_ms=1.0).status_code == 409
        model.die()
        assert pce.ask("A", "B").status_code == 200
        version = controller.add(**added("AB", 0, 4))
        assert pce.ask("A", "C", version=version).status_code == 200
        found = Scrape(pce.http)
        status = pce.http.get("/status").json()
        controller.stop()
        assert pce.ask("A", "C", version=version + 1).status_code == 503
        after = Scrape(pce.http)

    assert found.beside_zero("pce_decisions_total") == {"model": 3, "fallback": 3, "none": 1}
    assert found.beside_zero("pce_fallbacks_total") == {"no-endpoint": 1, "down": 2}
    assert found.beside_zero("pce_blocked_total") == {"latency": 1}
    assert found.value("pce_computation_seconds_count") == 7 == status["decisions"]
    assert found.value("pce_model_answer_seconds_count") == 5
    named = {"model_name": "lightloop", "model_version": "7", "policy": "ppo", "forecast": ""}
    assert found.value("pce_model_info", **named) == 1
    assert found.value("pce_endpoint_switches_total") == found.value("pce_model_in_service") == 1
    assert began_s <= found.value("pce_model_in_service_since_timestamp_seconds") <= time.time()
    assert found.value("pce_state_version") == version
    assert found.value("pce_lightpaths") == 1
    assert found.value("pce_unanswered_total", reason="databases") == 0
    assert after.beside_zero("pce_unanswered_total") == {"databases": 1}
    assert after.beside_zero("pce_decisions_total") == found.beside_zero("pce_decisions_total")


def test_a_challenger_is_counted_as_its_status_tells(start, model, challenger, plant):
    with start() as pce:
        pce.use(model.url)
        share = body(plant, challenger.url, share=0.5)
        assert pce.http.put("/challenger", json=share).status_code == 200
        canaries = sum(
            pce.path(pce.ask("A", "C", decision_id=f"d{number}")).policy == "search" for number in range(8)
        )
        counts = settled(pce, 8 - canaries)
        found = Scrape(pce.http)
        pce.http.delete("/challenger")
        gone = Scrape(pce.http)

    assert 0 < canaries < 8
    assert found.beside_zero("pce_decisions_total") == {"canary": canaries, "model": 8 - canaries}
    told = {name: counts[name] for name in CHALLENGER_COUNTS if counts[name]}
    assert found.beside_zero("pce_challenger_questions_total") == told
    assert found.value("pce_challenger_share_ratio") == 0.5
    assert gone.value("pce_challenger_share_ratio") == 0
    assert "lightloop_pce_challenger_info" not in gone.names


def test_ready_says_what_is_missing(start, controller, model, monkeypatch, tmp_path):
    def ready(http: httpx.Client) -> tuple[int, str, list[str]]:
        answer = http.get("/ready")
        return answer.status_code, answer.json()["status"], answer.json()["reasons"]

    with start(follow_interval_s=0.02) as pce:
        deadline = time.monotonic() + 30
        while ready(pce.http)[0] == 503:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert ready(pce.http) == (200, "degraded", ["no model is in service; ksp_ff decides"])
        pce.use(model.url)
        assert ready(pce.http) == (200, "ready", [])
        monkeypatch.setattr(monitored, "STALE_S", 0.2)
        controller.stop()
        while Scrape(pce.http).value("pce_databases_staleness_seconds") < 0.4:
            time.sleep(0.02)
        status, _, (why,) = ready(pce.http)
        assert status == 503
        assert "were last in step with the controller" in why
        monkeypatch.setattr(monitored, "STALE_S", 1e9)
        (tmp_path / "decisions" / ".writable").mkdir()  # what cannot be written, also by root
        status, _, (why,) = ready(pce.http)
        assert status == 503
        assert "the decision log cannot be written" in why
    with start() as alone:  # the controller is still away
        assert "the databases have not seen the controller's state yet" in ready(alone.http)[2]


def test_many_ask_at_once_whether_the_log_can_be_written(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, part_rows=10, part_s=1e6)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: log.trouble(), range(200))) == {""}
    log.close()
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_metrics_and_readiness_ask_for_credentials(start: Any) -> None:
    with start() as pce:
        for path in ("/metrics", "/ready"):
            assert pce.http.get(path, headers={"Authorization": ""}).status_code == 401
