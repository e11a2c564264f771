"""What the controller counts is what was done with it; its readiness says why it cannot work."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy
from starlette.testclient import TestClient

from tests.controlplane.controller.conftest import CONNECTIVITY
from tests.scraping import Scrape

SERVICE = "tapi-connectivity:connectivity-service"
CUT = "/restconf/operations/lightloop:fail-link"


def test_set_ups_are_counted_by_what_came_of_them(lab: Any, http: TestClient) -> None:
    bodies = [lab.body("A", "B"), lab.body("A", "C"), lab.body("C", "E")]
    for body in bodies:
        assert http.post(CONNECTIVITY, json=body).status_code == 201
    assert http.post(CONNECTIVITY, json=bodies[0]).status_code == 204  # there already: nothing is set up
    assert http.post(CONNECTIVITY, json=lab.body("A", "C", max_latency_ms=0.01)).status_code == 409
    lab.pce.spoil = lambda path: replace(path, nodes=path.nodes[::-1])
    assert http.post(CONNECTIVITY, json=lab.body("A", "C")).status_code == 502
    lab.pce.spoil = lambda path: path
    lab.pce.away = True
    assert http.post(CONNECTIVITY, json=lab.body("A", "C")).status_code == 503
    lab.pce.away = False
    assert http.get(CONNECTIVITY + "/nothing").status_code == 404
    uuid = bodies[2][SERVICE][0]["uuid"]
    assert http.delete(f"{CONNECTIVITY}/connectivity-service={uuid}").status_code == 204
    found = Scrape(http)

    def number(name: str, **labels: str) -> float:
        return found.value(f"controller_{name}", **labels)

    assert number("setups_offered_total", cause="create") == 6
    assert number("setup_seconds_count", cause="create") == 3
    assert number("setups_blocked_total", cause="create") == 1
    assert number("setups_failed_total", cause="create", step="check") == 1
    assert number("setups_failed_total", cause="create", step="path-computation") == 1
    assert number("setups_failed_total", cause="create", step="elements") == 0
    assert number("setups_offered_total", cause="restore") == 0
    assert found.beside_zero("controller_releases_total") == {"delete": 1}
    assert found.beside_zero("controller_refusals_total") == {"409": 1, "502": 1, "503": 1, "404": 1}
    assert found.beside_zero("controller_services") == {"lit": 2}
    num_fibres, slots = 0, 0
    for fibre in lab.plant.topology.fibres:  # slot by slot, on one spectrum a fibre pair
        num_fibres += 1
        ends = {fibre.node_a, fibre.node_b}
        for path in (service.path for service in lab.state.services()):
            on_it = any(ends == set(hop) for hop in pairwise(path.nodes))
            slots += path.num_slots * on_it
    assert number("spectrum_used_ratio") == pytest.approx(slots / (32 * num_fibres)) != 0
    assert number("state_version") == number("change_log_changes") == 4


def test_a_cut_its_restorations_and_what_stays_dark(lab: Any, http: TestClient) -> None:
    lab.manager.maintain()
    service = lab.manager.create(lab.request("A", "B"))[0]
    nodes = list(service.path.nodes[:2])
    lab.pce.away = True
    assert http.post(CUT, json={"lightloop:input": {"nodes": nodes}}).status_code == 200
    dark = Scrape(http)
    assert http.get("/ready").json() == {
        "status": "degraded",
        "reasons": ["1 service(s) without a lightpath"],
    }
    lab.pce.away = False
    lab.manager.maintain()
    found = Scrape(http)

    assert dark.beside_zero("controller_services") == {"dark": 1}
    assert dark.value("controller_failed_links") == 1
    assert found.beside_zero("controller_services") == {"lit": 1}
    assert found.value("controller_setups_offered_total", cause="restore") == 2
    assert found.value("controller_setups_failed_total", cause="restore", step="path-computation") == 1
    assert found.value("controller_setup_seconds_count", cause="restore") == 1
    assert found.beside_zero("controller_releases_total") == {"cut": 1}


def test_ready_says_that_the_database_is_gone_and_metrics_go_on(lab: Any, http: TestClient) -> None:
    assert http.get("/ready").json()["reasons"] == [
        "elements suspect, and audited again and again: A, B, C, D, E"
    ]
    lab.manager.maintain()
    assert http.get("/ready").json() == {"status": "ready", "reasons": []}
    lab.manager.configurator.suspect(["A"])
    assert http.get("/ready").json()["status"] == "degraded"
    found = Scrape(http)
    assert found.value("controller_suspect_elements") == 1
    assert [found.value("controller_element_answers", element=node) for node in "ABCDE"] == [1] * 5
    assert found.value("controller_element_queue_tasks", element="A") == 0
    assert found.value("controller_reservations_open") == 0

    def refuse(_connection: Any, _record: Any, _proxy: Any) -> None:
        raise sqlalchemy.exc.OperationalError("BEGIN", {}, Exception("disk I/O error"))

    sqlalchemy.event.listen(lab.store._engine, "checkout", refuse)
    answer = http.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["reasons"][0] == "the database cannot be written: OperationalError"
    assert Scrape(http).value("controller_database_answers") == 0
    sqlalchemy.event.remove(lab.store._engine, "checkout", refuse)
    assert http.get("/ready").status_code == 200
    assert Scrape(http).value("controller_database_answers") == 1


def test_metrics_ask_for_credentials_and_take_the_token(http: TestClient) -> None:
    http.auth = None
    assert http.get("/metrics").status_code == http.get("/ready").status_code == 401
    assert http.get("/metrics", headers={"Authorization": "Bearer token"}).status_code == 200
