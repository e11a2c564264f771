"""The real controller and PCE, offered a trace by one client, do what the twin does, to the slot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.build import plant_of, traffic_of
from configs.home import Credentials
from configs.load import load_config
from controlplane.auth import bearer_header
from controlplane.client import ControllerClient
from controlplane.controller.app import build_app as controller_app
from controlplane.controller.database import sqlite_url
from controlplane.controller.network import plant_view
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store
from controlplane.controller.stream import NotificationStream
from controlplane.elements.configuration import element_specs
from controlplane.elements.host import ElementHost
from controlplane.elements.store import ElementStore
from controlplane.pce.app import PceSettings
from controlplane.pce.app import build_app as pce_app
from controlplane.process_http import HttpAnswer, ProcessClient
from controlplane.service_lightpath import ServiceLightpath
from controlplane.tapi.naming import Naming
from envs.heuristics import baseline
from envs.lockstep import lockstep_on_requests
from envs.plant import Plant
from envs.traffic import PoissonTraffic, make_trace, requests_of
from lightloop.offered_twin import twin_blocked
from lightloop.offering import BLOCKED, CARRIED, Offer, play
from tests.controlplane.pce.conftest import ServerThread

CREDENTIALS = Credentials("admin", "password", "token")
NUM_REQUESTS = 240
SHARED = ("plant.shared_spectrum=true",)
DIRECTED = ("plant.shared_spectrum=false", "traffic.load_erlang=150")


class Later:
    """Asks a server that is started later."""

    url = ""

    @cached_property
    def _client(self) -> ProcessClient:
        return ProcessClient(self.url, bearer_header(CREDENTIALS), timeout_s=15.0)

    def ask(self, *asked: Any, **more: Any) -> HttpAnswer:
        """As ``HttpClient.ask``."""
        return self._client.ask(*asked, **more)

    def close(self) -> None:
        """As ``HttpClient.close``."""
        self._client.close()


class Watched:
    """A client that looks at what stands before each creation."""

    def __init__(self, client: ControllerClient) -> None:
        self._client = client
        self.seen: list[tuple[ServiceLightpath, ...]] = []

    def nodes(self) -> tuple[str, ...]:
        return self._client.nodes()

    def request_service(self, *asked: Any, **named: Any) -> str:
        self.seen.append(self.services())
        return self._client.request_service(*asked, **named)

    def services(self) -> tuple[ServiceLightpath, ...]:
        return self._client.services()

    def delete_service(self, uuid: str) -> None:
        self._client.delete_service(uuid)


Network = tuple[Plant, PoissonTraffic, Watched]


@pytest.fixture(params=[SHARED, DIRECTED], ids=["shared", "directed"])
def network(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Network]:
    """A controller with elements and a PCE that has no model, each with a server of its own."""
    config = load_config("five-node", request.param)
    plant, view = plant_of(config), plant_view(config)
    elements = element_specs(view.topology, view.bands, view.shared_spectrum)
    host = ElementHost(elements, ElementStore(tmp_path / "elements.db"))
    store = Store(sqlite_url(str(tmp_path / "controller.db")), view.identity)
    state = NetworkState(view, store)
    later = Later()
    computation = HttpPathComputation(
        "http://pce", CREDENTIALS, Naming(view.topology), connect=lambda _: later
    )
    manager = ServiceManager(state, computation, host)
    app = controller_app(state, manager, computation, CREDENTIALS, NotificationStream(state))
    controller = ServerThread(app, lifespan="on")
    settings = PceSettings([controller.url], tmp_path / "decisions", tmp_path / "endpoint.json")
    pce = ServerThread(pce_app(plant, settings, CREDENTIALS), lifespan="on")
    later.url = pce.url
    try:
        with ControllerClient(controller.url, CREDENTIALS) as client:
            yield plant, traffic_of(config), Watched(client)
    finally:
        pce.stop()
        controller.stop()
        manager.close()
        store.close()
        host.close()


def test_blocking_and_spectrum_are_the_twins_before_each_request(network: Network) -> None:
    plant, traffic, client = network
    trace = make_trace(traffic, plant, NUM_REQUESTS, seed=5)
    offer = Offer(trace, NUM_REQUESTS, math.inf, "20260101T000000Z")

    played = play(offer, client)

    policy = baseline("ksp_ff")
    blocked = twin_blocked(plant, trace, NUM_REQUESTS, policy)
    assert 0 < blocked.sum() < NUM_REQUESTS / 3  # else the comparison says little
    assert np.array_equal(played.outcome, np.where(blocked, BLOCKED, CARRIED))
    assert played.deleted.sum() > NUM_REQUESTS / 4
    run = lockstep_on_requests(plant, requests_of([trace], plant))
    run.reset()
    stood = [*client.seen, client.services()]  # what departs after the last arrival stands
    for row in run.play(policy, NUM_REQUESTS, run.observation_buffers()):
        as_bytes = np.ascontiguousarray(run.states.free[0]).view(np.uint8)
        free = np.unpackbits(as_bytes, axis=1, bitorder="little")[:, : plant.spec.num_slots] == 1
        assert np.array_equal(~free, taken(plant, stood[row])), f"before row {row}"
    assert {item.service_uuid for item in stood[-1]} == {offer.uuid(row) for row in played.standing}


def taken(plant: Plant, standing: Sequence[ServiceLightpath]) -> np.ndarray:
    """(num_units, num_slots) bool, slots that lightpaths hold; none is held twice."""
    held = np.zeros((plant.num_units, plant.spec.num_slots), np.int64)
    for item in standing:
        units = plant.units_of_nodes([plant.topology.node_index(node) for node in item.nodes])
        held[list(units), item.first_slot : item.first_slot + item.num_slots] += 1
    assert held.max() <= 1
    return held == 1
