"""With more requests waiting than it is told, the PCE lets the fallback decide, and asks no model."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.pce.app import PceSettings, build_app
from controlplane.pce.decision_parts import read_rows
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.service_body import ComputeRequest

CREDENTIALS = Credentials("admin", "secret", "token")
MAX_WAITING = 4


@pytest.fixture
def pce(plant, controller, serve, model, tmp_path) -> Iterator[httpx.Client]:
    settings = PceSettings(
        [controller.url],
        tmp_path / "decisions",
        tmp_path / "endpoint.json",
        decision_deadline_ms=30_000.0,
        max_waiting=MAX_WAITING,
    )
    server = serve(build_app(plant, settings, CREDENTIALS), lifespan="on")
    try:
        with httpx.Client(base_url=server.url, headers=bearer_header(CREDENTIALS), timeout=60) as http:
            body = {"url": model.url, "model_name": "m", "model_version": "7", "policy": "ppo"}
            assert http.put("/endpoint", json=body).is_success
            yield http
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("waiting", "decided_by", "reason"),
    [(None, "model", None), ("0", "model", None), ("4", "model", None), ("5", "fallback", "queue-full")],
)
def test_the_fallback_decides_where_too_many_wait_for_their_turn(
    pce, plant, model, tmp_path, waiting, decided_by, reason
) -> None:
    headers = {} if waiting is None else {"X-Waiting": waiting}
    body = build_compute_input(ComputeRequest("A", "C", 100), Naming(plant.topology))
    assert pce.post(COMPUTE_OPERATION, json=body, headers=headers).is_success
    (row,) = read_rows(tmp_path / "decisions", 2)
    assert (row["decided_by"], row["fallback_reason"]) == (decided_by, reason)
    assert len(model.asked) == (decided_by == "model")
    # A full queue says nothing about the model: it is asked again as soon as there is room.
    assert pce.get("/status").json()["breaker"] == "closed"


def test_a_number_that_is_none_is_refused(pce, plant) -> None:
    body = build_compute_input(ComputeRequest("A", "C", 100), Naming(plant.topology))
    answer = pce.post(COMPUTE_OPERATION, json=body, headers={"X-Waiting": "many"})
    assert answer.status_code == 400
    assert "X-Waiting is 'many'" in answer.text
