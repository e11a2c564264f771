"""After the repair: back to the first lightpath, or to all of the capacity, for those that ask for it."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.controller.configure import Configurator
from controlplane.tapi.names import pairs
from controlplane.tapi.service_body import parse_service

SERVICE = "tapi-connectivity:connectivity-service"


def made(lab: Any, gbps: int, names: dict[str, str], **members: Any) -> Any:
    body = lab.body("A", "C", gbps)
    body[SERVICE][0] |= members
    if names:
        body[SERVICE][0]["name"] = pairs(names)
    return lab.manager.create(parse_service(body, lab.naming, lab.plant.shared_spectrum))[0]


def test_who_asks_for_it_goes_back_if_the_slots_are_still_free(lab: Any) -> None:
    back, late = (made(lab, 25, {}, **{"reversion-mode": "REVERTIVE"}) for _ in range(2))
    stays = made(lab, 25, {})
    lab.manager.fail_link(["A", "C"])
    lab.stop()
    lab.start()
    lab.manager.fail_link(["A", "B"])  # and once more elsewhere
    assert {item.path.nodes for item in lab.state.services()} == {("A", "E", "D", "C")}
    lab.manager.repair_link(["A", "B"])
    assert lab.state.service(back.uuid).path.nodes == ("A", "E", "D", "C")  # its own link is cut still
    plain = lab.manager.state.service(late.uuid).home
    assert (plain.nodes, plain.first_slot) == (late.path.nodes, late.path.first_slot)

    found = lab.manager.repair_link(["A", "C"])

    assert set(found.reverted) == {back.uuid, late.uuid}
    for before in (back, late):
        after = lab.state.service(before.uuid)
        block = before.path.nodes, before.path.first_slot, before.path.num_slots
        assert (after.path.nodes, after.path.first_slot, after.path.num_slots) == block
        assert (after.home, after.began_s) == (None, before.began_s)
    assert lab.state.service(stays.uuid).path.nodes == ("A", "E", "D", "C")
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()


def test_slots_that_somebody_else_has_by_then_keep_it_where_it_is(lab: Any) -> None:
    back = made(lab, 25, {}, **{"reversion-mode": "REVERTIVE"})
    lab.manager.fail_link(["A", "C"])
    lab.pce.away = True
    lab.manager.repair_link(["A", "C"])  # goes back without being asked about
    assert lab.state.service(back.uuid).path.nodes == ("A", "C")
    lab.pce.away = False
    lab.manager.fail_link(["A", "C"])
    home = lab.state.service(back.uuid).home
    lab.state.lit.light(home.nodes, home.first_slot, home.num_slots)  # as if somebody had taken them
    assert lab.manager.repair_link(["A", "C"]).reverted == ()
    assert lab.state.service(back.uuid).home == home
    lab.state.lit.release(home.nodes, home.first_slot, home.num_slots)
    lab.assert_elements_hold_the_state()


def test_one_that_allows_it_is_restored_with_the_most_that_fits(lab: Any) -> None:
    for pair in ("AB", "AE"):  # leave five slots free on the ways around
        lab.manager.create(lab.request(*pair, 1300))
    first = made(lab, 400, {"lowest-rate-gbps": "50"})
    none = made(lab, 400, {"lowest-rate-gbps": "390"})
    found = lab.manager.fail_link(["A", "C"])
    assert [uuid for uuid, _ in found.lost] == [none.uuid]
    less = lab.state.service(first.uuid)
    route = lab.plant.length_km(less.path.nodes)
    assert less.request.bit_rate_gbps == 400
    assert 50 <= less.carried_gbps < 400
    room = 32 - max(item.path.first_slot + item.path.num_slots for item in lab.state.services()[:2])
    assert less.path.num_slots <= room
    # one Gb/s more would need another slot than there is
    _, size, _, _ = lab.pce._shape(less.carried_gbps + 1, route)
    assert size > room
    told = [item for item in lab.state.feed(0)["changes"] if item.get("service_uuid") == first.uuid]
    assert told[-1]["bit_rate_gbps"] == less.carried_gbps
    lab.stop()
    lab.start()
    assert lab.state.service(first.uuid) == less
    found = lab.manager.repair_link(["A", "C"])
    assert (found.restored, found.reverted) == ((none.uuid,), (first.uuid,))
    assert lab.state.service(first.uuid).carried_gbps == 0
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()


def test_what_fits_around_an_element_that_does_not_answer_is_better_than_nothing(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.manager.create(lab.request("A", "B", 1300))  # leaves five slots free on the way around E
    service = made(lab, 400, {"lowest-rate-gbps": "50"})
    none = made(lab, 400, {"lowest-rate-gbps": "390"})
    lab.manager.maintain()
    monkeypatch.setattr(Configurator, "away", frozenset("E"))
    ((uuid, why),) = lab.manager.fail_link(["A", "C"]).lost
    assert (uuid, "no answer from the element(s) E" in why) == (none.uuid, True)
    less = lab.state.service(service.uuid)
    assert 50 <= less.carried_gbps < 400
    assert "E" not in less.path.nodes
    lab.manager.maintain()
    assert lab.state.service(none.uuid).path is None
    monkeypatch.undo()
    lab.manager.maintain()  # it answers again
    assert lab.state.service(service.uuid).carried_gbps == 0
    assert lab.state.service(none.uuid).path.nodes == ("A", "E", "D", "C")
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()


def test_after_a_drain_those_go_back_that_ask_for_it(lab: Any) -> None:
    back = made(lab, 25, {}, **{"reversion-mode": "REVERTIVE"})
    stays = made(lab, 25, {})
    assert len(lab.manager.draining.drain(["A", "C"]).moved) == 2
    around = lab.state.service(stays.uuid).path.nodes
    assert lab.state.service(back.uuid).path.nodes == around != ("A", "C")
    lab.stop()
    lab.start()
    lab.manager.fail_link(["D", "E"])
    assert lab.manager.repair_link(["D", "E"]).reverted == ()  # drained still

    with lab.http() as client:
        body = {"lightloop:input": {"nodes": ["A", "C"]}}
        told = client.post("/restconf/operations/lightloop:undrain", json=body).json()["lightloop:output"]

    assert told["reverted"] == [back.uuid]
    after = lab.state.service(back.uuid)
    assert (after.path.nodes, after.path.first_slot) == (back.path.nodes, back.path.first_slot)
    assert (after.home, lab.state.service(stays.uuid).path.nodes) == (None, around)
    lab.assert_elements_hold_the_state()
    lab.assert_no_slot_is_lit_twice()


def test_one_that_waits_goes_back_when_its_link_has_worked_for_so_long(lab: Any) -> None:
    waits = {"reversion-mode": "REVERTIVE", "wait-to-revert-time": "5"}
    service = made(lab, 25, {}, **waits)
    due = lab.manager.changes.go_back_waited
    lab.manager.fail_link(["A", "C"])
    around = lab.state.service(service.uuid).path.nodes
    assert due(0.0) == ()  # cut still
    assert lab.manager.repair_link(["A", "C"]).reverted == ()
    assert due(1000.0) == due(1299.0) == ()
    lab.manager.draining.drain(["A", "C"])  # the five minutes begin anew
    assert due(1300.0) == ()
    assert lab.manager.draining.undrain(["A", "C"]).reverted == ()
    assert due(1400.0) == due(1699.0) == ()
    assert lab.state.service(service.uuid).path.nodes == around
    home = lab.state.service(service.uuid).home
    lab.state.lit.light(home.nodes, home.first_slot, home.num_slots)  # as if somebody had taken them
    assert due(1700.0) == ()
    lab.state.lit.release(home.nodes, home.first_slot, home.num_slots)
    assert due(1999.0) == ()
    assert due(2000.0) == (service.uuid,)
    assert lab.state.service(service.uuid).path.nodes == ("A", "C")
    assert due(3000.0) == lab.state.astray() == ()
    lab.assert_elements_hold_the_state()
