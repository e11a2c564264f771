"""The steps of a set-up as ``GET /setups`` tells them: while it goes on, when carried, when refused."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from controlplane.metrics import SET_UP_STEPS
from tests.controlplane.controller.northbound import CONNECTIVITY

ALL_STEPS = {"request", *SET_UP_STEPS}


def newest(http: TestClient) -> dict[str, Any]:
    return http.get("/setups?limit=1").json()[0]


def test_the_steps_of_a_carried_set_up_add_up_to_its_time(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 100, max_latency_ms=40.0)
    assert http.post(CONNECTIVITY, json=body).status_code == 201
    told = newest(http)
    service = lab.state.services()[0]
    assert (told["service_uuid"], told["outcome"], told["step"]) == (service.uuid, "carried", None)
    assert (told["source"], told["destination"], told["bit_rate_gbps"]) == ("A", "D", 100)
    assert told["max_latency_ms"] == 40.0
    assert set(told["spent_ms"]) == ALL_STEPS
    assert sum(told["spent_ms"].values()) == pytest.approx(told["total_ms"], abs=0.01)
    assert service.setup_ms <= told["total_ms"]


def test_a_refused_set_up_stops_at_the_path_computation_and_says_why(lab: Any, http: TestClient) -> None:
    answer = http.post(CONNECTIVITY, json=lab.body("A", "D", max_latency_ms=0.01))
    assert answer.status_code == 409
    told = newest(http)
    assert (told["outcome"], set(told["spent_ms"])) == ("refused", {"request", "path-computation"})
    assert told["reason"] == answer.json()["ietf-restconf:errors"]["error"][0]["error-message"]
    lab.pce.away = True
    assert http.post(CONNECTIVITY, json=lab.body("A", "D")).status_code == 503
    assert newest(http)["outcome"] == "failed"


def test_a_set_up_under_way_tells_the_step_that_it_is_in(lab: Any, http: TestClient) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def held(path: Any) -> Any:
        asked.set()
        assert go_on.wait(20)
        return path

    lab.pce.spoil = held
    setting_up = threading.Thread(target=lambda: lab.manager.create(lab.request("A", "D")))
    setting_up.start()
    try:
        assert asked.wait(20)
        told = newest(http)
        assert (told["outcome"], told["step"], told["reason"]) == ("under-way", "path-computation", None)
    finally:
        go_on.set()
        setting_up.join(20)
    assert newest(http)["outcome"] == "carried"


def test_only_so_many_are_told(http: TestClient) -> None:
    assert http.get("/setups").json() == []
    assert http.get("/setups?limit=0").status_code == 400
