"""Everything we send is valid by the YANG model of TAPI 2.1.3, checked with yangson where the model is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.testclient import TestClient

from controlplane.tapi.names import as_dict
from tests.controlplane.controller.yang import assert_valid_datastore, assert_valid_part
from topologies.grid import block_between

CONTEXT = "/restconf/data/tapi-common:context"
ENDS = ("lower", "upper")
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"


def test_the_context_is_valid_at_every_stage(model: Any, lab: Any, http: TestClient) -> None:
    assert_valid_datastore(model, http.get(CONTEXT).json())
    for number, pair in enumerate(("AD", "BE", "CA", "DB")):
        body = lab.body(*pair, 25 * (number + 1), max_latency_ms=50, ends_s=3e9 if number else None)
        assert http.post(CONNECTIVITY, json=body).status_code == 201
    assert_valid_datastore(model, http.get(CONTEXT).json())
    lab.manager.fail_link(["A", "C"])
    lab.manager.fail_link(["D", "E"])
    lab.manager.fail_link(["E", "A"])  # E is alone now: one service is down
    down = http.get(CONTEXT).json()
    services = down["tapi-common:context"]["tapi-connectivity:connectivity-context"]["connectivity-service"]
    assert {service["operational-state"] for service in services} == {"ENABLED", "DISABLED"}
    assert_valid_datastore(model, down)


def test_a_directed_plant_is_valid_too(model: Any, directed_lab: Any) -> None:
    with directed_lab.http() as client:
        for pair in ("AD", "DA"):
            assert client.post(CONNECTIVITY, json=directed_lab.body(*pair)).status_code == 201
        assert_valid_datastore(model, client.get(CONTEXT).json())


def test_formats_that_the_model_does_not_know_go_in_names(model: Any, lab: Any, http: TestClient) -> None:
    from envs.modulation import ModulationFormat

    capacity = lab.plant.capacity
    formats = (ModulationFormat("64QAM", 6, 1e9), *capacity.formats)
    lab.state.plant = replace(lab.plant, capacity=replace(capacity, formats=formats))
    lab.pce.spoil = lambda path: replace(path, modulation_format="64QAM")
    body = lab.body("A", "D")
    assert http.post(CONNECTIVITY, json=body).status_code == 201
    document = http.get(CONTEXT).json()
    assert_valid_datastore(model, document)
    (connection,) = document["tapi-common:context"]["tapi-connectivity:connectivity-context"]["connection"]
    assert {"value-name": "modulation-format", "value": "64QAM"} in connection["name"]


def test_a_plant_of_three_bands_is_valid_and_tells_its_quantities(model: Any, quality_lab: Any) -> None:
    with quality_lab.http() as http:
        assert_valid_datastore(model, http.get(CONTEXT).json())
        sent = {}
        for name in ("PM-QPSK", "PM-8QAM", "PM-16QAM", "PM-32QAM", "PM-64QAM"):
            quality_lab.pce.quality_format = name
            for _ in range(4):
                body = quality_lab.body("A", "D", 600)
                if http.post(CONNECTIVITY, json=body).status_code == 201:
                    sent[body["tapi-connectivity:connectivity-service"][0]["uuid"]] = name
        document = http.get(CONTEXT).json()
    assert_valid_datastore(model, document)
    context = document["tapi-common:context"]
    told = {}
    for entry in context["tapi-connectivity:connectivity-context"]["connection"]:
        values = as_dict(entry["name"])
        told.setdefault(values["modulation-format"], set()).add(values["band"])
        assert 0.999 <= float(values["margin-db"]) < float(values["gsnr-db"]) < 30
        assert float(values["marginal-w"]) == 120.5
    assert set(told) == set(sent.values())
    assert set().union(*told.values()) == {"L", "C", "S"}
    selected, edges = set(), set()
    for node in context["tapi-topology:topology-context"]["topology"][0]["node"]:
        for point in node["owned-node-edge-point"]:
            pool = point["tapi-photonic-media:media-channel-node-edge-point-spec"]["mc-pool"]
            assert [item["lower-frequency"] for item in pool["supportable-spectrum"]] == [
                "186025000",
                "191325000",
                "196625000",
            ]
            for item in (*pool["available-spectrum"], *pool["occupied-spectrum"]):
                block_between(quality_lab.plant.bands, *(int(item[f"{end}-frequency"]) for end in ENDS))
            for end_point in point["tapi-connectivity:cep-list"]["connection-end-point"]:
                spec = end_point.get("tapi-photonic-media:otsi-connection-end-point-spec")
                if spec:
                    selected.add(spec["otsi-termination"].get("selected-modulation"))
                    edges.add(int(spec["otsi-termination"]["selected-spectrum"]["lower-frequency"]) // 10**6)
    assert selected == {"QPSK", "8QAM", "16QAM", None}
    assert edges == {186, 191, 196}


def test_a_client_that_writes_liberally_gets_a_valid_context(model: Any, lab: Any, http: TestClient) -> None:
    sip = lab.naming.sip_uuid
    service = {
        "uuid": "5D0EE4A4-7F8B-4E0C-9D9B-1D5A6E5E9B11",
        "connectivity-constraint": {
            "requested-capacity": {"total-size": {"value": 100.0, "unit": "GBPS"}},
            "connectivity-direction": "UNIDIRECTIONAL",
        },
        "end-point": [
            {
                "service-interface-point": {"service-interface-point-uuid": sip(node).upper()},
                "layer-protocol-name": "PHOTONIC_MEDIA",
                "layer-protocol-qualifier": "PHOTONIC_LAYER_QUALIFIER_NMC",
                "local-id": sip(node),
            }
            for node in "AD"
        ],
        "include-topology": "anything",
        "hold-off-time": 5,
    }
    answer = http.post(f"{CONNECTIVITY}/", json={"connectivity-service": service})
    assert answer.status_code == 201, answer.text
    context = http.get(CONTEXT).json()
    connectivity = context["tapi-common:context"]["tapi-connectivity:connectivity-context"]
    # Told because this client nested it; the model has it at the service itself only.
    assert connectivity["connectivity-service"][0].pop("connectivity-constraint")["requested-capacity"]
    assert_valid_datastore(model, context)


def test_the_published_service_is_taken_and_sent_back_valid(
    model: Any, lab: Any, http: TestClient, shared_data: Path
) -> None:
    document = json.loads((shared_data / "tapi" / "examples" / "create-service.json").read_text())
    (service,) = document["tapi-connectivity:connectivity-service"]
    service["include-link"] = [lab.naming.link_uuid(*ends) for ends in ("AB", "BC")]
    for point, node in zip(service["end-point"], "AC", strict=True):
        point["service-interface-point"]["service-interface-point-uuid"] = lab.naming.sip_uuid(node)
    service["max-allowed-delay"]["value"] = "100000"
    assert http.post(CONNECTIVITY, json=document).status_code == 201
    context = http.get(CONTEXT).json()
    assert_valid_datastore(model, context)
    (sent,) = context["tapi-common:context"]["tapi-connectivity:connectivity-context"]["connectivity-service"]
    assert {name: sent[name] for name in service} == service


def test_what_we_ask_the_element_and_what_we_tell_is_valid(model: Any, lab: Any) -> None:
    from controlplane.lightpath import Lightpath
    from controlplane.tapi.notification import notification
    from controlplane.tapi.path_body import (
        build_compute_input,
        build_compute_output,
        parse_compute_output,
    )
    from controlplane.tapi.purpose import Purpose
    from controlplane.tapi.service_body import ComputeRequest

    asked = ComputeRequest(
        "A", "D", 100, 20.0, "UNIDIRECTIONAL", 4, (("A", "C"),), ("B",), (("B", "D"),), ("E",)
    )
    compute = "tapi-path-computation:compute-p-2-p-path"
    assert_valid_part(model, build_compute_input(asked, lab.naming), compute)
    assert_valid_part(model, build_compute_input(replace(asked, bit_rate_gbps=12.5), lab.naming), compute)
    purpose = Purpose(str(uuid4()), "create", "gold, of the first order")
    assert_valid_part(model, build_compute_input(asked, lab.naming, purpose), compute)
    path = Lightpath(str(uuid4()), ("A", "D"), 3, 4, "64QAM", 2.5, "model", "x", "7", "d", 1.5, "C", 20.0)
    answer = build_compute_output(asked, lab.naming, str(uuid4()), path)
    assert_valid_part(model, answer, compute)
    assert parse_compute_output(answer) == path
    service, _ = lab.manager.create(lab.request("A", "C"))
    lab.manager.fail_link(service.path.nodes[:2])
    lab.manager.repair_link(service.path.nodes[:2])
    lab.manager.delete(service.uuid)
    changes = lab.store.log.page(0).changes
    assert {change.cause for change in changes} == {"create", "cut", "restore", "repair", "delete"}
    for change in changes:
        event = notification(change.document, change.cause, change.happened, lab.naming, lab.store.identity)
        body = {
            f"tapi-notification:{name}": value
            for name, value in event["tapi-notification:notification"].items()
        }
        assert_valid_part(model, body, "tapi-notification:notification")
