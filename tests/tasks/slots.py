"""Models in a registry, two real slots under a real supervisord, and a PCE that only remembers."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.artefact import save_policy
from configs.home import Home
from deployments.environment import QUIET
from deployments.manager import start_manager, stop_everything
from deployments.services import ServiceProcess
from envs.heuristics import baseline
from envs.plant import Plant
from envs.traffic import PoissonTraffic
from tasks.champion import promote
from tasks.package import package
from tasks.registry import ModelVersion, Registry
from tasks.serving_target import ServingTarget, Slot
from tasks.trace import provide_trace


@dataclass
class RememberingPce:
    """Answers as the PCE does to what is asked about endpoint and challenger; ``refuses``: it says no."""

    endpoint: dict[str, Any] = field(default_factory=dict)
    challenger: dict[str, Any] | None = None
    refuses: bool = False
    url: str = ""

    def serve(self) -> ThreadingHTTPServer:
        pce = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = {"endpoint_url": pce.endpoint.get("url"), "challenger": pce.challenger}
                self._answer(200, told | pce.endpoint)

            def do_DELETE(self) -> None:
                assert self.path == "/challenger"
                pce.challenger = None
                self._answer(200, {})

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == "Bearer secret"
                if not pce.refuses:
                    pce.endpoint, pce.challenger = body, None
                self._answer(503 if pce.refuses else 200, {})

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


Serving = tuple[ServingTarget, RememberingPce]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("mlflow")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "test", "model", folder / "promotions.jsonl")
    registry._client.create_experiment("test", artifact_location=str(folder / "artifacts"))
    return registry


@pytest.fixture(scope="module")
def versions(
    registry: Registry, plant: Plant, traffic: PoissonTraffic, tmp_path_factory: pytest.TempPathFactory
) -> list[ModelVersion]:
    """Two registered models, the first champion before the second."""
    made = []
    for name in ("ksp_ff", "least_fragmentation"):
        folder = tmp_path_factory.mktemp(name)
        training = provide_trace(plant, traffic, 700, 1, folder / "traces")
        with registry.run(name, {"scenario": "test"}) as run_id:
            registry.log_traces(run_id, [training.id], folder / "traces", "training")
            artefact = save_policy(baseline(name), folder / "policy")
            model = package(registry, run_id, plant, training, artefact, 100, {"topology": "five-node"})
            made.append(registry.register(model.uri, run_id, model.policy, {"kind": "baseline"}))
        promote(registry, made[-1], "test")
    return made


@pytest.fixture(scope="module")
def target(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Two real slots under a real supervisord."""
    home = Home(tmp_path_factory.mktemp("home")).create()
    pce = RememberingPce()
    server = pce.serve()
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    slots = tuple(
        Slot(name, "127.0.0.1", port) for name, port in zip(("model-a", "model-b"), ports, strict=True)
    )
    services = [
        ServiceProcess(slot.name, "", (sys.executable, "-m", "deployments.model_slot", slot.name), slot.url)
        for slot in slots
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **QUIET, "PATH": path, "LIGHTLOOP_HOME": str(home.root)}
    environment["LIGHTLOOP_TOKEN"] = "secret"  # what the target below sends
    # MLflow tells child processes which registry was used last, which may be that of another test.
    addresses = dict.fromkeys(("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"), registry.tracking_uri)
    start_manager(services, home, environment | addresses)
    yield ServingTarget(slots, home.run, home.serving, (pce.url,), "secret"), pce
    stop_everything(home)
    server.shutdown()
