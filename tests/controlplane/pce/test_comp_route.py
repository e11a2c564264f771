"""``compRoute`` as ETSI TeraFlowSDN's path computation asks, and the answer that its front end reads."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import httpx
import pytest

from controlplane.pathcomp import COMP_ROUTE
from controlplane.tapi.ids import node_edge_point_uuid
from tests.controlplane.controller.asked_by import Asked
from tests.controlplane.controller.teraflowsdn import teraflowsdn
from tests.controlplane.pce.asking import asking

RING = ("AB", "BC", "CD", "DA", "AC")  # the plant of these tests
theirs = Asked("teraflowsdn_pathcomp")


def service(ends: str, **changes: Any) -> dict[str, Any]:
    a, b = ends
    made = theirs.request(
        "service", SERVICE=f"svc-{ends}", FROM=a, FROM_POINT=f"client-{a}", TO=b, TO_POINT=f"client-{b}"
    )
    return made | changes


def links(*pairs: str) -> list[dict[str, Any]]:
    """Both directions of each pair, as two links."""
    return [
        theirs.request(
            "link", LINK=f"{a}=>{b}", FROM=a, FROM_POINT=f"port-{a}{b}", TO=b, TO_POINT=f"port-{b}{a}"
        )
        for pair in pairs
        for a, b in (pair, pair[::-1])
    ]


def body(*services: dict[str, Any], pairs: tuple[str, ...] = RING) -> dict[str, Any]:
    devices = [theirs.request("device", DEVICE=name, POINT=f"client-{name}") for name in "ABCD"]
    return {"serviceList": list(services), "deviceList": devices, "linkList": links(*pairs)}


def route(answer: dict[str, Any]) -> str:
    """The nodes of a path, read as their front end does: from where each hop begins."""
    source, *hops, _destination = answer["path"][0]["devices"]
    assert source["endpoint_uuid"].startswith("client-")
    nodes = ""
    for hop in hops:
        here, there = hop["endpoint_uuid"].removeprefix("port-")
        assert hop["device_id"] == here
        nodes = nodes or here
        assert nodes[-1] == here
        nodes += there
    return nodes


def disjoint(ask: Any, ends: str) -> list[str]:
    """Disjoint routes, asked for as their ``KDisjointPathAlgorithm`` does: without the links used before."""
    known, found = links(*RING), []
    while True:
        asked = body(service(ends, syncPaths=True)) | {"linkList": known}
        (answer,) = ask(asked)["response-list"]
        if "noPath" in answer:
            return found
        found.append(route(answer))
        starts = {(hop["device_id"], hop["endpoint_uuid"]) for hop in answer["path"][0]["devices"]}
        known = [
            link
            for link in known
            if tuple(
                link["link_endpoint_ids"][0]["endpoint_id"][key] for key in ("device_id", "endpoint_uuid")
            )
            not in starts
        ]


@pytest.fixture
def pce(plant, controller, serve, tmp_path):
    with asking(plant, controller, serve, tmp_path) as made:
        yield made


@pytest.fixture
def ask(pce):
    def asked(document: Any, status: int = 200) -> Any:
        answer: httpx.Response = pce.post(COMP_ROUTE, document)
        assert answer.status_code == status, answer.text
        return answer.json()

    return asked


def test_each_service_gets_a_route_in_their_words_and_one_row_in_the_log(ask, pce) -> None:
    asked = body(*(service("".join(pair)) for pair in permutations("ABCD", 2)))
    answers = ask(asked)["response-list"]
    assert [answer["serviceId"] for answer in answers] == [item["serviceId"] for item in asked["serviceList"]]
    expected = {"AB": "AB", "AC": "AC", "AD": "AD", "BC": "BC", "CD": "CD", "DB": None}
    for answer in answers:
        ends = answer["serviceId"]["service_uuid"].removeprefix("svc-")
        found = route(answer)
        assert (found[0], found[-1]) == tuple(ends)
        assert found == expected.get(ends) or expected.get(ends) is None
        (path,) = answer["path"]
        told = path["lightpath"]
        assert path["path-capacity"] == {"total-size": {"value": 20.0, "unit": 3}}
        assert float(path["path-latency"]["fixed-latency-characteristic"]) == pytest.approx(
            told["latency-ms"]
        )
        assert float(path["path-cost"]["cost-value"]) == len(found) - 1
        assert told["nodes"] == ",".join(found)
    log = pce.log()
    assert len(log) == len(answers)
    assert set(log["decision_id"]) == {answer["path"][0]["lightpath"]["decision-id"] for answer in answers}
    assert log["service_uuid"].isna().all()  # computed for nobody: nothing is set up


def test_their_own_code_reads_the_same_routes(ask) -> None:
    asked = body(*(service("".join(pair)) for pair in permutations("ABCD", 2)))
    answers = ask(asked)["response-list"]
    read = teraflowsdn("hops", asked=[[item["path"][0]["devices"], asked["linkList"]] for item in answers])
    assert ["".join(hop["device"] for hop in hops) for hops in read] == list(map(route, answers))


def test_links_that_they_do_not_have_are_not_used(ask) -> None:
    (answer,) = ask(body(service("AC"), pairs=("AB", "BC", "CD")))["response-list"]
    assert route(answer) == "ABC"
    one_way = body(service("AC"), pairs=("AB", "BC"))
    one_way["linkList"] += links("AC")[:1]  # a lightpath needs both directions
    assert route(ask(one_way)["response-list"][0]) == "ABC"
    one_way["linkList"][-1]["forwarding_direction"] = 0
    assert route(ask(one_way)["response-list"][0]) == "AC"
    (answer,) = ask(body(service("AD"), pairs=("AB", "BC")))["response-list"]
    assert answer["noPath"]["issue"] == "1"
    assert sorted(disjoint(ask, "AC")) == ["ABC", "AC", "ADC"]


def test_without_their_links_ours_are_told(ask, plant) -> None:
    asked = body(service("AC")) | {"linkList": []}
    devices = ask(asked)["response-list"][0]["path"][0]["devices"]
    ports = [(hop["device_id"], hop["endpoint_uuid"]) for hop in devices[1:-1]]
    assert ports == [("A", node_edge_point_uuid("ring", "A", "C"))]


def test_the_network_may_be_one_device_with_our_service_interface_points(ask, pce) -> None:
    asked = service("AC")
    for end, node in zip(asked["service_endpoints_ids"], "AC", strict=True):
        end |= {"device_id": "the line system", "endpoint_uuid": pce.naming.sip_uuid(node)}
    (answer,) = ask({"serviceList": [asked]})["response-list"]
    assert answer["path"][0]["devices"] == asked["service_endpoints_ids"]
    assert answer["path"][0]["lightpath"]["nodes"] == "A,C"
    by_uuid = service("AB")
    for end, node in zip(by_uuid["service_endpoints_ids"], "AB", strict=True):
        end["device_id"] = pce.naming.node_uuid(node).upper()
    assert ask({"serviceList": [by_uuid]})["response-list"][0]["path"][0]["lightpath"]["nodes"] == "A,B"


def test_no_path_within_the_latency_is_told_with_the_reason(ask) -> None:
    asked = service("AC")
    asked["service_constraints"][1]["constraint_value"] = "0.5"
    ok = service("AB")
    refused, found = ask(body(asked, ok))["response-list"]
    assert refused["noPath"]["issue"] == "1"
    assert "0.5 ms" in refused["noPath"]["reason"]
    assert "path" not in refused
    assert route(found) == "AB"


def test_what_cannot_be_read_is_refused_with_the_place(ask, pce) -> None:
    good = body(service("AC"))
    for where, value, why in (
        (("serviceList",), None, "serviceList"),
        (("serviceList",), [], "1 to 100"),
        (("serviceList", 0, "algId"), "EAR", "SP and KSP"),
        (("serviceList", 0, "service_endpoints_ids"), [], "exactly two"),
        (("serviceList", 0, "service_endpoints_ids", 0, "device_id"), "Z", "no node of this network"),
        (("serviceList", 0, "service_endpoints_ids", 0, "device_id"), "C", "both are at C"),
        (("serviceList", 0, "service_constraints", 0, "constraint_value"), "-1", "positive number"),
        (("serviceList", 0, "service_constraints", 0, "constraint_value"), "nan", "positive number"),
        (("serviceList", 0, "service_constraints", 0, "constraint_value"), "1e300", "below 2^64"),
        (("serviceList", 0, "service_constraints", 1, "constraint_value"), True, "positive number"),
        (("serviceList", 0, "service_constraints", 0, "constraint_type"), "colour", "'colour'"),
        (("serviceList", 0, "service_constraints"), [], "bandwidth[gbps] is needed"),
        (("linkList", 0, "link_endpoint_ids"), 7, "a list is needed"),
    ):
        asked = copy.deepcopy(good)
        place: Any = asked
        for step in where[:-1]:
            place = place[step]
        place[where[-1]] = value
        error = ask(asked, 400)["ietf-restconf:errors"]["error"][0]
        assert why in error["error-message"]
    both = body(service("AC", syncPaths=True), service("AB", syncPaths=True))
    assert "syncPaths" in ask(both, 400)["ietf-restconf:errors"]["error"][0]["error-message"]
    assert "one JSON object" in ask([], 400)["ietf-restconf:errors"]["error"][0]["error-message"]
    assert len(pce.log()) == 0
