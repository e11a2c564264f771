"""A real HTTP inference server and a real HTTP controller that a test can make misbehave."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from controlplane.pce.app import PceSettings, build_app
from controlplane.tapi.naming import Naming
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from tests.controlplane.pce.feeds import ToldChanges
from tests.controlplane.pce.pce_client import AUTHORISED, CREDENTIALS, Pce
from topologies.model import Fibre, Node, Topology


class ServerThread:
    """An ASGI app on a free loopback port, in a thread of its own."""

    def __init__(self, app: Any, port: int = 0, lifespan: str = "off") -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_level="warning", lifespan=lifespan, timeout_graceful_shutdown=0)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 540  # where the kernels are not compiled yet
        while not self._server.started:
            assert self._thread.is_alive(), "the test server ended at its start"
            assert time.monotonic() < deadline, "the test server did not start"
            time.sleep(0.01)

    def stop(self, wait: bool = True) -> None:
        self._server.should_exit = True
        if wait:
            self._thread.join(10)
            self._socket.close()


INPUTS = ("features", "action_mask", "context")


def last_allowed(features: list, mask: list, context: list) -> list[float]:
    """Scores that choose the last allowed candidate, which no heuristic does."""
    return [float(index) if allowed else -1e9 for index, allowed in enumerate(mask)]


class FakeModel:
    """An inference server whose answers a test sets: ``answer`` is a behaviour's name."""

    def __init__(self) -> None:
        self.answer = "scores"
        self.delay_s = 0.0
        self.scores: Callable[[list, list, list], list[float]] = last_allowed
        self.asked: list[dict[str, Any]] = []
        self.model_uri: str | None = None  # what it says it has loaded
        app = Starlette(
            routes=[
                Route("/invocations", self._invocations, methods=["POST"]),
                Route("/version", self._version),
            ]
        )
        self._app = app
        self._server: ServerThread | None = ServerThread(app)
        self.port = self._server.port
        self.url = self._server.url

    def die(self, wait: bool = True) -> None:
        if self._server is not None:
            self._server.stop(wait)
            self._server = None

    def revive(self) -> None:
        self._server = ServerThread(self._app, self.port)

    async def _version(self, request: Request) -> Response:
        return JSONResponse({"model_uri": self.model_uri} if self.model_uri else {})

    async def _invocations(self, request: Request) -> Response:
        inputs = (await request.json())["inputs"]
        self.asked.append(inputs)
        await asyncio.sleep(self.delay_s)
        rows = [list(self.scores(*row)) for row in zip(*(inputs[name] for name in INPUTS), strict=True)]
        mask, scores = inputs["action_mask"][0], rows[0]
        match self.answer:
            case "nan":
                scores[0] = float("nan")
            case "infinite":
                scores[-1] = float("inf")
            case "masked":
                scores[:] = [0.0 if allowed else 1.0 for allowed in mask]
            case "short":
                scores.pop()
            case "text":
                scores[:] = ["best"] * len(scores)
            case "html":
                return Response("<html>hello</html>", media_type="text/html")
            case "refuses":
                return JSONResponse({"error_code": "BAD_REQUEST"}, 400)
            case "fails":
                return JSONResponse({"error_code": "INTERNAL_ERROR"}, 503)
            case "two-rows":
                rows.append(scores)
        return Response(_predictions(rows), media_type="application/json")


def _predictions(rows: list[list[float]]) -> str:
    return json.dumps({"predictions": {"scores": rows}})


class FakeController:
    """A controller's snapshot and changes over HTTP; ``add`` appends to them."""

    def __init__(self) -> None:
        self.told = ToldChanges()
        app = Starlette(routes=[Route("/changes", self._changes), Route("/snapshot", self._snapshot)])
        self._server = ServerThread(app)
        self.port = self._server.port
        self.url = self._server.url

    @property
    def version(self) -> int:
        return len(self.told.log)

    def add(self, kind: str, nodes: list[str], **values: Any) -> int:
        return self.told.add({"kind": kind, "nodes": nodes} | values)

    def stop(self, wait: bool = True) -> None:
        self._server.stop(wait)

    async def _changes(self, request: Request) -> Response:
        page = self.told.change_page(int(request.query_params["since"]), request.query_params["store"])
        gone = {"ietf-restconf:errors": {"error": [{"error-message": "gone"}]}}
        return JSONResponse(gone, 410) if page is None else JSONResponse(page)

    async def _snapshot(self, request: Request) -> Response:
        asked = request.query_params
        version = int(asked["version"]) if "version" in asked else None
        return JSONResponse(self.told.snapshot_page(version, int(asked.get("after", 0))))


@pytest.fixture(scope="session")
def plant() -> Plant:
    """A ring A-B-C-D of 300 km spans with the chord A-C of 400 km; 32 slots a direction."""
    nodes = tuple(Node(name, float(index), 0.0) for index, name in enumerate("ABCD"))
    pairs = (("A", "B", 300.0), ("B", "C", 300.0), ("C", "D", 300.0), ("D", "A", 300.0), ("A", "C", 400.0))
    topology = Topology("ring", "made for tests", nodes, tuple(Fibre(*pair) for pair in pairs))
    return build_plant(topology, PlantSpec(num_slots=32, k_paths=3, max_candidates=12, starts_per_path=4))


@pytest.fixture
def new_model() -> Iterator[Callable[[], FakeModel]]:
    made: list[FakeModel] = []

    def make() -> FakeModel:
        made.append(FakeModel())
        return made[-1]

    yield make
    for fake in made:
        fake.die(wait=False)


@pytest.fixture
def model(new_model) -> FakeModel:
    return new_model()


@pytest.fixture
def controller() -> Iterator[FakeController]:
    fake = FakeController()
    yield fake
    fake.stop(wait=False)


@pytest.fixture
def serve() -> type[ServerThread]:
    return ServerThread


@pytest.fixture
def start(plant, controller, serve, tmp_path) -> Iterator[Callable]:
    @contextmanager
    def running(**changes: Any) -> Iterator[Pce]:
        settings = {
            "controller_urls": [controller.url],
            "decisions": tmp_path / "decisions",
            "endpoint_file": tmp_path / "serving" / "endpoint.json",
            "decision_deadline_ms": 2000.0,
        }
        app = build_app(plant, PceSettings(**(settings | changes)), CREDENTIALS)
        server = serve(app, lifespan="on")
        try:
            with httpx.Client(base_url=server.url, headers=AUTHORISED, timeout=30) as http:
                yield Pce(http, Naming(plant.topology), tmp_path)
        finally:
            server.stop()

    return running
