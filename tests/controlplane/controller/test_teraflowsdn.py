"""ETSI TeraFlowSDN's transport-API driver is answered as it asks, in both of its dialects.

The driver itself runs against the controller where ``LIGHTLOOP_TERAFLOWSDN`` is the folder of a checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from controlplane.controller.clients import ClientSettings
from controlplane.pathcomp import COMP_ROUTE
from controlplane.trusted import TrustedClients
from tests.controlplane.controller.asked_by import Asked
from tests.controlplane.controller.northbound import CONNECTIVITY, CONTEXT, SERVICE, reason
from tests.controlplane.controller.teraflowsdn import teraflowsdn
from tests.controlplane.controller.yang import assert_valid_datastore
from tests.controlplane.pce.conftest import ServerThread


@pytest.fixture
def lsp(lab: Any) -> Asked:
    sip = lab.naming.sip_uuid
    return Asked("teraflowsdn_tapi_lsp", SOURCE=sip("A"), DESTINATION=sip("D"))


def listed(http: TestClient) -> dict[str, dict[str, Any]]:
    """What the driver lists, by uuid: it reads the capacity under ``connectivity-constraint`` only."""
    context = http.get(CONTEXT).json()["tapi-common:context"]
    found = {}
    for service in context["tapi-connectivity:connectivity-context"]["connectivity-service"]:
        constraint = service.get("connectivity-constraint", {})
        size = constraint.get("requested-capacity", {}).get("total-size", {})
        found[service["uuid"]] = {
            "capacity": (size.get("value", "<UNDEFINED>"), size.get("unit", "<UNDEFINED>")),
            "direction": constraint.get("connectivity-direction", "UNIDIRECTIONAL"),
            "ends": [
                point["service-interface-point"]["service-interface-point-uuid"]
                for point in service["end-point"]
            ],
        }
    return found


@pytest.mark.parametrize(
    ("value", "unit", "told", "rate_gbps"),
    [
        (50.0, "GHz", "50", 200.0),  # what the driver asks for by itself: four slots of 16QAM, 50 Gb/s each
        (51, "GHz", "51", 250.0),
        (12500, "MBPS", "12500", 12.5),
        (100, "GBPS", "100", 100.0),
    ],
)
def test_a_service_of_transport_api_is_set_up_listed_and_deleted(
    lab: Any, value: Any, unit: str, told: str, rate_gbps: float
) -> None:
    uuid, sip = str(uuid4()), lab.naming.sip_uuid
    driver = Asked("teraflowsdn_transport_api", SOURCE=sip("A"), DESTINATION=sip("D"), UUID=uuid)
    asked = driver.request("create")
    capacity = asked["body"][SERVICE][0]["connectivity-constraint"]["requested-capacity"]
    capacity["total-size"] = {"value": value, "unit": unit}
    with lab.http() as http:
        assert driver(http, "connect").status_code == 200
        for status in (201, 204):
            assert http.post(asked["path"], json=asked["body"]).status_code == status
    assert lab.pce.asked[-1][0].bit_rate_gbps == lab.state.service(uuid).request.bit_rate_gbps == rate_gbps
    lab.stop()
    lab.start()
    with lab.http() as http:
        assert listed(http) == {
            uuid: {"capacity": (told, unit), "direction": "UNIDIRECTIONAL", "ends": [sip("A"), sip("D")]}
        }
        assert driver(http, "delete").status_code == 204
        assert listed(http) == {}
        flat = http.post(CONNECTIVITY, json=lab.body("A", "D")).headers["location"]
        assert "connectivity-constraint" not in http.get(flat).json()[SERVICE][0]
        assert {seen["capacity"] for seen in listed(http).values()} == {("<UNDEFINED>", "<UNDEFINED>")}


def test_services_of_others_are_listed_with_their_capacity_where_that_is_configured(lab: Any) -> None:
    lab.clients = ClientSettings(capacity_in_constraint=True)
    with lab.http() as http:
        http.post(CONNECTIVITY, json=lab.body("A", "D"))
        http.put("/OpticalTFS/AddLightpath/A/C/100/1")
        assert [seen["capacity"] for seen in listed(http).values()] == [("100", "GBPS")] * 2


@pytest.mark.parametrize(
    ("name", "rate_gbps", "told", "direction"),
    [
        ("one way, in GHz", 200.0, ("50", "GHz"), "UNIDIRECTIONAL"),  # four slots of 16QAM, 50 Gb/s each
        ("one way, turned round", 100.0, ("100", "GBPS"), "UNIDIRECTIONAL"),
        ("both ways, a media channel", 150.0, ("150", "GBPS"), "BIDIRECTIONAL"),  # 37.5 GHz: three slots
        ("both ways, a grid that is not told", 150.0, ("150", "GBPS"), "BIDIRECTIONAL"),
        ("both ways, in Mbit/s", 12.5, ("12500", "MBPS"), "BIDIRECTIONAL"),
    ],
)
def test_a_service_of_tapi_lsp_is_set_up_and_listed(
    lab: Any,
    http: TestClient,
    lsp: Asked,
    model: Any,
    name: str,
    rate_gbps: float,
    told: Any,
    direction: str,
) -> None:
    uuid = str(uuid4())
    assert lsp(http, name, UUID=uuid).status_code == 201
    assert lsp(http, name, UUID=uuid).status_code == 204  # asked again
    request = lab.state.service(uuid).request
    assert (request.source, request.destination) == ("A", "D")
    assert request.bit_rate_gbps == lab.pce.asked[-1][0].bit_rate_gbps == rate_gbps
    seen = listed(http)[uuid]
    assert (seen["capacity"], seen["direction"]) == (told, direction)
    document = http.get(CONTEXT).json()
    (service,) = document["tapi-common:context"]["tapi-connectivity:connectivity-context"][
        "connectivity-service"
    ]
    assert service["service-layer"] == "PHOTONIC_MEDIA"
    assert service.get("route-objective-function") in (None, "MIN_WORK_ROUTE_HOP")
    del service["connectivity-constraint"]  # told because this client looks there; the model has it not
    assert_valid_datastore(model, document)
    assert http.delete(f"{CONNECTIVITY}/connectivity-service={uuid}").status_code == 204


def test_comp_route_is_passed_on_to_the_path_computation(lab: Any, http: TestClient) -> None:
    told: list[Any] = []

    def forward(*asked: Any) -> tuple[int, Any]:
        told.append(asked)
        return 200, {"response-list": []}

    lab.manager.create(lab.request("A", "D"))
    lab.pce_client.forward = forward
    answer = http.post(COMP_ROUTE, json={"serviceList": []})
    assert (answer.status_code, answer.json()) == (200, {"response-list": []})
    assert told[-1] == ("POST", COMP_ROUTE, {"serviceList": []}, {"X-State-Version": "1"})


def test_what_tapi_lsp_says_twice_must_agree(lab: Any, http: TestClient, lsp: Asked) -> None:
    body = lsp.request("one way, in GHz", UUID=str(uuid4()))["body"]
    service = body[SERVICE][0]
    for place, name, other in (
        (service, "service-layer", "ODU"),
        (service["end-point"][0], "direction", "OUTPUT"),
    ):
        place[name] = other
        answer = http.post(CONNECTIVITY, json=body)
        assert answer.status_code == 400
        assert "disagree" in reason(answer)
        del place[name]
    service["layer-protocol-name"] = "ODU"
    assert "only PHOTONIC_MEDIA" in reason(http.post(CONNECTIVITY, json=body))
    assert lab.state.services() == ()


def test_a_media_channel_has_one_width(lab: Any, http: TestClient, lsp: Asked) -> None:
    body = lsp.request("both ways, a media channel", UUID=str(uuid4()))["body"]
    ((_, spec),) = (
        item for item in body[SERVICE][0]["end-point"][1].items() if item[0].startswith("tapi-photonic-media")
    )
    for upper in ("193625000", "193575000"):
        spec["mc-config"]["spectrum"]["upper-frequency"] = upper
        answer = http.post(CONNECTIVITY, json=body)
        assert answer.status_code == 400
        assert "one width" in reason(answer)


def test_tapi_lsp_needs_no_credentials_from_an_address_that_is_trusted(lab: Any, lsp: Asked) -> None:
    uuid = str(uuid4())
    for trusted, status in (((), 401), (("10.0.0.5",), 401), (("testclient",), 201)):
        lab.clients = ClientSettings(trusted=_named(trusted))
        with lab.http() as http:
            http.auth = None
            assert lsp(http, "one way, in GHz", UUID=uuid).status_code == status


def _named(addresses: tuple[str, ...]) -> TrustedClients:
    """Trusted addresses; Starlette's test client has a name for one."""
    trusted = TrustedClients(address for address in addresses if address != "testclient")
    if "testclient" in addresses:
        trusted.admits = lambda scope: scope["client"][0] == "testclient"  # type: ignore[method-assign]
    return trusted


@pytest.fixture
def served(lab: Any) -> Iterator[ServerThread]:
    lab.clients = ClientSettings(trusted=TrustedClients(["127.0.0.1"]))
    server = ServerThread(lab.app(), lifespan="on")
    yield server
    server.stop()


def test_the_driver_itself_sets_up_lists_and_deletes(lab: Any, served: ServerThread) -> None:
    uuid, by_lsp, (a, d) = str(uuid4()), str(uuid4()), map(lab.naming.sip_uuid, "AD")
    key = f"/services/service[{uuid}]"
    wanted = {
        "uuid": uuid, "input_sip_uuid": a, "output_sip_uuid": d, "capacity_unit": "GHz",
        "capacity_value": 50.0,
        "layer_protocol_name": "PHOTONIC_MEDIA", "direction": "UNIDIRECTIONAL",
        "layer_protocol_qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_NMC",
    }  # fmt: skip
    rule = {
        "input_sip": d, "output_sip": a, "uuid": by_lsp, "direction": "UNIDIRECTIONAL",
        "layer_protocol_name": "PHOTONIC_MEDIA", "capacity_unit": "GHz", "capacity_value": "50",
        "layer_protocol_qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_NMC",
        "lower_frequency_mhz": "NONE", "route_objective_function": "NONE",
        "url": f"{served.url}{CONNECTIVITY}",
    }  # fmt: skip
    user, password = lab.credentials.user, lab.credentials.password

    connected, endpoints, made, services, deleted, left = _drive(
        served, [user, password],
        ["Connect", None], ["GetConfig", ["__endpoints__"]], ["SetConfig", [[key, json.dumps(wanted)]]],
        ["GetConfig", ["__services__"]], ["DeleteConfig", [[key, json.dumps({"uuid": uuid})]]],
        ["GetConfig", ["__services__"]],
    )  # fmt: skip

    assert (connected, made, deleted, left) == (True, [True], [True], [])
    assert {item[1]["uuid"] for item in endpoints} == {lab.naming.sip_uuid(node) for node in "ABCDE"}
    ((told_key, told),) = services
    assert told_key == key
    assert told == wanted_of(wanted, a, d)

    _drive(served, [], ["SetConfig", [["/tapi_lsp", {"rule_set": [rule]}]]])
    assert lab.state.service(by_lsp).request.source == "D"
    services = _drive(served, [user, password], ["GetConfig", ["__services__"]])[0]
    assert [(item[1]["capacity_value"], item[1]["capacity_unit"]) for item in services] == [("50", "GHz")]


def wanted_of(asked: dict[str, Any], source: str, destination: str) -> dict[str, Any]:
    """What the driver lists of a service that it asked for."""
    kept = {name: value for name, value in asked.items() if not name.endswith("_sip_uuid")}
    return kept | {"capacity_value": "50", "input_sip": source, "output_sip": destination}


def _drive(served: ServerThread, credentials: list[str], *commands: Any) -> list[Any]:
    return teraflowsdn("driver", "127.0.0.1", str(served.port), *credentials, asked=commands)
