"""What the elements' host counts is what was done with it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from starlette.testclient import TestClient

from controlplane.auth import bearer_header
from controlplane.elements.app import build_app
from controlplane.elements.interface import Edit
from tests.controlplane.elements.test_edits import A_TO_B, CREDENTIALS, open_host
from tests.scraping import Scrape


def test_operations_are_counted_and_what_the_elements_hold_is_told(tmp_path: Path) -> None:
    host = open_host(tmp_path)
    put = asdict(Edit(put=(A_TO_B,)))
    with TestClient(build_app(host, CREDENTIALS)) as http:
        assert http.get("/metrics").status_code == http.get("/ready").status_code == 401
        http.headers.update(bearer_header(CREDENTIALS))
        assert http.post("/elements/A/edit", json=put).json() == [asdict(A_TO_B)]
        assert http.post("/elements/B/edit", json=put).status_code == 422  # no port to itself
        held = Scrape(http)
        assert http.post("/elements/A/edit", json={"remove": [A_TO_B.service_uuid]}).json() == []
        empty = Scrape(http)
        assert http.get("/ready").json() == {"status": "ready", "reasons": []}
        host.close()
        assert http.get("/ready").status_code == 503

    assert held.beside_zero("elements_operation_seconds_count") == {"edit": 1}
    assert held.beside_zero("elements_operations_refused_total") == {"edit": 1}
    assert (held.value("elements_cross_connects"), held.value("elements_elements")) == (1, 5)
    assert empty.value("elements_cross_connects") == 0
