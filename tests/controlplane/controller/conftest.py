"""A controller with real elements and a real store in one process; only the path computation is a fake."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import networkx as nx
import pytest
from starlette.testclient import TestClient

from configs.home import Credentials
from configs.load import load_config
from controlplane.controller.app import build_app
from controlplane.controller.capacity import ChannelsByQuality, SlotsByReach
from controlplane.controller.clients import ClientSettings
from controlplane.controller.database import sqlite_url
from controlplane.controller.network import PlantView, plant_view
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.controller.store import Store
from controlplane.controller.stream import NotificationStream
from controlplane.elements.configuration import element_specs
from controlplane.elements.host import ElementHost
from controlplane.elements.interface import Southbound
from controlplane.elements.store import ElementStore
from controlplane.lightpath import Lightpath
from controlplane.tapi.errors import TapiError, no_path
from controlplane.tapi.names import pairs
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    PATH,
    PATH_RESOURCE,
    build_compute_output,
    parse_compute_input,
)
from controlplane.tapi.purpose import Purpose, parse_purpose
from controlplane.tapi.service_body import ComputeRequest, ServiceRequest, build_service, parse_service
from controlplane.tapi.wishes import Wishes
from envs.latency import load_latency_model
from envs.modulation import modulation_table
from tests.controlplane.mocked_http import mocked
from tests.postgres import NoPostgresError, Postgres, running_postgres
from topologies.catalogue import load_topology
from topologies.grid import band_of, c_band

ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
CREDENTIALS = Credentials("admin", "password", "token")
QUALITY = (
    "plant.bands=[L,C,S]",
    "plant.channels_per_band=8",
    "plant.num_slots=96",
    "plant.shared_spectrum=true",
)
CONTEXT = "/restconf/data/tapi-common:context"
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"


class FakePce:
    """Shortest path by km, first fit, over the HTTP contract; keeps its own books from the change feed."""

    def __init__(self, plant: PlantView, feed: Callable[[int], dict[str, Any]]) -> None:
        self.plant = plant
        self.naming = Naming(plant.topology)
        self.feed = feed
        self.version = 0
        self.lit: dict[Any, set[int]] = {}
        self.cut: set[frozenset[str]] = set()
        self.paths: dict[str, Lightpath] = {}
        self.requests: list[str] = []
        self.asked: list[tuple[ComputeRequest, int]] = []
        self.purposes: list[Purpose] = []
        self.spoil: Callable[[Lightpath], Lightpath] = lambda path: path
        self.away = False
        self.quality_format = "PM-QPSK"
        self.one_at_a_time = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if self.away:
            raise httpx.ConnectError("refused")
        try:
            with self.one_at_a_time:
                return httpx.Response(200, json=self._answer(request))
        except TapiError as error:
            return httpx.Response(error.status, json=error.document())

    def _answer(self, request: httpx.Request) -> dict[str, Any]:
        if request.method == "GET":
            uuid = request.url.path.removeprefix(PATH_RESOURCE)
            # Only what the contract names, so that also paths that cannot be can be told.
            return {PATH: [{"uuid": uuid, "name": pairs(self.paths[uuid].name_pairs())}]}
        assert request.url.path == COMPUTE_OPERATION
        asked = parse_compute_input(json.loads(request.content), self.naming, self.plant.shared_spectrum)
        version = int(request.headers["X-State-Version"])
        self.asked.append((asked, version))
        self.purposes.append(parse_purpose(json.loads(request.content)))
        path = self.spoil(self._compute(asked, version))
        self.paths[path.uuid] = path
        return build_compute_output(asked, self.naming, str(uuid4()), path)

    def _compute(self, request: ComputeRequest, version: int) -> Lightpath:
        self.follow()
        assert self.version >= version
        lit, cut = self.lit, self.cut
        graph = self.plant.topology.graph()
        graph.remove_edges_from([tuple(link) for link in cut])
        graph.remove_edges_from(request.exclude_links)
        graph.remove_nodes_from(request.exclude_nodes)
        try:
            routes = list(nx.shortest_simple_paths(graph, request.source, request.destination, "length_km"))
        except nx.NetworkXNoPath:
            raise no_path("no route: every link is cut") from None
        for nodes in routes:
            links = {frozenset(hop) for hop in pairwise(nodes)}
            if not (
                links >= {*map(frozenset, request.include_links)} and {*nodes} >= {*request.include_nodes}
            ):
                continue
            latency_ms = self.plant.latency_ms(tuple(nodes))
            if latency_ms > request.max_latency_ms:
                raise no_path(
                    f"no path within {request.max_latency_ms:g} ms; the fastest takes {latency_ms:.3f} ms"
                )
            modulation, size, step, known = self._shape(
                request.bit_rate_gbps, self.plant.length_km(tuple(nodes))
            )
            hops = list(pairwise(nodes))
            taken = set().union(
                *(lit.get(frozenset(hop) if self.plant.shared_spectrum else hop, set()) for hop in hops)
            )
            starts = (
                first
                for band in self.plant.bands
                for first in range(band.first_slot, band.end_slot - size + 1, step)
            )
            for first in starts:
                if not taken & set(range(first, first + size)):
                    uuid = str(uuid4())
                    return Lightpath(
                        uuid,
                        tuple(nodes),
                        first,
                        size,
                        modulation,
                        latency_ms,
                        "model",
                        "fake",
                        "7",
                        uuid,
                        1.5,
                        band_of(self.plant.bands, first, size).name,
                        **known,
                    )
        raise no_path("no free slots on any path")

    def follow(self) -> None:
        """Keep the books, slot by slot."""
        while True:
            feed = self.feed(self.version)
            for change in feed["changes"]:
                self._note(change)
            self.version = feed["version"]
            if self.version == feed["last"]:
                return

    def _note(self, change: dict[str, Any]) -> None:
        if change["kind"] == "link-failed":
            self.cut.add(frozenset(change["nodes"]))
        elif change["kind"] == "link-repaired":
            self.cut.discard(frozenset(change["nodes"]))
        elif "first_slot" in change:
            slots = set(range(change["first_slot"], change["first_slot"] + change["num_slots"]))
            for hop in pairwise(change["nodes"]):
                unit = frozenset(hop) if self.plant.shared_spectrum else hop
                now = self.lit.setdefault(unit, set())
                if change["kind"] == "lightpath-added":
                    assert not now & slots, "the change feed lights a slot twice"
                    now |= slots
                else:
                    assert slots <= now, "the change feed releases a dark slot"
                    now -= slots

    def _shape(self, bit_rate_gbps: float, length_km: float) -> tuple[str, int, int, dict[str, float]]:
        """Format, slots, raster of the starts, and the quantities that the plant knows."""
        rule = self.plant.capacity
        if isinstance(rule, ChannelsByQuality):
            used = next(item for item in rule.formats if item.name == self.quality_format)
            num_slots = used.carriers(bit_rate_gbps) * used.transceiver.slots
            # boasts about the quality; the controller computes its own
            known = {"gsnr_db": 99.0, "margin_db": 88.0, "marginal_w": 120.5}
            return used.name, num_slots, rule.raster, known
        assert isinstance(rule, SlotsByReach)
        best = next(item for item in rule.formats if length_km <= item.reach_km)
        size = math.ceil(bit_rate_gbps / best.slot_capacity_gbps - 1e-9) + rule.guard_slots
        return best.name, size, 1, {}


class Lab:
    """One controller, restartable on the same files."""

    credentials = CREDENTIALS
    clients = ClientSettings()

    def __init__(
        self,
        folder: Path,
        shared: bool = True,
        topology: str = "five-node",
        num_slots: int = 32,
        plant: PlantView | None = None,
        database: str = "",
    ) -> None:
        self.prepare(folder, shared, topology, num_slots, plant, database)
        self.host = self.open_elements()
        self.start()

    def prepare(
        self,
        folder: Path,
        shared: bool = True,
        topology: str = "five-node",
        num_slots: int = 32,
        plant: PlantView | None = None,
        database: str = "",
    ) -> None:
        """The plant and the files, without elements or a controller."""
        self.folder = folder
        self.database = database or sqlite_url(str(folder / "controller.db"))
        folder.mkdir(exist_ok=True)
        self.plant = plant or PlantView(
            load_topology(topology),
            (c_band(num_slots),),
            shared,
            SlotsByReach(modulation_table("deeprmsa"), guard_slots=1),
            load_latency_model(),
        )
        self.naming = Naming(self.plant.topology)

    def open_elements(self) -> ElementHost:
        specs = element_specs(self.plant.topology, self.plant.bands, self.plant.shared_spectrum)
        return ElementHost(specs, ElementStore(self.folder / "elements.db"))

    def start(self, wrap: Callable[[Southbound], Southbound] = lambda southbound: southbound) -> None:
        """A new controller on the files there are; the elements stay as they are."""
        self.store = Store(self.database, self.plant.identity)
        self.state = NetworkState(self.plant, self.store)
        self.pce = FakePce(self.plant, lambda since: self.state.feed(since))
        self.pce_answers: Callable[[httpx.Request], httpx.Response] = self.pce
        self.pce_client = HttpPathComputation(
            "http://pce", CREDENTIALS, self.naming, connect=mocked(lambda asked: self.pce_answers(asked))
        )
        self.manager = ServiceManager(self.state, self.pce_client, wrap(self.host))

    def app(self) -> Any:
        stream = NotificationStream(self.state)
        return build_app(self.state, self.manager, self.pce_client, CREDENTIALS, stream, clients=self.clients)

    def http(self) -> TestClient:
        client = TestClient(self.app())
        client.auth = (CREDENTIALS.user, CREDENTIALS.password)
        return client

    def stop(self) -> None:
        self.manager.close()
        self.store.close()

    def body(self, source: str, destination: str, gbps: float = 100, **more: Any) -> dict[str, Any]:
        uuid = more.pop("uuid", None) or str(uuid4())
        direction = "BIDIRECTIONAL" if self.plant.shared_spectrum else "UNIDIRECTIONAL"
        sips = self.naming.sip_uuid
        bound_ms = more.pop("max_latency_ms", math.inf)
        ends = sips(source), sips(destination)
        return build_service(uuid, *ends, gbps, bound_ms, direction, Wishes(**more))

    def request(self, source: str, destination: str, gbps: float = 100, **more: Any) -> ServiceRequest:
        return parse_service(
            self.body(source, destination, gbps, **more), self.naming, self.plant.shared_spectrum
        )

    def held(self, host: ElementHost | None = None) -> dict[str, set[str]]:
        """Services that each element holds."""
        host = host or self.host
        return {node: {item.service_uuid for item in host.running(node)} for node in host.nodes()}

    def assert_elements_hold_the_state(self) -> None:
        """Every element holds exactly the lightpaths of the state."""
        wanted: dict[str, set[str]] = {node: set() for node in self.host.nodes()}
        for service in self.state.services():
            for node in service.path.nodes if service.carries else ():
                wanted[node].add(service.key)
        assert self.held() == wanted

    def assert_no_slot_is_lit_twice(self) -> None:
        lit: set[tuple[Any, int]] = set()
        for service in self.state.services():
            assert service.path is not None
            for hop in pairwise(service.path.nodes):
                for slot in range(service.path.first_slot, service.path.first_slot + service.path.num_slots):
                    key = (frozenset(hop) if self.plant.shared_spectrum else hop, slot)
                    assert key not in lit
                    lit.add(key)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of this test run; skips where there is none."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except NoPostgresError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty Postgres database, or nothing for the lab's SQLite file; see ``ON_BOTH``."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.new_database() as url:
        yield url


@pytest.fixture
def lab(tmp_path: Path, database: str) -> Iterator[Lab]:
    """A controller of the five-node network with one spectrum per fibre pair."""
    made = Lab(tmp_path / "shared", database=database)
    yield made
    made.stop()
    made.host.close()


@pytest.fixture
def directed_lab(tmp_path: Path) -> Iterator[Lab]:
    """The same with one spectrum per direction."""
    made = Lab(tmp_path / "directed", shared=False)
    yield made
    made.stop()
    made.host.close()


@pytest.fixture
def quality_lab(tmp_path: Path) -> Iterator[Lab]:
    """The same in the bands L, C and S, eight channels each, with formats that need GSNR."""
    made = Lab(tmp_path / "quality", plant=plant_view(load_config("five-node", QUALITY)))
    yield made
    made.stop()
    made.host.close()


@pytest.fixture
def http(lab: Lab) -> Iterator[TestClient]:
    """The lab's controller over HTTP, with credentials."""
    with lab.http() as client:
        yield client


@pytest.fixture(scope="session")
def model(shared_data: Path) -> Any:
    """The YANG model of TAPI 2.1.3; skips where it is not."""
    yangson = pytest.importorskip("yangson")
    folder = shared_data / "tapi"
    if not (folder / "yang-library-v2.1.3.json").exists():
        pytest.skip(f"no YANG model in {folder}")
    return yangson.DataModel.from_file(str(folder / "yang-library-v2.1.3.json"), [str(folder / "yang-2.1.3")])
