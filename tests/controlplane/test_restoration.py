"""A cut that leaves some pairs connected only by paths beyond their stored K: controller and PCE, real."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from controlplane.controller import reservations, setting_up
from controlplane.controller.app import build_app as controller_app
from controlplane.controller.capacity import SlotsByReach
from controlplane.controller.configure import Configurator
from controlplane.controller.network import PlantView
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.roomy_route import roomy_route
from controlplane.controller.services import ServiceManager
from controlplane.controller.stream import NotificationStream
from controlplane.pce.app import PceSettings
from controlplane.pce.app import build_app as pce_app
from controlplane.tapi.errors import TapiError
from envs.latency import load_latency_model
from envs.modulation import modulation_table
from envs.plant import build_plant
from envs.spec import PlantSpec
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.pce.conftest import ServerThread
from topologies.grid import c_band
from topologies.model import Fibre, Node, Topology

FIBRES = ("AB", "BZ", "AC", "CB", "AD", "DE", "EZ")
CUT, STORED, AROUND = ("B", "Z"), (tuple("ABZ"), tuple("ACBZ")), tuple("ADEZ")


@pytest.fixture
def lab(tmp_path, request) -> Iterator[Lab]:
    """Both stored paths from A to Z enter Z from B; the long way comes in from E, a longer one from F."""
    k_paths, more = getattr(request, "param", (2, ()))
    names = sorted(set("".join((*FIBRES, *more))))
    nodes = tuple(Node(name, 0.0, float(index)) for index, name in enumerate(names))
    lengths_km = {"D": 300.0, "E": 300.0, "F": 900.0}
    fibres = tuple(Fibre(a, b, lengths_km.get(b, 100.0)) for a, b in (*FIBRES, *more))
    topology = Topology("two-ways", "made for a test", nodes, fibres)
    spec = PlantSpec(
        num_slots=32, shared_spectrum=True, k_paths=k_paths, max_candidates=12, starts_per_path=4
    )
    plant = build_plant(topology, spec)
    ends = topology.node_index("A"), topology.node_index("Z")
    stored = [plant.path_table.nodes(path) for path in plant.path_table.paths_of(*ends)]
    assert [tuple(topology.node_names[node] for node in nodes) for nodes in stored] == list(STORED[:k_paths])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = PceSettings([f"http://127.0.0.1:{port}"], tmp_path / "decisions", tmp_path / "endpoint.json")
    pce = ServerThread(pce_app(plant, settings, CREDENTIALS), lifespan="on")
    rule = SlotsByReach(modulation_table("deeprmsa"), guard_slots=plant.spec.guard_slots)
    view = PlantView(topology, (c_band(32),), True, rule, load_latency_model())
    made = Lab(tmp_path / "lab", plant=view)
    client = HttpPathComputation(pce.url, CREDENTIALS, made.naming)
    made.manager = ServiceManager(made.state, client, made.host)
    app = controller_app(made.state, made.manager, client, CREDENTIALS, NotificationStream(made.state))
    controller = ServerThread(app, port, lifespan="on")
    yield made
    for server in (controller, pce):
        server.stop()
    made.stop()
    made.host.close()


def links(nodes: tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset(hop) for hop in pairwise(nodes)}


def test_what_is_connected_is_restored_and_served_until_the_repair(lab: Lab) -> None:
    made = [lab.manager.create(lab.request(*pair, 25))[0] for pair in ("AZ", "BZ", "CZ", "ZA", "AB")]
    hit = {service.uuid for service in made if frozenset(CUT) in links(service.path.nodes)}
    assert len(hit) == 4
    found = lab.manager.fail_link(CUT)
    assert (set(found.restored), found.lost) == (hit, ())
    new, _ = lab.manager.create(lab.request("A", "Z", 25))
    assert new.path.nodes == AROUND
    assert all(frozenset(CUT) not in links(service.path.nodes) for service in lab.state.services())
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()
    lab.manager.fail_link(("D", "E"))  # now nothing leads to Z
    with pytest.raises(TapiError, match=r"each of the 2 path.* crosses a failed link: B-Z, D-E"):
        lab.manager.create(lab.request("A", "Z", 25))
    back = lab.manager.repair_link(CUT)
    assert {*hit, new.uuid} == set(back.restored)
    assert lab.manager.create(lab.request("A", "Z", 25))[0].path.nodes in STORED
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()


def test_what_a_client_excludes_is_gone_around_beyond_the_stored_paths(lab: Lab) -> None:
    request = lab.request("A", "Z", 25)
    assert lab.manager.create(replace(request, exclude_nodes=("B",)))[0].path.nodes == AROUND
    apart = replace(lab.request("A", "Z", 25), exclude_links=(CUT, ("D", "E")))
    with pytest.raises(TapiError, match="excluded by the constraints"):
        lab.manager.create(apart)


def test_what_a_client_includes_is_visited_also_after_a_cut(lab: Lab) -> None:
    over_c, _ = lab.manager.create(replace(lab.request("A", "Z", 25), include_nodes=("C",)))
    over_ab, _ = lab.manager.create(replace(lab.request("A", "Z", 25), include_links=(("B", "A"),)))
    assert (over_c.path.nodes, over_ab.path.nodes) == (STORED[1], STORED[0])
    with pytest.raises(TapiError, match=r"constraints of the request \(include-node E\).* 2 best"):
        lab.manager.create(replace(lab.request("A", "Z", 25), include_nodes=("E",)))
    lost = dict(lab.manager.fail_link(CUT).lost)  # the only way left visits neither
    assert "include-node C" in lost[over_c.uuid]
    assert "include-link A-B" in lost[over_ab.uuid]
    assert (
        lab.manager.create(replace(lab.request("A", "Z", 25), include_nodes=("E",)))[0].path.nodes == AROUND
    )
    assert set(lab.manager.repair_link(CUT).restored) == set(lost)
    assert lab.state.service(over_c.uuid).path.nodes == STORED[1]


@pytest.mark.parametrize("lab", [(1, ())], indirect=True)
def test_where_the_best_paths_are_full_a_route_beyond_them_restores_and_moves(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = lab.manager.create(lab.request("A", "Z", 25))[0]
    assert service.path.nodes == STORED[0]
    with contextlib.suppress(TapiError):
        while True:  # until A-C, on the one best path that the cut leaves, is full
            lab.manager.create(replace(lab.request("A", "C", 25), max_hops=1))
    assert lab.manager.draining.drain(["A", "B"]).moved == (service.uuid,)
    assert lab.state.service(service.uuid).path.nodes == AROUND
    lab.manager.draining.undrain(["A", "B"])
    assert lab.manager.fail_link(("D", "E")).lost == ()  # A-B is whole
    lab.manager.repair_link(("D", "E"))
    assert lab.state.service(service.uuid).path.nodes == STORED[0]
    found_full = [STORED[1]]  # others were quicker on the first route that is found

    def search(*asked: Any) -> Any:
        return found_full.pop() if found_full else roomy_route(*asked)

    monkeypatch.setattr(setting_up, "roomy_route", search)
    found = lab.manager.fail_link(("A", "B"))
    assert (found.restored, found.lost) == ((service.uuid,), ())
    assert lab.state.service(service.uuid).path.nodes == AROUND
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()


@pytest.mark.parametrize("lab", [(1, ("DF", "FZ"))], indirect=True)
def test_a_route_with_room_leads_around_an_element_that_does_not_answer(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = lab.manager.create(lab.request("A", "Z", 25))[0]
    with contextlib.suppress(TapiError):
        while True:  # as above
            lab.manager.create(replace(lab.request("A", "C", 25), max_hops=1))
    monkeypatch.setattr(Configurator, "away", frozenset({"E"}))
    found = lab.manager.fail_link(("A", "B"))
    assert (found.restored, found.lost) == ((service.uuid,), ())
    assert lab.state.service(service.uuid).path.nodes == tuple("ADFZ")
    monkeypatch.setattr(Configurator, "away", frozenset({"E", "F"}))
    ((uuid, why),) = lab.manager.fail_link(("D", "F")).lost
    assert (uuid, "no answer from the element(s) E, F" in why) == (service.uuid, True)
    monkeypatch.undo()
    lab.manager.maintain()  # it was no refusal, so it is tried again
    assert lab.state.service(service.uuid).path.nodes == AROUND


def test_two_lightpaths_stay_apart_while_links_are_drained_and_cut(lab: Lab) -> None:
    pair, _ = lab.manager.create(replace(lab.request("A", "Z", 25), disjoint="node"))

    def routes() -> list[tuple[str, ...]]:
        return [item.path.nodes for item in lab.state.services() if item.path]

    assert routes() == [STORED[0], AROUND]
    assert lab.manager.draining.drain(["A", "B"]).moved == (pair.uuid,)
    assert routes() == [STORED[1], AROUND]
    ((uuid, why),) = lab.manager.draining.drain(["D", "E"]).stayed
    assert (uuid, routes()) == (pair.uuid, [STORED[1], AROUND])
    assert "link D-E" in why
    assert lab.manager.draining.undrain(["D", "E"]).lost == ()
    assert [uuid for uuid, _ in lab.manager.fail_link(CUT).lost] == [pair.uuid]  # nothing else is apart
    assert routes() == [AROUND]
    assert lab.manager.repair_link(CUT).restored == (pair.uuid,)
    assert routes() == [STORED[1], AROUND]
    lab.assert_elements_hold_the_state()


def test_a_defect_in_one_restoration_stops_no_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [lab.manager.create(lab.request("A", "Z", 25))[0] for _ in range(3)]
    verify = reservations.verify_path

    def breaks(path, request, *more):
        if request.uuid == made[0].uuid:
            raise KeyError("nobody has thought of it")
        return verify(path, request, *more)

    monkeypatch.setattr(reservations, "verify_path", breaks)
    found = lab.manager.fail_link(CUT)
    assert found.restored == tuple(service.uuid for service in made[1:])
    ((uuid, reason),) = found.lost
    assert uuid == made[0].uuid
    assert "nobody has thought of it" in reason
    monkeypatch.undo()
    with contextlib.suppress(TapiError):
        lab.manager.maintain()
    assert lab.state.service(uuid).path.nodes == AROUND
