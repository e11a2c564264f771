"""A client of a PCE that speaks as the controller does, for tests of the PCE over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.lightpath import Lightpath
from controlplane.pce.decision_log import read_decisions
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    PATH,
    PATH_RESOURCE,
    build_compute_input,
    parse_compute_output,
)
from controlplane.tapi.service_body import ComputeRequest

CREDENTIALS = Credentials("admin", "secret", "token")
AUTHORISED = bearer_header(CREDENTIALS)


class Pce:
    """A client of a PCE that speaks as the controller does."""

    def __init__(self, http: httpx.Client, naming: Any, folder: Path) -> None:
        self.http = http
        self.naming = naming
        self.folder = folder

    def ask(
        self, source: str, destination: str, rate_gbps: float = 100, version: int | None = None, **values: Any
    ) -> httpx.Response:
        decision_id, purpose = values.pop("decision_id", None), values.pop("purpose", None)
        request = ComputeRequest(source, destination, rate_gbps, **values)
        headers = {} if version is None else {"X-State-Version": str(version)}
        if decision_id is not None:
            headers["X-Decision-Id"] = decision_id
        return self.http.post(
            COMPUTE_OPERATION, json=build_compute_input(request, self.naming, purpose), headers=headers
        )

    def path(self, answer: httpx.Response) -> Lightpath:
        assert answer.status_code == 200, answer.text
        path = parse_compute_output(answer.json())
        (stored,) = self.http.get(PATH_RESOURCE + path.uuid).json()[PATH]
        assert Lightpath.from_names(stored["uuid"], stored["name"]) == path
        return path

    def log(self) -> Any:
        return read_decisions(self.folder / "decisions")

    def use(self, url: str, version: str = "7", **more: str) -> httpx.Response:
        body = {"url": url, "model_name": "lightloop", "model_version": version, "policy": "ppo", **more}
        return self.http.put("/endpoint", json=body)


def reason(answer: httpx.Response, status: int = 409) -> str:
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["ietf-restconf:errors"]["error"]
    return error["error-message"]


def added(nodes: str, first_slot: int, num_slots: int) -> dict[str, Any]:
    service = f"{nodes}-{first_slot}"
    return {
        "kind": "lightpath-added",
        "nodes": list(nodes),
        "service_uuid": service,
        "first_slot": first_slot,
        "num_slots": num_slots,
    }
