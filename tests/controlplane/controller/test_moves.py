"""Services on their way to another lightpath: drains, other capacities, and what is locked meanwhile."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import Any

import pytest

from controlplane.audit import StandingLightpath, _elements
from controlplane.elements.interface import ADD_DROP
from controlplane.tapi.errors import TapiError
from controlplane.tapi.ids import cross_connect_key
from tests.controlplane.controller.conftest import CONNECTIVITY, CONTEXT
from tests.controlplane.controller.test_recovery import Killed, mortal_start, reborn

PAIRS = ("AC", "AD", "AE", "BE", "EC", "DA", "CE", "EB")


def entry(client: Any, uuid: str) -> dict[str, Any]:
    answer = client.get(f"{CONNECTIVITY}/connectivity-service={uuid}")
    found: dict[str, Any] = answer.json()["tapi-connectivity:connectivity-service"][0]
    return found


def patch(client: Any, address: str, **members: Any) -> Any:
    body = {"tapi-connectivity:connectivity-service": [members]}
    return client.patch(f"{CONNECTIVITY}/connectivity-service={address}", json=body)


def capacity(gbps: int) -> dict[str, Any]:
    return {"total-size": {"value": str(gbps), "unit": "GBPS"}}


def crosses(service: Any, node_a: str, node_b: str) -> bool:
    return {node_a, node_b} in [{*hop} for hop in pairwise(service.path.nodes)]


def spectrum(lab: Any) -> dict[Any, int]:
    return dict(lab.state.lit.by_port())


def nothing_differs(lab: Any) -> None:
    """What stands is what elements hold, the way an audit from outside sees it."""
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()


class Watched:
    """Elements; after each edit it is noted which services are not carried from end to end."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.gaps: list[str] = []
        self.services: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def edit(self, node: str, edit: Any) -> Any:
        held = self._inner.edit(node, edit)
        for service in self.services:
            keys = [cross_connect_key(service.uuid, leg) for leg in (0, 1)]
            if not any(self._is_carried(key, service.request) for key in keys):
                self.gaps.append(f"{service.uuid} after an edit at {node}")
        return held

    def _is_carried(self, key: str, request: Any) -> bool:
        """Follow the signal from port to port."""
        node, came_from = request.source, ADD_DROP
        for _ in range(9):
            held = {item.service_uuid: item for item in self._inner.running(node)}.get(key)
            if held is None or held.in_port != came_from:
                return False
            if held.out_port == ADD_DROP:
                return bool(node == request.destination)
            node, came_from = held.out_port, node
        return False


def test_a_drained_link_is_left_by_all_without_a_gap_and_by_new_ones(lab: Any) -> None:
    watched = Watched(lab.host)
    lab.stop()
    lab.start(lambda southbound: watched)
    lab.manager.maintain()
    for pair in PAIRS:
        lab.manager.create(lab.request(*pair, 25))
    over = [item for item in lab.state.services() if crosses(item, "A", "E")]
    others = [item for item in lab.state.services() if not crosses(item, "A", "E")]
    assert len(over) == 5
    assert others
    watched.services = lab.state.services()

    report = lab.manager.draining.drain(["E", "A"])

    assert set(report.moved) == {item.uuid for item in over}
    assert (report.stayed, watched.gaps) == ((), [])
    after = {item.uuid: item for item in lab.state.services()}
    assert not any(crosses(item, "A", "E") for item in after.values())
    assert all(after[item.uuid] == item for item in others)
    assert all(after[item.uuid].began_s == item.began_s for item in over)
    nothing_differs(lab)
    around = ("A", "C", "D", "E")
    assert lab.manager.create(lab.request("A", "E", 25))[0].path.nodes == around
    lab.stop()
    lab.start()
    assert lab.manager.create(lab.request("A", "E", 25))[0].path.nodes == around
    assert lab.manager.draining.drain(["A", "E"]).moved == ()
    lab.manager.draining.undrain(["A", "E"])
    assert lab.manager.create(lab.request("A", "E", 25))[0].path.nodes == ("A", "E")


def test_a_drained_node_keeps_what_ends_there_and_refuses_what_would(lab: Any) -> None:
    made = {pair: lab.manager.create(lab.request(*pair, 25))[0] for pair in PAIRS}
    through = {item.uuid for item in made.values() if "A" in item.path.nodes[1:-1]}
    ending = {made[pair].uuid for pair in PAIRS if "A" in pair}
    assert through
    with lab.http() as client:
        answer = client.post("/restconf/operations/lightloop:drain", json={"lightloop:input": {"node": "A"}})
        told = answer.json()["lightloop:output"]
        assert set(told["moved"]) == through
        assert {item["service-uuid"] for item in told["stayed"]} == ending
        assert int(told["took-ms"]) >= 0
        topology = client.get(f"{CONTEXT}/tapi-topology:topology-context").json()
        nodes = topology["tapi-topology:topology-context"]["topology"][0]["node"]
        locked = [node["name"][0]["value"] for node in nodes if node["administrative-state"] == "LOCKED"]
        assert locked == ["A"]
        refused = client.post(CONNECTIVITY, json=lab.body("A", "C"))
        assert (refused.status_code, "A is being drained" in refused.text) == (409, True)
        for nodes in (["A", "D"], ["nowhere"]):
            with pytest.raises(TapiError, match="there is no"):
                lab.manager.draining.drain(nodes)
    nothing_differs(lab)
    assert lab.manager.fail_link(["A", "E"]).lost == ()  # what ends at a drained node is restored there
    assert not any("A" in item.path.nodes[1:-1] for item in lab.state.services())
    nothing_differs(lab)


def test_where_there_is_no_other_way_a_service_stays_and_what_is_cut_waits_for_the_end(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "E", 25))
    direct = service.path.nodes
    assert direct == ("A", "E")
    lab.manager.fail_link(("D", "E"))
    before = lab.state.version
    report = lab.manager.draining.drain(["A", "E"])
    ((uuid, reason),) = report.stayed
    assert (uuid, lab.state.service(uuid).path.nodes) == (service.uuid, direct)
    assert "being drained: link E-A" in reason, reason
    assert lab.state.version == before + 1  # the drain itself
    assert lab.manager.fail_link(["A", "E"]).restored == ()
    assert lab.manager.repair_link(["A", "E"]).restored == ()  # repaired, and still drained
    assert lab.manager.draining.undrain(["A", "E"]).restored == (service.uuid,)
    nothing_differs(lab)


def test_another_capacity_is_another_lightpath_or_nothing_at_all(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    with lab.http() as client:
        assert patch(client, service.uuid, **{"requested-capacity": capacity(100)}).status_code == 204
        wider = lab.state.service(service.uuid)
        assert entry(client, service.uuid)["requested-capacity"] == capacity(100)
        assert wider.path.num_slots > service.path.num_slots
        assert wider.request.bit_rate_gbps == 100
        assert [purpose.cause for purpose in lab.pce.purposes] == ["create", "move"]
        changes = lab.state.feed(0)["changes"]
        assert [(item["kind"], item["cause"], item["bit_rate_gbps"]) for item in changes] == [
            ("lightpath-added", "create", 25.0),
            ("lightpath-removed", "move", 25.0),
            ("lightpath-added", "move", 100.0),
        ]
        nothing_differs(lab)
        version, lit, tag = lab.state.version, spectrum(lab), entry(client, service.uuid)
        assert patch(client, service.uuid, **{"requested-capacity": capacity(100)}).status_code == 204
        refused = patch(client, service.uuid, **{"requested-capacity": capacity(3000)})
        assert refused.status_code == 409, refused.text
        assert "nothing was changed" in refused.text
        for members, status in (
            ({"end-point": []}, 400),
            ({"no-such-leaf": 1}, 400),
            ({"uuid": "11111111-2222-4333-8444-555555555555"}, 400),
            ({"requested-capacity": capacity(50), "administrative-state": "LOCKED"}, 400),
        ):
            assert patch(client, service.uuid, **members).status_code == status
        assert patch(client, "11111111-2222-4333-8444-555555555555").status_code == 404
        assert (lab.state.version, spectrum(lab), entry(client, service.uuid)) == (version, lit, tag)
    lab.stop()
    lab.start()
    assert lab.state.service(service.uuid) == wider
    lab.manager.maintain()
    nothing_differs(lab)


def test_what_is_locked_keeps_its_slots_and_carries_nothing(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    lit = spectrum(lab)
    with lab.http() as client:
        assert patch(client, service.uuid, **{"administrative-state": "LOCKED"}).status_code == 204
        assert not any(lab.held().values())
        assert spectrum(lab) == lit
        assert entry(client, service.uuid)["operational-state"] == "DISABLED"
        lab.stop()
        lab.start()
        lab.manager.maintain(everything=True)
        assert not any(lab.held().values())
    with lab.http() as client:
        lab.manager.fail_link(("A", "C"))  # it moves, and stays dark
        assert lab.state.service(service.uuid).path.nodes == ("A", "B", "C")
        assert not any(lab.held().values())
        (told,) = lab.state.standing()[1]
        assert told.request.is_locked
        assert patch(client, service.uuid, **{"administrative-state": "UNLOCKED"}).status_code == 204
        assert entry(client, service.uuid)["operational-state"] == "ENABLED"
        nothing_differs(lab)
        assert (
            client.put(
                f"{CONNECTIVITY}/connectivity-service={service.uuid}",
                json={"tapi-connectivity:connectivity-service": [dict(service.request.document)]},
            ).status_code
            == 204
        )  # as it was asked for at first
        locked = lab.body("A", "D")
        locked["tapi-connectivity:connectivity-service"][0]["administrative-state"] = "LOCKED"
        assert client.post(CONNECTIVITY, json=locked).status_code == 201
    nothing_differs(lab)
    assert lab.held()["D"] == set()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_point_of_a_move_leaves_one_whole_lightpath(lab: Any, after: bool) -> None:
    service, _ = lab.manager.create(lab.request("A", "D", 25))
    number, dead = 0, True
    while dead:
        number += 1
        lab.stop()
        life = mortal_start(lab, number, after)
        here = lab.state.service(service.uuid)
        with contextlib.suppress(Killed):
            lab.manager.draining.drain(here.path.nodes[:2])
        dead = life.dead
        reborn(lab)
        assert lab.state.service(service.uuid).path is not None
        nothing_differs(lab)
        for link in lab.state.drained.links:
            lab.manager.draining.undrain(link)
    assert number > 6, "the points of death were not reached"


def test_an_audit_from_outside_knows_moved_and_locked_lightpaths() -> None:
    change = {
        **{"service_uuid": "s", "nodes": ["A", "B"], "first_slot": 0, "num_slots": 2},
        **{"modulation_format": "QPSK", "leg": 1, "is_locked": True},
    }
    one = StandingLightpath.read(change)
    assert (one.leg, one.is_locked) == (1, True)
    seen = type("Seen", (), {"lightpaths": (one,), "running": {"A": (), "B": ()}})()
    assert list(_elements(seen)) == []  # type: ignore[arg-type]
