"""Models in the registry and in real slots (supervisord, ``mlflow models serve``); the PCE only remembers."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from agents.artefact import save_policy
from configs.home import Home
from deployments.environment import QUIET
from deployments.manager import start_manager, stop_everything
from deployments.services import Service
from envs.heuristics import baseline
from envs.plant import Plant
from envs.traffic import PoissonTraffic
from tasks.champion import champion_of, promote, roll_back, rollback_target
from tasks.package import package
from tasks.processes import ProcessManager
from tasks.promotions import read_promotions
from tasks.provision import restart_in_service, stage, unstage
from tasks.registry import CHAMPION, PREVIOUS, RECORDED_FILE, ModelVersion, Registry, RegistryError
from tasks.site import ProvisionError, Site, Slot, owning_slots, served_uri
from tasks.takeover import settle, take_over
from tasks.trace import provide_trace


@dataclass
class RememberingPce:
    """Answers ``GET /status`` and ``PUT /endpoint`` as the PCE does; ``refuses`` makes it say no."""

    endpoint: dict[str, Any] = field(default_factory=dict)
    refuses: bool = False
    url: str = ""

    def serve(self) -> ThreadingHTTPServer:
        pce = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {"endpoint_url": pce.endpoint.get("url"), **pce.endpoint})

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == "Bearer secret"
                if not pce.refuses:
                    pce.endpoint = body
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
    """Two registered models, the first in charge before the second."""
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
def site(
    registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, RememberingPce]]:
    """Two real slots under a real supervisord."""
    import os

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
        Service(slot.name, "", (sys.executable, "-m", "deployments.model_slot", slot.name), slot.url)
        for slot in slots
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **QUIET, "PATH": path, "LIGHTLOOP_HOME": str(home.root)}
    start_manager(services, home, environment | {"MLFLOW_TRACKING_URI": registry.tracking_uri})
    yield Site(slots, home.run, home.serving, pce.url, "secret"), pce
    stop_everything(home)
    server.shutdown()


def test_a_version_knows_its_run_traces_commit_and_signature(
    registry: Registry, versions: list[ModelVersion]
) -> None:
    run = registry._client.get_run(versions[0].run_id)
    info = registry._client.get_model_version("model", versions[0].version)

    assert run.data.tags["mlflow.source.git.commit"]
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == f"trace-{dataset.dataset.digest}"
    assert {tag.key: tag.value for tag in dataset.tags} == {"mlflow.data.context": "training"}
    assert versions[0].policy == "ksp_ff"
    assert info.tags["kind"] == "baseline"


def test_the_model_scores_as_the_policy_it_holds(
    registry: Registry, versions: list[ModelVersion], tmp_path: Path
) -> None:
    import mlflow

    recorded = np.load(registry.fetch(versions[1].uri, tmp_path) / RECORDED_FILE)
    mlflow.set_tracking_uri(registry.tracking_uri)
    model = mlflow.pyfunc.load_model(versions[1].uri)

    inputs = {key: recorded[key].astype(np.float32) for key in ("features", "action_mask", "context")}
    scores = model.predict(inputs)["scores"]

    np.testing.assert_array_equal(scores, recorded["scores"])
    policy = baseline("least_fragmentation")
    direct = policy.scores(recorded["features"], recorded["action_mask"] > 0.5, recorded["context"])
    np.testing.assert_array_equal(scores, direct)


def test_promotion_moves_the_aliases_and_rollback_goes_back(
    registry: Registry, versions: list[ModelVersion]
) -> None:
    first, second = versions

    assert registry.version(f"@{CHAMPION}") == second
    assert registry.version(f"@{PREVIOUS}") == first
    assert rollback_target(registry) == first

    roll_back(registry, first, "test")
    assert champion_of(registry) == first
    assert registry.version(f"@{CHAMPION}") == first
    with pytest.raises(RegistryError, match="nothing to go back to"):
        rollback_target(registry)
    promote(registry, second, "test")
    assert [entry.version for entry in read_promotions(registry.promotion_log, "model")] == [
        "1",
        "2",
        "1",
        "2",
    ]


def test_an_unknown_version_is_refused(registry: Registry, versions: list[ModelVersion]) -> None:
    with pytest.raises(RegistryError, match="no version 99"):
        registry.version("99")
    with pytest.raises(RegistryError, match="@nobody"):
        registry.version("@nobody")


def test_a_model_goes_into_service_and_the_next_takes_its_place(
    registry: Registry, versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    manager = ProcessManager(where.run_folder)

    def serve(version: ModelVersion) -> None:
        recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE
        with owning_slots(where, "test", timeout_s=0):
            staged = stage(where, version.uri, recorded, lambda text: None)
            assert staged.largest_difference < 1e-6
            assert 0 < staged.p50_ms <= staged.p99_ms < 1000
            take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    serve(versions[0])
    assert pce.endpoint["url"] == where.slots[0].url
    serve(versions[1])

    assert pce.endpoint == {
        "url": where.slots[1].url,
        "model_name": "model",
        "model_version": "2",
        "policy": "least_fragmentation",
        "model_uri": versions[1].uri,
    }
    assert served_uri(where, where.slots[1]) == versions[1].uri
    assert manager.state("model-a").state == "STOPPED"
    assert not (where.serving_folder / "model-a.json").exists()
    assert httpx.get(where.slots[1].url + "/ping").is_success
    manager.stop("model-b")  # as after a restart of the machine
    with owning_slots(where, "test", timeout_s=0):
        assert restart_in_service(where, lambda text: None) == "2"
    assert httpx.get(where.slots[1].url + "/ping").is_success


def test_a_model_that_answers_otherwise_stays_out(
    registry: Registry, versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    before = dict(pce.endpoint)
    recorded = dict(np.load(registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE))
    recorded["scores"][3] = -recorded["scores"][3]
    np.savez(tmp_path / "other.npz", **recorded)

    with (
        owning_slots(where, "test", timeout_s=0),
        pytest.raises(ProvisionError, match="observation 3"),
    ):
        stage(where, versions[0].uri, tmp_path / "other.npz", lambda text: None)

    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
    assert ProcessManager(where.run_folder).state("model-a").state == "STOPPED"


def test_when_the_pce_refuses_the_old_model_stays(
    registry: Registry, versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    before = dict(pce.endpoint)
    version = versions[0]
    recorded = registry.fetch(version.uri, tmp_path) / RECORDED_FILE
    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, version.uri, recorded, lambda text: None)
        pce.refuses = True
        with pytest.raises(ProvisionError, match="503"):
            take_over(where, registry, staged, version, "promote", "test", lambda text: None)

    pce.refuses = False
    assert champion_of(registry) == versions[1]
    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
    assert ProcessManager(where.run_folder).state("model-a").state == "STOPPED"


def test_a_model_that_does_not_exist_is_told_with_the_end_of_its_log(
    versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    before = dict(pce.endpoint)

    with (
        owning_slots(where, "test", timeout_s=0),
        pytest.raises(ProvisionError, match=r"(?s)model-a does not answer.*not found"),
    ):
        stage(where, "models:/model/99", tmp_path / "none.npz", lambda text: None)

    assert pce.endpoint == before


def test_what_is_in_service_is_never_stopped_whoever_asks(
    registry: Registry, versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    recorded = registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE
    with owning_slots(where, "test", timeout_s=0):
        staged = stage(where, versions[0].uri, recorded, lambda text: None)
        take_over(where, registry, staged, versions[0], "promote", "test", lambda text: None)

        with pytest.raises(ProvisionError, match="is in service"):
            unstage(where, staged)

    with pytest.raises(ProvisionError, match="by their owner only"):
        unstage(where, staged)
    assert pce.endpoint["url"] == staged.slot.url
    assert served_uri(where, staged.slot) == versions[0].uri


def test_what_a_killed_flow_left_staged_is_emptied(
    registry: Registry, versions: list[ModelVersion], site: tuple[Site, RememberingPce], tmp_path: Path
) -> None:
    where, pce = site
    before = dict(pce.endpoint)
    with owning_slots(where, "killed", timeout_s=0):
        staged = stage(
            where, versions[1].uri, registry.fetch(versions[1].uri, tmp_path) / RECORDED_FILE, lambda t: None
        )

    with owning_slots(where, "test", timeout_s=0):
        done = settle(where, registry, lambda text: None)
        assert settle(where, registry, lambda text: None) == []

    assert done == [f"emptied {staged.slot.name}, which held {versions[1].uri} for nobody"]
    assert ProcessManager(where.run_folder).state(staged.slot.name).state == "STOPPED"
    assert pce.endpoint == before
    assert httpx.get(before["url"] + "/ping").is_success
