"""Services with two lightpaths that have nothing in common: set up, cut, restored, changed, released."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from controlplane.controller.disjoint import two_routes
from controlplane.tapi.context import Drained
from controlplane.tapi.errors import TapiError
from tests.controlplane.controller.conftest import CONNECTIVITY, Lab
from tests.controlplane.controller.test_recovery import Killed, mortal_start, reborn
from topologies.model import Fibre, Node, Topology

SERVICE = "tapi-connectivity:connectivity-service"
PROTECTED = {"protection-type": "ONE_PLUS_ONE_PROTECTION"}


def body_of(lab: Any, source: str, destination: str, disjoint: str = "", gbps: int = 25) -> dict[str, Any]:
    body: dict[str, Any] = lab.body(source, destination, gbps)
    body[SERVICE][0]["resilience-type"] = PROTECTED
    if disjoint:
        body[SERVICE][0]["name"] = [{"value-name": "disjoint", "value": disjoint}]
    return body


def routes(lab: Any) -> list[tuple[str, ...]]:
    return [item.path.nodes for item in lab.state.services() if item.path]


def links(nodes: tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset(hop) for hop in pairwise(nodes)}


def all_is_well(lab: Any) -> None:
    lab.assert_elements_hold_the_state()
    for first, second in [
        lab.state.legs(item)
        for item in lab.state.services()
        if item.request.disjoint and not item.request.protects
    ]:
        if first.path and second.path:
            assert links(first.path.nodes).isdisjoint(links(second.path.nodes))


def test_both_are_set_up_one_is_lost_and_restored_apart_and_both_go(lab: Any) -> None:
    body = body_of(lab, "A", "C")
    uuid = body[SERVICE][0]["uuid"]
    place = f"{CONNECTIVITY}/connectivity-service={uuid}"
    with lab.http() as client:
        assert client.post(CONNECTIVITY, json=body).status_code == 201
        assert client.post(CONNECTIVITY, json=body).status_code == 204
        assert routes(lab) == [("A", "C"), ("A", "B", "C")]
        all_is_well(lab)
        assert [item.cause for item in lab.pce.purposes] == ["create", "protect"]
        listed = client.get(CONNECTIVITY).json()["tapi-connectivity:connectivity-context"]
        assert [item["uuid"] for item in listed["connectivity-service"]] == [uuid]
        told = client.get(place).json()[SERVICE][0]
        uuids = [item["connection-uuid"] for item in told["connection"]]
        assert [item["uuid"] for item in listed["connection"]] == uuids
        assert len(uuids) == 2
        second = lab.state.legs(lab.state.service(uuid))[1].uuid
        assert client.get(f"{CONNECTIVITY}/connectivity-service={second}").status_code == 404

        found = lab.manager.fail_link(["A", "C"])
        assert found.restored == (uuid,)
        assert routes(lab) == [("A", "E", "D", "C"), ("A", "B", "C")]
        all_is_well(lab)
        found = lab.manager.fail_link(["A", "E"])  # nothing is apart from A-B-C now
        assert [item for item, _ in found.lost] == [uuid]
        told = client.get(place).json()[SERVICE][0]
        assert (told["operational-state"], len(told["connection"])) == ("ENABLED", 1)
        lab.stop()
        lab.start()
    lab.manager.fail_link(["A", "B"])
    assert routes(lab) == []
    lab.manager.repair_link(["A", "E"])
    assert len(routes(lab)) == 1  # one of the two; the other waits for a way of its own
    lab.manager.repair_link(["A", "C"])
    assert len(routes(lab)) == 2
    all_is_well(lab)
    lab.manager.delete(uuid)
    assert (lab.state.services(), any(lab.held().values()), any(lab.state.lit.by_port().values())) == (
        (),
        False,
        False,
    )


def test_where_no_two_are_apart_nothing_is_changed(lab: Any) -> None:
    lab.manager.fail_link(["A", "B"])
    lab.manager.fail_link(["A", "E"])
    version = lab.state.version
    with lab.http() as client:
        refused = client.post(CONNECTIVITY, json=body_of(lab, "A", "D"))
        assert refused.status_code == 409
        assert "no two link-disjoint routes from A to D" in refused.text
        assert client.post(CONNECTIVITY, json=body_of(lab, "A", "D", "colour")).status_code == 400
    assert (lab.state.version, lab.state.services(), len(lab.manager.reservations)) == (version, (), 0)
    assert not any(lab.held().values())


def test_a_route_in_the_way_of_every_other_is_not_taken(lab: Any) -> None:
    nodes = tuple(Node(name, 0.0, float(index)) for index, name in enumerate("SABT"))
    # The shortest route S-A-B-T leaves nothing apart from it; S-A-T and S-B-T are.
    lengths = {"SA": 100.0, "AB": 100.0, "BT": 100.0, "SB": 300.0, "AT": 300.0}
    topology = Topology(
        "trap", "made for a test", nodes, tuple(Fibre(*ends, km) for ends, km in lengths.items())
    )
    trap = Lab(lab.folder / "trap", plant=replace(lab.plant, topology=topology))
    try:
        with trap.http() as client:
            assert client.post(CONNECTIVITY, json=body_of(trap, "S", "T", "node")).status_code == 201
        assert set(routes(trap)) == {("S", "A", "T"), ("S", "B", "T")}
        all_is_well(trap)
        request = trap.request("S", "T")
        asked = type(request)(**(vars(request) | {"disjoint": "node"}))
        with pytest.raises(TapiError, match="no two node-disjoint"):
            two_routes(topology, asked, Drained(nodes=frozenset("A")))
    finally:
        trap.stop()
        trap.host.close()


def test_both_are_changed_locked_and_drained_together(lab: Any) -> None:
    body = body_of(lab, "A", "C")
    uuid = body[SERVICE][0]["uuid"]
    place = f"{CONNECTIVITY}/connectivity-service={uuid}"
    with lab.http() as client:
        client.post(CONNECTIVITY, json=body)
        size = [item.path.num_slots for item in lab.state.services()]

        def patch(**members: Any) -> int:
            return int(client.patch(place, json={SERVICE: [members]}).status_code)

        wider = {"total-size": {"value": "200", "unit": "GBPS"}}
        assert patch(**{"requested-capacity": wider}) == 204
        assert all(item.path.num_slots > size[0] for item in lab.state.services())
        all_is_well(lab)
        assert patch(**{"administrative-state": "LOCKED"}) == 204
        assert not any(lab.held().values())
        assert patch(**{"administrative-state": "UNLOCKED"}) == 204
        all_is_well(lab)
        before = lab.state.services()
        too_wide = {"total-size": {"value": "3000", "unit": "GBPS"}}
        assert patch(**{"requested-capacity": too_wide}) == 409
        assert lab.state.services() == before
    assert lab.manager.draining.drain(["B"]).moved == (uuid,)
    assert set(routes(lab)) == {("A", "C"), ("A", "E", "D", "C")}
    all_is_well(lab)


def test_a_death_at_any_point_leaves_both_or_none(lab: Any) -> None:
    number, dead = 0, True
    while dead:
        number += 1
        lab.stop()
        life = mortal_start(lab, number, after=number % 2 == 0)
        request = lab.request("A", "D", 25)
        request = type(request)(**(vars(request) | {"disjoint": "link"}))
        with contextlib.suppress(Killed):
            lab.manager.create(request)
        dead = life.dead
        reborn(lab)
        assert len(lab.state.services()) in (0, 2)
        all_is_well(lab)
        lab.manager.create(request)
        assert len(routes(lab)) == 2
        lab.manager.delete(request.uuid)
        assert not any(lab.held().values())
    assert number > 3
