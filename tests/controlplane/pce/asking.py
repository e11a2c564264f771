"""Asks a PCE of any plant for paths, one after the other, as a controller would that sets each up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.lightpath import Lightpath
from controlplane.pce.app import PceSettings, build_app
from controlplane.pce.decision_log import read_decisions
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    PATH_RESOURCE,
    build_compute_input,
    parse_compute_output,
)
from controlplane.tapi.service_body import ComputeRequest
from envs.plant import Plant

CREDENTIALS = Credentials("admin", "secret", "token")


class Asking:
    """One PCE over HTTP and the controller whose changes it follows."""

    def __init__(self, http: httpx.Client, naming: Naming, controller: Any, folder: Path) -> None:
        self._http, self.naming, self._controller, self._folder = http, naming, controller, folder
        self.refusals: list[str] = []

    def set_up(self, source: str, destination: str, bit_rate_gbps: float) -> Lightpath | None:
        """The path, after its lightpath was told to the PCE; None when there is no path."""
        body = build_compute_input(ComputeRequest(source, destination, bit_rate_gbps), self.naming)
        version = {"X-State-Version": str(self._controller.version)}
        answer = self._http.post(COMPUTE_OPERATION, json=body, headers=version)
        if answer.status_code == 409:
            self.refusals.append(answer.text)
            return None
        path = parse_compute_output(answer.json())
        self._controller.add(
            "lightpath-added",
            list(path.nodes),
            service_uuid=path.uuid,
            first_slot=path.first_slot,
            num_slots=path.num_slots,
            modulation_format=path.modulation_format,
        )
        return path

    def post(self, path: str, body: Any) -> httpx.Response:
        """The answer to a request of another kind."""
        return self._http.post(path, json=body)

    def log(self) -> Any:
        """The decisions so far."""
        return read_decisions(self._folder / "decisions")

    def document(self, path: Lightpath) -> dict[str, Any]:
        """What the PCE has stored of a path."""
        document: dict[str, Any] = self._http.get(PATH_RESOURCE + path.uuid).json()
        return document


@contextmanager
def asking(plant: Plant, controller: Any, serve: Any, folder: Path) -> Iterator[Asking]:
    """A PCE of a plant, with its decision log in ``folder / "decisions"``."""
    settings = PceSettings([controller.url], folder / "decisions", folder / "endpoint.json")
    server = serve(build_app(plant, settings, CREDENTIALS), lifespan="on")
    try:
        with httpx.Client(base_url=server.url, headers=bearer_header(CREDENTIALS), timeout=30) as http:
            yield Asking(http, Naming(plant.topology), controller, folder)
    finally:
        server.stop()
