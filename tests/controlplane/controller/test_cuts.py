"""Cuts and repairs: what is moved, what waits, what is gone around, what is refused."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from controlplane.controller import installing
from controlplane.elements.interface import UnreachableError

PAIRS = ["AC", "CA", "AD", "DB", "BE", "EC", "DA", "CE"]


def test_a_cut_moves_the_services_over_it_and_touches_no_other(lab: Any) -> None:
    for pair in PAIRS:
        lab.manager.create(lab.request(*pair, 25))
    before = {service.uuid: service for service in lab.state.services()}
    ends = ("A", "C")
    hit = {
        uuid
        for uuid, service in before.items()
        if "AC" in "".join(service.path.nodes) + "".join(service.path.nodes[::-1])
    }
    assert hit
    assert hit != before.keys()
    result = lab.manager.fail_link(["C", "A"])
    assert set(result.restored) == hit
    after = {service.uuid: service for service in lab.state.services()}
    for uuid, service in after.items():
        assert (service == before[uuid]) == (uuid not in hit)
        assert service.path is not None
        hops = {frozenset(hop) for hop in pairwise(service.path.nodes)}
        assert frozenset(ends) not in hops
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()
    assert lab.manager.fail_link(["A", "C"]).restored == ()  # told twice, done once
    lab.stop()
    lab.start()
    assert lab.state.failed_links == {ends}
    lab.manager.repair_link(["A", "C"])
    assert lab.state.failed_links == frozenset()
    assert {service.uuid: service for service in lab.state.services()} == after  # nobody is moved back


def test_a_cut_right_after_a_set_up_was_stored_leaves_nothing_behind(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The elements are still held to the set-up while the cut has them let go."""
    request = lab.request("A", "D", 25)
    threads: list[threading.Thread] = []

    def cut_when_stored(step: str) -> None:
        if step != "controller.stored" or threads:
            return
        path = lab.state.service(request.uuid).path
        threads.append(threading.Thread(target=lab.manager.fail_link, args=[path.nodes[:2]]))
        threads[0].start()
        while not lab.state.failed_links:
            time.sleep(0.01)
        lab.manager.configurator.audit(path.nodes)  # comes after what the cut asks of them

    monkeypatch.setattr(installing, "hit", cut_when_stored)
    lab.manager.create(request)
    threads[0].join()

    lab.assert_elements_hold_the_state()


def test_a_service_without_a_way_waits_for_the_repair(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "E", 25))
    cuts = [fibre for fibre in lab.plant.topology.fibres if "E" in (fibre.node_a, fibre.node_b)]
    for fibre in cuts:
        result = lab.manager.fail_link([fibre.node_a, fibre.node_b])
    assert [uuid for uuid, _ in result.lost] == [service.uuid]
    assert "cut" in result.lost[0][1]
    assert lab.state.service(service.uuid).path is None
    assert not any(lab.held().values())
    asked = len(lab.pce.asked)
    lab.manager.maintain()
    assert len(lab.pce.asked) == asked  # no use in asking again before something changes
    with lab.http() as client:
        found = client.get(
            "/restconf/data/tapi-common:context/tapi-connectivity:connectivity-context"
            f"/connectivity-service={service.uuid}"
        ).json()["tapi-connectivity:connectivity-service"][0]
        assert (found["operational-state"], "connection" in found) == ("DISABLED", False)
        answer = client.post(
            "/restconf/operations/lightloop:repair-link",
            json={"lightloop:input": {"nodes": [cuts[0].node_a, cuts[0].node_b]}},
        )
        assert answer.json() == {"lightloop:output": {"restored": [service.uuid], "lost": []}}
    lab.assert_elements_hold_the_state()


def test_a_restoration_that_failed_in_passing_is_tried_again(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    lab.pce.away = True
    result = lab.manager.fail_link(service.path.nodes[:2])
    assert [uuid for uuid, _ in result.lost] == [service.uuid]
    lab.manager.maintain()
    assert lab.state.service(service.uuid).path is None
    lab.pce.away = False
    lab.manager.maintain()
    assert lab.state.service(service.uuid).path is not None
    lab.assert_elements_hold_the_state()


def test_a_dead_element_on_the_new_route_is_gone_around(lab: Any) -> None:
    deaf: set[str] = set()

    class Wrapped:
        """Elements, some of which do not answer."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            def call(node: str, *more: Any) -> Any:
                if node in deaf:
                    raise UnreachableError(node, "does not answer")
                return getattr(self._inner, name)(node, *more)

            return call

    lab.stop()
    lab.start(Wrapped)
    lab.manager.maintain()
    made = [lab.manager.create(lab.request("A", "C", 25))[0] for _ in range(3)]
    assert {service.path.nodes for service in made} == {("A", "C")}
    deaf.add("B")
    asked = len(lab.pce.asked)
    assert len(lab.manager.fail_link(("A", "C")).restored) == 3
    assert {service.path.nodes for service in lab.state.services()} == {("A", "E", "D", "C")}
    excluded = [request.exclude_nodes for request, _ in lab.pce.asked[asked:]]
    assert excluded.count(("B",)) >= 3  # more where others were quicker
    assert set(excluded) == {(), ("B",)}
    assert lab.manager.configurator.suspects == {"B"}
    deaf.add("C")
    found = lab.manager.fail_link(("D", "C"))
    assert (found.restored, len(found.lost)) == ((), 3)
    deaf.clear()
    lab.manager.maintain()
    assert {service.path.nodes for service in lab.state.services()} == {("A", "B", "C")}
    lab.assert_no_slot_is_lit_twice()
    lab.assert_elements_hold_the_state()


def test_a_service_that_is_down_can_be_deleted(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    lab.pce.away = True
    lab.manager.fail_link(service.path.nodes[:2])
    lab.manager.delete(service.uuid)
    lab.pce.away = False
    lab.manager.maintain()
    assert lab.state.services() == ()


def test_unknown_links_cannot_be_cut(lab: Any) -> None:
    with lab.http() as client:
        bodies: tuple[Any, ...] = (
            {"lightloop:input": {"nodes": ["A", "D"]}},
            {"lightloop:input": {"nodes": ["A"]}},
            {},
            [],
        )
        for body in bodies:
            assert client.post("/restconf/operations/lightloop:fail-link", json=body).status_code == 400
    assert lab.state.version == 0
