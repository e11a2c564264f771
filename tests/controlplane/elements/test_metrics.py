"""What the elements' host counts is what was done with it."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

from starlette.testclient import TestClient

from controlplane.auth import bearer_header
from controlplane.elements.app import build_app
from controlplane.elements.interface import Edit
from tests.controlplane.elements.test_confirmed_commit import A_TO_B, CREDENTIALS, open_host
from tests.scraping import Scrape


def test_operations_are_counted_and_what_the_elements_hold_is_told(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    put = asdict(Edit(put=(A_TO_B,)))
    commit = {"persist_id": "p", "timeout_s": 60}
    with TestClient(build_app(host, CREDENTIALS)) as http:
        assert http.get("/metrics").status_code == http.get("/ready").status_code == 401
        http.headers.update(bearer_header(CREDENTIALS))
        assert http.put("/elements/A/candidate", json=put).status_code == 204
        assert http.post("/elements/A/commit", json=commit).status_code == 204
        assert http.post("/elements/B/commit", json=commit).status_code == 409  # no candidate
        waiting = Scrape(http)
        assert http.post("/elements/A/confirm", json={"persist_id": "p"}).status_code == 204
        confirmed = Scrape(http)
        assert http.put("/elements/A/candidate", json={"remove": [A_TO_B.service_uuid]}).status_code == 204
        ended = threading.Event()
        host.metrics.expired.inc = lambda _inc=host.metrics.expired.inc: (_inc(), ended.set())
        assert http.post("/elements/A/commit", json=commit | {"timeout_s": 0.01}).status_code == 204
        assert ended.wait(30)
        rolled_back = Scrape(http)
        assert http.get("/ready").json() == {"status": "ready", "reasons": []}
        host.close()
        assert http.get("/ready").status_code == 503

    assert waiting.value("elements_unconfirmed_commits") == 1
    assert waiting.beside_zero("elements_operation_seconds_count") == {
        "edit-candidate": 1,
        "commit-confirmed": 1,
    }
    assert waiting.beside_zero("elements_operations_refused_total") == {"commit-confirmed": 1}
    assert confirmed.value("elements_unconfirmed_commits") == 0
    assert confirmed.value("elements_cross_connects") == 1
    assert confirmed.value("elements_elements") == 5
    assert rolled_back.value("elements_commits_expired_total") == 1
    assert rolled_back.value("elements_cross_connects") == 1
