"""No room on the disk: 503 with the reason, nothing changed, and all goes on by itself when there is room."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.controlplane.controller.conftest import CONNECTIVITY, Lab


@contextmanager
def no_room() -> Iterator[None]:
    """No file of this process can be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def reason(answer: Any) -> str:
    assert answer.status_code == 503, answer.text
    return str(answer.json()["ietf-restconf:errors"]["error"][0]["error-message"])


def test_what_a_full_disk_keeps_from_the_database_is_told_and_done_later(
    lab: Lab, http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = lab.manager.create(lab.request("A", "C"))[0]
    body = lab.body("A", "D")
    with no_room():
        # The elements have a disk of their own.
        monkeypatch.setattr(lab.host._store, "change", lambda *_: None)
        refused = reason(http.post(CONNECTIVITY, json=body))
        kept_back = reason(http.delete(f"{CONNECTIVITY}/connectivity-service={kept.uuid}"))
        told = http.get("/ready").json()
        monkeypatch.undo()
    assert "the database failed (OperationalError: " in refused
    assert "the database failed (OperationalError: " in kept_back
    assert told["status"] == "not ready"
    assert "the database cannot be written" in told["reasons"][0]

    lab.manager.maintain(everything=True)
    lab.assert_elements_hold_the_state()
    assert {service.uuid for service in lab.state.services()} == {kept.uuid}
    assert http.post(CONNECTIVITY, json=body).status_code == 201
    assert http.delete(f"{CONNECTIVITY}/connectivity-service={kept.uuid}").status_code == 204
    assert http.get("/ready").json()["status"] == "ready"
    assert lab.state.services() == lab.store.services()
    lab.assert_elements_hold_the_state()
