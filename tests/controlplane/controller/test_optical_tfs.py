"""The interface of ETSI TeraFlowSDN's optical controller: lightpaths by names, which are services."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.controlplane.controller.asked_by import Asked
from tests.controlplane.controller.northbound import CONTEXT, SERVICE, reason


@pytest.fixture
def asked() -> Asked:
    return Asked("teraflowsdn_optical", SRC="A", DST="D")


def test_a_lightpath_is_a_service_like_any_other(lab: Any, http: TestClient, asked: Asked) -> None:
    assert asked(http, "synchronise").json() == "Opticalcontroller is synchronised"
    answer = asked(http, "add")
    assert answer.status_code == 200
    flow = answer.json()
    (service,) = lab.state.services()
    path = service.path
    # What the other side reads: the ports of each node, both ways; the spectrum in MHz; the mode.
    assert (flow["src"], flow["dst"], flow["bitrate"], flow["bidir"], flow["is_active"]) == (
        "A",
        "D",
        100,
        1,
        True,
    )
    assert flow["path"] == list(path.nodes)
    assert list(flow["flows"]) == list(path.nodes)
    assert flow["flows"]["A"] == {
        "f": {"in": "0", "out": path.nodes[1]},
        "b": {"in": path.nodes[1], "out": "0"},
    }
    assert flow["flows"]["D"]["f"] == {"in": path.nodes[-2], "out": "0"}
    assert flow["links"] == [f"{a}-{b}" for a, b in pairwise(path.nodes)]
    lower_mhz = 191_325_000 + 12_500 * path.first_slot
    assert (flow["band_type"], flow["band"]) == ("c_slots", 12_500 * path.num_slots)
    assert flow["freq"] == lower_mhz + flow["band"] // 2
    assert flow["slots"] == list(range(path.first_slot, path.first_slot + path.num_slots))
    assert flow["op-mode"] != 0
    lab.assert_elements_hold_the_state()
    # The same thing seen over TAPI.
    (seen,) = http.get(f"{CONTEXT}/tapi-connectivity:connectivity-context/connectivity-service").json()[
        SERVICE
    ]
    assert seen["uuid"] == flow["service_uuid"] == service.uuid
    assert asked(http, "list").json() == {str(flow["flow_id"]): flow}


@pytest.mark.parametrize("delete", ["delete", "delete as the driver"])
@pytest.mark.parametrize("add", ["add", "add one way", "add flexible", "add as the driver"])
def test_it_is_released_by_its_number_also_after_a_restart(
    lab: Any, asked: Asked, add: str, delete: str
) -> None:
    with lab.http() as http:
        flow = asked(http, add).json()
    assert flow["bidir"] == (add != "add one way")
    lab.stop()
    lab.start()
    with lab.http() as http:
        number = str(flow["flow_id"])
        for wrong in ({"FLOW": "1"}, {"FLOW": number, "DST": "C"}):
            answer = asked(http, delete, **wrong)
            assert answer.status_code == 404
        answer = asked(http, delete, FLOW=number)
        assert (answer.status_code, answer.json()) == (200, f"flow {number} deleted")
        assert asked(http, delete, FLOW=number).status_code == 404
        assert asked(http, "list").json() == {}
    assert lab.state.services() == ()
    assert not any(lab.held().values())


def test_links_show_which_slots_are_free(lab: Any, http: TestClient, asked: Asked) -> None:
    asked(http, "add")
    (service,) = lab.state.services()
    path = service.path
    lit = set(range(path.first_slot, path.first_slot + path.num_slots))
    hops = {frozenset(hop) for hop in pairwise(path.nodes)}
    links = asked(http, "links").json()["optical_links"]
    fibres = [{fibre.node_a, fibre.node_b} for fibre in lab.plant.topology.fibres]
    assert len(links) == 2 * len(fibres)
    for link in links:
        ends = frozenset(link["name"].split("-"))
        slots = link["optical_details"]["c_slots"]
        taken = {int(slot) for slot, is_free in slots.items() if not is_free}
        assert (len(slots), taken) == (32, lit if ends in hops else set())
        assert link["optical_details"]["used"] == (ends in hops)
    lab.manager.fail_link(path.nodes[:2])
    links = asked(http, "links").json()["optical_links"]
    cut = [link for link in links if set(link["name"].split("-")) == set(path.nodes[:2])]
    assert [sum(link["optical_details"]["c_slots"].values()) for link in cut] == [0, 0]


def test_what_cannot_be_is_refused_with_the_reason(lab: Any, http: TestClient) -> None:
    add = "/OpticalTFS/AddLightpath"
    for path, status, why in (
        (f"{add}/A/D/0/1", 400, "whole Gb/s"),
        (f"{add}/A/D/12.5/1", 400, "whole Gb/s"),
        (f"{add}/A/D/9999999999999999999999/1", 400, "whole Gb/s"),
        (f"{add}/A/D/100/2", 400, "0 (one way) or 1"),
        (f"{add}/A/Z/100/1", 404, "no node 'Z'"),
        (f"{add}/A/A/100/1", 400, "two different nodes"),
        (f"{add}/A/D/10000/1", 404, "No path found"),
        ("/OpticalTFS/AddFlexLightpath/A/D/100/1/400", 400, "optical band"),
    ):
        answer = http.put(path)
        assert (answer.status_code, why in reason(answer)) == (status, True), answer.text
    assert lab.state.services() == ()
    assert lab.state.version == 0
    refused = http.get(f"{add}/A/D/100/1")
    assert (refused.status_code, refused.headers["allow"]) == (405, "PUT")


def test_a_plant_with_a_spectrum_for_each_direction_takes_one_way_only(
    directed_lab: Any, asked: Asked
) -> None:
    with directed_lab.http() as http:
        assert "UNIDIRECTIONAL" in reason(asked(http, "add"))
        assert asked(http, "add one way").json()["fiber_backward"] == {}


def test_a_lightpath_that_a_cut_has_ended_is_not_active(lab: Any, http: TestClient, asked: Asked) -> None:
    flow = asked(http, "add").json()
    for fibre in lab.plant.topology.fibres:
        if "A" in (fibre.node_a, fibre.node_b):
            lab.manager.fail_link((fibre.node_a, fibre.node_b))
    (dark,) = asked(http, "list").json().values()
    assert (dark["flow_id"], dark["is_active"], dark["op-mode"], dark["path"]) == (
        flow["flow_id"],
        False,
        0,
        [],
    )
