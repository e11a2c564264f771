"""A controller and a PCE that speak docs/contracts.md, small enough to read: shortest path, first fit.

The browser tests use the real processes; these stand-ins let the feed be tested against outages.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from configs.home import Credentials
from controlplane.auth import own_identity
from controlplane.metrics import ready_answer
from controlplane.tapi.ids import node_uuid, sip_uuid
from topologies.catalogue import load_topology
from topologies.model import Topology

CREDENTIALS = Credentials("operator", "a-password", "a-token")
CONNECTIVITY = "/restconf/data/tapi-common:context/tapi-connectivity:connectivity-context"


class FakeController:
    """Enough of the controller: context, services, changes, notifications, credentials."""

    def __init__(self, topology: Topology, num_slots: int = 100) -> None:
        self.topology = topology
        self.num_slots = num_slots
        self.changes: list[dict[str, Any]] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.decisions: list[dict[str, Any]] = []
        self.set_ups: list[dict[str, Any]] = []
        self.amiss: dict[str, list[str]] = {"controller": [], "PCE": []}  # what each says of itself
        self.listeners: set[asyncio.Queue[int]] = set()
        self.silent = False  # True: answers nothing but 503
        self.store = "store"
        self.page_rows = 2
        self.questions: list[str] = []

    @property
    def version(self) -> int:
        return self.changes[-1]["version"] if self.changes else 0

    def note(self, kind: str, **fields: Any) -> None:
        self.changes.append({"version": self.version + 1, "kind": kind, **fields})
        for queue in self.listeners:
            queue.put_nowait(self.version)

    def place(
        self,
        source: str,
        destination: str,
        bit_rate_gbps: float = 100,
        service_uuid: str | None = None,
        decided_by: str = "model",
    ) -> str:
        """Set a service up along the shortest path in the first slots that are free on it."""
        graph = self.topology.graph()
        nodes = nx.shortest_path(graph, source, destination, weight="length_km")
        num_slots = int(-(-bit_rate_gbps // 25)) + 1
        taken: set[int] = set()
        for service in self.services.values():
            if {frozenset(p) for p in pairwise(nodes)} & {frozenset(p) for p in pairwise(service["nodes"])}:
                taken.update(range(service["first_slot"], service["first_slot"] + service["num_slots"]))
        first_slot = next(
            (s for s in range(self.num_slots - num_slots + 1) if not taken & set(range(s, s + num_slots))),
            None,
        )
        if first_slot is None:
            raise LookupError("no free slots")
        uuid = service_uuid or f"00000000-0000-4000-8000-{self.version + 1:012d}"
        length_km = sum(graph.edges[pair]["length_km"] for pair in pairwise(nodes))
        self.services[uuid] = {
            "service_uuid": uuid,
            "nodes": nodes,
            "first_slot": first_slot,
            "num_slots": num_slots,
            "modulation_format": "QPSK",
            "bit_rate_gbps": float(bit_rate_gbps),
            "latency_ms": length_km * 0.0049,
            "decided_by": decided_by,
        }
        self.note("lightpath-added", **self.services[uuid])
        return uuid

    def remove(self, uuid: str) -> None:
        self.note("lightpath-removed", **self.services.pop(uuid))

    def context(self) -> dict[str, Any]:
        name = self.topology.name
        uuids = {node.name: node_uuid(name, node.name) for node in self.topology.nodes}
        pair = lambda key, value: {"value-name": key, "value": str(value)}  # noqa: E731
        nodes = [
            {
                "uuid": uuids[node.name],
                "name": [
                    pair("local-name", node.name),
                    pair("latitude-deg", node.latitude_deg),
                    pair("longitude-deg", node.longitude_deg),
                ],
            }
            for node in self.topology.nodes
        ]
        links = [
            {
                "name": [pair("local-name", f"{fibre.node_a}-{fibre.node_b}")],
                "node-edge-point": [{"node-uuid": uuids[end]} for end in (fibre.node_a, fibre.node_b)],
                "cost-characteristic": [{"cost-name": "length-km", "cost-value": str(fibre.length_km)}],
            }
            for fibre in self.topology.fibres
        ]
        topology = {"name": [pair("local-name", name)], "node": nodes, "link": links}
        return {"tapi-common:context": {"tapi-topology:topology-context": {"topology": [topology]}}}


def refusal(status: int, message: str) -> JSONResponse:
    error = {"error-type": "application", "error-tag": "resource-denied", "error-message": message}
    return JSONResponse({"ietf-restconf:errors": {"error": [error]}}, status)


def controller_app(fake: FakeController) -> FastAPI:
    """The controller's HTTP."""
    app = FastAPI()
    nodes = {sip_uuid(fake.topology.name, node): node for node in fake.topology.node_names}

    @app.middleware("http")
    async def door(request: Request, go_on: Any) -> Response:
        fake.questions.append(request.url.path)
        if fake.silent:
            return Response(status_code=503)
        if own_identity(request.headers.get("authorization"), CREDENTIALS) is None:
            return refusal(401, "credentials are needed")
        return await go_on(request)

    @app.get("/restconf/data/tapi-common:context/tapi-topology:topology-context")
    async def topology() -> Any:
        return fake.context()["tapi-common:context"]

    @app.get("/restconf/data/tapi-common:context/service-interface-point")
    async def service_interface_points() -> dict[str, Any]:
        listed = [
            {"uuid": uuid, "name": [{"value-name": "node", "value": node}]} for uuid, node in nodes.items()
        ]
        return {"tapi-common:service-interface-point": listed}

    @app.get("/changes")
    async def changes(since: int, store: str) -> Any:
        if store != fake.store or since > fake.version:
            return refusal(410, "not after that")
        later = [change for change in fake.changes if change["version"] > since][: fake.page_rows]
        version = later[-1]["version"] if later else fake.version
        return {"version": version, "last": fake.version, "store": fake.store, "changes": later}

    @app.get("/snapshot")
    async def snapshot(version: int | None = None, after: int = 0) -> Any:
        standing = [
            {"version": number, "kind": "lightpath-added"} | service
            for number, service in enumerate(fake.services.values(), start=1)
        ]
        page = standing[after : after + fake.page_rows]
        end = after + len(page)
        return {
            "version": fake.version if version is None else version,
            "store": fake.store,
            "next": end if end < len(standing) else None,
            "changes": page,
        }

    @app.get("/ready")
    async def ready() -> Response:
        return ready_answer([], fake.amiss["controller"])

    @app.get("/setups")
    async def set_ups(limit: int) -> list[dict[str, Any]]:
        return fake.set_ups[:limit]

    @app.get("/restconf/streams/tapi-notification")
    async def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            queue: asyncio.Queue[int] = asyncio.Queue()
            fake.listeners.add(queue)
            try:
                yield ": hello\n\n"
                while True:
                    body = {"tapi-notification:notification": {"sequence-number": str(await queue.get())}}
                    yield f"data: {json.dumps(body)}\n\n"
            finally:
                fake.listeners.discard(queue)

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.post(CONNECTIVITY)
    async def create(request: Request) -> Response:
        body = await request.json()
        fake.bodies.append(body)
        service = body["tapi-connectivity:connectivity-service"][0]
        sips = [
            end["service-interface-point"]["service-interface-point-uuid"] for end in service["end-point"]
        ]
        source, destination = (nodes[sip] for sip in sips)
        rate = float(service["requested-capacity"]["total-size"]["value"])
        bound_us = float(service.get("max-allowed-delay", {}).get("value", "inf"))
        row = {
            "decision_id": service["uuid"],
            "time_s": time.time(),
            "source": source,
            "destination": destination,
            "bit_rate_gbps": rate,
            "total_ms": 3.2,
        }
        if bound_us < 1000:
            reason = f"no path from {source} to {destination} within {bound_us / 1000:g} ms"
            fake.decisions.insert(0, row | {"outcome": "blocked", "decided_by": "none", "reason": reason})
            return refusal(409, reason)
        fake.place(source, destination, rate, service["uuid"])
        nodes_text = ",".join(fake.services[service["uuid"]]["nodes"])
        fake.decisions.insert(0, row | {"outcome": "accepted", "decided_by": "model", "nodes": nodes_text})
        return Response(status_code=201)

    @app.delete(CONNECTIVITY + "/connectivity-service={uuid}")
    async def delete(uuid: str) -> Response:
        if uuid not in fake.services:
            return refusal(404, f"no service {uuid}")
        fake.remove(uuid)
        return Response(status_code=204)

    return app


def pce_app(fake: FakeController) -> FastAPI:
    """The PCE's HTTP."""
    app = FastAPI()

    @app.get("/status")
    async def status() -> dict[str, Any]:
        return {
            "policy": "scoring-net",
            "model_name": "lightloop",
            "model_version": "7",
            "endpoint_url": "http://127.0.0.1:5101",
            "state_version": fake.version,
            "decisions": len(fake.decisions),
            "fallbacks": sum(row["decided_by"] == "fallback" for row in fake.decisions),
        }

    @app.get("/ready")
    async def ready() -> Response:
        return ready_answer(fake.amiss["PCE"], [])  # with 503, where there is something

    @app.get("/decisions")
    async def decisions(limit: int = 50) -> list[dict[str, Any]]:
        return fake.decisions[:limit]

    return app


@pytest.fixture
def nsfnet() -> Topology:
    return load_topology("nsfnet")


@pytest.fixture
def fake(nsfnet: Topology) -> FakeController:
    return FakeController(nsfnet)


@pytest.fixture
def apps(fake: FakeController) -> tuple[FastAPI, FastAPI]:
    """The HTTP of the controller and of the PCE."""
    return controller_app(fake), pce_app(fake)
