"""Addresses of the controller as a TAPI client uses them, and how a refusal is read."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

CONTEXT = "/restconf/data/tapi-common:context"
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"
SERVICE = "tapi-connectivity:connectivity-service"


def reason(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/yang-data+json"
    (error,) = answer.json()["ietf-restconf:errors"]["error"]
    assert error["error-type"] in ("protocol", "application")
    assert error["error-tag"]
    return error["error-message"]


def refused_without_a_trace(lab: Any, http: TestClient, body: Any, status: int = 400) -> str:
    answer = http.post(CONNECTIVITY, json=body)
    assert answer.status_code == status, answer.text
    assert lab.state.version == 0
    assert lab.state.services() == ()
    assert lab.store.services() == ()
    assert not any(lab.held().values())
    return reason(answer)
