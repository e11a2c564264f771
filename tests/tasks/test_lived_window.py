"""From a request over TAPI to a verdict on the twin: controller, PCE, logs, record, window, replay.

Nothing here is a stand-in but the model's server, which scores with the policy that the registry would hold.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

from configs.build import plant_of, traffic_of
from configs.load import load_config
from controlplane.controller.app import build_app as controller_app
from controlplane.controller.network import plant_view
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.services import ServiceManager
from controlplane.controller.stream import NotificationStream
from controlplane.pce.app import PceSettings
from controlplane.pce.app import build_app as pce_app
from controlplane.tapi.errors import TapiError
from envs.fidelity import Decider, measure_fidelity
from envs.heuristics import baseline
from envs.plant import Plant
from envs.replay_window import replay_window
from envs.traffic import make_trace
from envs.window import Window
from tasks.operation import Operation, record_until, window_of
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.pce.conftest import FakeModel, ServerThread

POLICY = baseline("load_aware")
CONFIG = load_config("five-node", ["plant.num_slots=16"])


@dataclass
class Installation:
    """Controller and PCE of the five-node network, on loopback."""

    lab: Lab
    plant: Plant
    operation: Operation


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("home")
    plant, port, model = plant_of(CONFIG), free_port(), FakeModel()
    controller_url = f"http://127.0.0.1:{port}"
    settings = PceSettings(
        [controller_url], folder / "decisions", folder / "endpoint.json", decision_deadline_ms=60_000.0
    )
    pce = ServerThread(pce_app(plant, settings, CREDENTIALS), lifespan="on")
    lab = Lab(folder / "lab", plant=plant_view(CONFIG))
    client = HttpPathComputation(pce.url, CREDENTIALS, lab.naming)
    lab.manager = ServiceManager(lab.state, client, lab.host)
    stream = NotificationStream(lab.state)
    app = controller_app(lab.state, lab.manager, client, CREDENTIALS, stream)
    controller = ServerThread(app, port, lifespan="on")
    model.scores = lambda features, mask, context: POLICY.scores(
        np.array([features], np.float32), np.array([mask]) > 0.5, np.array([context], np.float32)
    )[0].tolist()
    endpoint = {"url": model.url, "model_name": "m", "model_version": "7", "policy": POLICY.name}
    bearer = {"Authorization": f"Bearer {CREDENTIALS.token}"}
    httpx.put(f"{pce.url}/endpoint", json=endpoint, headers=bearer).raise_for_status()
    folders = folder / "operation", folder / "windows", folder / "traces"
    yield Installation(
        lab, plant, Operation((controller_url,), CREDENTIALS.token, folder / "decisions", *folders)
    )
    for server in (controller, pce):
        server.stop()
    model.die()
    lab.stop()
    lab.host.close()


@pytest.fixture(scope="module")
def window(installation: Installation) -> Window:
    """Forty requests that fill the network, then a window of eighty more with a cut in the middle."""
    lab, names = installation.lab, installation.plant.topology.node_names
    trace = make_trace(traffic_of(CONFIG), installation.plant, 120, seed=3)
    rng, up, began_s = np.random.default_rng(4), [], 0.0
    for row in range(trace.num_requests):
        if row == 40:
            began_s = time.time()
        if row == 80:
            lab.manager.fail_link((names[0], names[1]))
        if row == 105:
            lab.manager.repair_link((names[0], names[1]))
        ends = names[trace.source[row]], names[trace.destination[row]]
        request = lab.request(*ends, float(trace.bit_rate_gbps[row]))
        with contextlib.suppress(TapiError):  # blocked
            lab.manager.create(request)
            up.append(request.uuid)
        if row > 40 and rng.random() < 0.6:
            uuid = up.pop(int(rng.integers(len(up))))
            if any(item.uuid == uuid for item in lab.state.services()):
                lab.manager.delete(uuid)
    mean_s = CONFIG.traffic.mean_holding_time_s
    operation, topology = installation.operation, installation.plant.topology
    return window_of(record_until(operation, topology), operation, topology, mean_s, began_s).window


def test_the_twin_repeats_what_the_network_did_to_the_slot_and_to_the_choice(
    installation: Installation, window: Window
) -> None:
    causes = {item.cause for item in window.happenings}
    assert {"cut", "restore", "repair"} <= causes
    assert len(window.standing) > 10
    assert window.trace.num_requests == 80
    found = measure_fidelity(installation.plant, window, {"7": Decider(POLICY)})
    assert found.passed, found.reason
    assert (found.choices_equal, found.slots_differing) == (1.0, 0)
    carried = sum(item.placed is not None for item in window.live)
    assert found.num_compared == carried > 40


def test_a_policy_that_was_not_in_service_is_noticed(installation: Installation, window: Window) -> None:
    found = measure_fidelity(installation.plant, window, {"7": Decider(baseline("ksp_lf"))})
    assert found.choices_equal < 0.5
    assert found.first_difference is not None
    assert found.first_difference.decision_id == window.live[found.first_difference.request].decision_id


def test_until_the_cut_the_policy_in_service_blocks_what_the_network_blocked(
    installation: Installation, window: Window
) -> None:
    cut_s = next(item.time_s for item in window.happenings if item.kind == "link-failed")
    before = int(np.searchsorted(window.trace.arrival_s, cut_s))
    blocked = np.array([item.placed is None for item in window.live])
    found = replay_window(installation.plant, window, POLICY)
    assert np.array_equal(found.blocked[:before], blocked[:before])
    assert found.blocked[:before].any()
