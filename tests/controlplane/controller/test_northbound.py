"""What a TAPI client meets: creation, idempotency, reading, deletion."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from controlplane.tapi.path_body import COMPUTE_OPERATION
from tests.controlplane.controller.northbound import (
    CONNECTIVITY,
    CONTEXT,
    SERVICE,
    reason,
    refused_without_a_trace,
)


def test_a_service_is_created_and_can_be_read_back(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 100, max_latency_ms=20)
    uuid = body[SERVICE][0]["uuid"]
    answer = http.post(CONNECTIVITY, json=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{CONNECTIVITY}/connectivity-service={uuid}"
    (service,) = http.get(answer.headers["location"]).json()[SERVICE]
    assert service["lifecycle-state"] == "INSTALLED"
    assert service["operational-state"] == "ENABLED"
    assert service["requested-capacity"] == {"total-size": {"value": "100", "unit": "GBPS"}}
    (reference,) = service["connection"]
    (connection,) = http.get(f"{CONNECTIVITY}/connection={reference['connection-uuid']}").json()[
        "tapi-connectivity:connection"
    ]
    pairs = {pair["value-name"]: pair["value"] for pair in connection["name"]}
    nodes = pairs["nodes"].split(",")
    assert (nodes[0], nodes[-1]) == ("A", "D")
    assert pairs["decided-by"] == "model"
    assert {node for node, held in lab.held().items() if uuid in held} == set(nodes)
    whole = http.get(CONTEXT).json()["tapi-common:context"]
    assert [s["uuid"] for s in whole[CONNECTIVITY.rpartition("/")[2]]["connectivity-service"]] == [uuid]


def test_a_set_up_costs_one_request_to_the_path_computation_element(lab: Any, http: TestClient) -> None:
    for pair in ("AD", "BE", "CA"):
        assert http.post(CONNECTIVITY, json=lab.body(*pair)).status_code == 201
    assert lab.pce.requests == [f"POST {COMPUTE_OPERATION}"] * 3


@pytest.mark.parametrize("tail", ["", "/", "/connectivity-service", "/connectivity-service/"])
def test_every_usual_address_of_creation_is_accepted(lab: Any, http: TestClient, tail: str) -> None:
    assert http.post(CONNECTIVITY + tail, json=lab.body("A", "D")).status_code == 201


def test_the_same_body_again_succeeds_and_changes_nothing(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D")
    first = http.post(CONNECTIVITY, json=body)
    again = http.post(CONNECTIVITY, json=body)
    assert (first.status_code, again.status_code) == (201, 204)
    assert again.headers["location"] == first.headers["location"]
    assert (lab.state.version, len(lab.pce.asked)) == (1, 1)


def test_the_same_content_written_differently_is_the_same_body(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", max_latency_ms=20)
    http.post(CONNECTIVITY, json=body)
    service = copy.deepcopy(body[SERVICE][0])
    capacity = service.pop("requested-capacity")
    capacity["total-size"]["value"] = 100  # a number
    service["tapi-connectivity:connectivity-constraint"] = {"requested-capacity": capacity}
    service["max-allowed-delay"]["value"] = 20000.0
    reordered = dict(sorted(service.items(), reverse=True))
    assert http.post(CONNECTIVITY, json={"connectivity-service": reordered}).status_code == 204
    assert http.put(f"{CONNECTIVITY}/connectivity-service={service['uuid']}", json=body).status_code == 204


def test_another_body_under_the_same_uuid_is_refused(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 100)
    http.post(CONNECTIVITY, json=body)
    other = lab.body("A", "D", 50, uuid=body[SERVICE][0]["uuid"])
    answer = http.post(CONNECTIVITY, json=other)
    assert answer.status_code == 409
    assert "another content" in reason(answer)
    assert lab.state.version == 1


def test_put_creates_and_must_agree_with_its_address(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D")
    uuid = body[SERVICE][0].pop("uuid")
    assert http.put(f"{CONNECTIVITY}/connectivity-service={uuid}", json=body).status_code == 201
    answer = http.put(f"{CONNECTIVITY}/connectivity-service={uuid4()}", json=lab.body("A", "D"))
    assert answer.status_code == 400
    assert "in the address" in reason(answer)


def test_a_missing_uuid_is_made(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D")
    del body[SERVICE][0]["uuid"]
    answer = http.post(CONNECTIVITY, json=body)
    assert answer.status_code == 201
    assert http.get(answer.headers["location"]).status_code == 200


def test_deletion_releases_elements_and_spectrum(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D")
    place = http.post(CONNECTIVITY, json=body).headers["location"]
    assert http.delete(place).status_code == 204
    assert not any(lab.held().values())
    assert not any(lab.state.lit.by_port().values())
    assert http.get(place).status_code == 404
    assert http.delete(place).status_code == 404
    assert [change["kind"] for change in lab.state.feed(0)["changes"]] == [
        "lightpath-added",
        "lightpath-removed",
    ]
    assert http.post(CONNECTIVITY, json=body).status_code == 201  # the uuid may be used again


def test_lists_that_clients_read_are_there_when_empty(http: TestClient) -> None:
    context = http.get(CONTEXT).json()["tapi-common:context"]
    assert len(context["service-interface-point"]) == 5
    assert context["tapi-connectivity:connectivity-context"] == {"connectivity-service": [], "connection": []}
    assert http.get(f"{CONNECTIVITY}/connectivity-service").json() == {SERVICE: []}


def test_parts_of_the_tree_can_be_read_alone(lab: Any, http: TestClient) -> None:
    http.post(CONNECTIVITY, json=lab.body("A", "D"))
    whole = http.get(CONTEXT).json()["tapi-common:context"]
    topology = whole["tapi-topology:topology-context"]["topology"][0]
    base = f"{CONTEXT}/tapi-topology:topology-context"
    node, link = topology["node"][1], topology["link"][2]
    sip = whole["service-interface-point"][0]
    for path, name, value in (
        (f"{CONTEXT}/service-interface-point={sip['uuid']}", "tapi-common:service-interface-point", [sip]),
        (base, "tapi-topology:topology-context", whole["tapi-topology:topology-context"]),
        (f"{base}/topology={topology['uuid']}", "tapi-topology:topology", [topology]),
        (f"{base}/topology={topology['uuid']}/node={node['uuid']}", "tapi-topology:node", [node]),
        (f"{base}/topology={topology['uuid']}/link={link['uuid']}", "tapi-topology:link", [link]),
        (
            f"{base}/topology={topology['uuid']}/node={node['uuid']}/owned-node-edge-point="
            f"{node['owned-node-edge-point'][1]['uuid']}",
            "tapi-topology:owned-node-edge-point",
            [node["owned-node-edge-point"][1]],
        ),
        (f"{CONTEXT}/uuid", "tapi-common:uuid", whole["uuid"]),
    ):
        answer = http.get(path)
        assert answer.status_code == 200, path
        assert answer.json() == {name: value}
    for nowhere in (
        f"{CONTEXT}/nothing",
        f"{base}/topology={uuid4()}",
        f"{CONNECTIVITY}/connection={uuid4()}",
    ):
        assert http.get(nowhere).status_code == 404
        assert reason(http.get(nowhere))


def test_what_cannot_be_written_says_so(http: TestClient) -> None:
    for method, path in (
        ("POST", CONTEXT),
        ("DELETE", CONTEXT),
        ("PATCH", CONNECTIVITY),
        ("PUT", CONNECTIVITY),
    ):
        answer = http.request(method, path, json={})
        assert answer.status_code == 405
        assert reason(answer)


def test_the_door_is_closed_without_credentials(lab: Any) -> None:
    with TestClient(lab.http().app) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert "restconf" in client.get("/.well-known/host-meta").text
        for path in (CONTEXT, "/changes", "/restconf", "/restconf/streams/tapi-notification", "/nowhere"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert "Basic" in answer.headers["www-authenticate"]
            assert reason(answer)
        assert client.get(CONTEXT, auth=("admin", "wrong")).status_code == 401
        assert client.get(CONTEXT, headers={"Authorization": "Basic !!!"}).status_code == 401
        assert client.get(CONTEXT, headers={"Authorization": "Bearer token"}).status_code == 200


def test_directions_follow_the_plant(directed_lab: Any, http: TestClient, lab: Any) -> None:
    assert http.post(CONNECTIVITY, json=lab.body("A", "D")).status_code == 201
    with directed_lab.http() as directed:
        body = directed_lab.body("A", "D")
        body[SERVICE][0]["connectivity-direction"] = "BIDIRECTIONAL"
        for point in body[SERVICE][0]["end-point"]:
            point["direction"] = "BIDIRECTIONAL"
        assert "UNIDIRECTIONAL services, one each way" in reason(directed.post(CONNECTIVITY, json=body))
        there, back = directed_lab.body("A", "D"), directed_lab.body("D", "A")
        assert directed.post(CONNECTIVITY, json=there).status_code == 201
        assert directed.post(CONNECTIVITY, json=back).status_code == 201
        slots = {change["first_slot"] for change in directed_lab.state.feed(0)["changes"]}
        assert slots == {0}  # each way has its own spectrum


def test_traffic_enters_at_the_input(directed_lab: Any) -> None:
    body = directed_lab.body("A", "D")
    body[SERVICE][0]["end-point"].reverse()
    with directed_lab.http() as client:
        assert client.post(CONNECTIVITY, json=body).status_code == 201
    (service,) = directed_lab.state.services()
    assert (service.path.nodes[0], service.path.nodes[-1]) == ("A", "D")


def test_path_computation_is_passed_on_and_allocates_nothing(lab: Any, http: TestClient) -> None:
    points = [
        {
            "local-id": node,
            "service-interface-point": {"service-interface-point-uuid": lab.naming.sip_uuid(node)},
            "capacity": {"total-size": {"value": "100", "unit": "GBPS"}},
        }
        for node in "AD"
    ]
    answer = http.post(
        "/restconf/operations/tapi-path-computation:compute-p-2-p-path",
        json={"tapi-path-computation:input": {"sep": points}},
    )
    assert answer.status_code == 200
    uuid = answer.json()["tapi-path-computation:output"]["service"]["path"][0]["path-uuid"]
    path = f"{CONTEXT}/tapi-path-computation:path-computation-context/path={uuid}"
    assert http.get(path).json()["tapi-path-computation:path"][0]["uuid"] == uuid
    assert lab.state.version == 0


def test_published_examples_are_taken_and_refused_as_they_should_be(
    lab: Any, http: TestClient, shared_data: Path
) -> None:
    folder = shared_data / "tapi" / "examples"

    def adapted(file: Path) -> Any:
        document = json.loads(file.read_text())
        names = iter("AC")
        for service in document.get(SERVICE, ()):
            service["include-link"] = [lab.naming.link_uuid(*ends) for ends in ("AB", "BC")]
            for point in service["end-point"]:
                sip = point["service-interface-point"]
                name = next(names)
                if sip["service-interface-point-uuid"] != "no-such-sip":
                    sip["service-interface-point-uuid"] = lab.naming.sip_uuid(name)
        return document

    service = adapted(folder / "create-service.json")
    service[SERVICE][0]["max-allowed-delay"]["value"] = "100000"
    for file in sorted((folder / "bad").glob("*.json")):
        if file.stem != "uint64-as-number":
            refused_without_a_trace(lab, http, adapted(file))
    assert http.post(CONNECTIVITY, json=service).status_code == 201
    number = adapted(folder / "bad" / "uint64-as-number.json")  # liberal in what is accepted
    number[SERVICE][0]["uuid"] = str(uuid4())
    number[SERVICE][0]["max-allowed-delay"]["value"] = 100000
    assert http.post(CONNECTIVITY, json=number).status_code == 201
