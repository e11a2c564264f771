"""What a TAPI client is refused: the reason is told, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.controlplane.controller.northbound import CONNECTIVITY, SERVICE, reason, refused_without_a_trace


def test_an_impossible_latency_bound_is_refused_with_the_reason(lab: Any, http: TestClient) -> None:
    text = refused_without_a_trace(lab, http, lab.body("A", "D", max_latency_ms=0.01), 409)
    assert "0.01 ms" in text


def test_without_the_path_computation_element_nothing_changes(lab: Any, http: TestClient) -> None:
    lab.pce.away = True
    assert "does not answer" in refused_without_a_trace(lab, http, lab.body("A", "D"), 503)
    lab.pce.away = False
    assert http.post(CONNECTIVITY, json=lab.body("A", "D")).status_code == 201


def change_service(**changes: Any) -> Any:
    def apply(service: dict[str, Any]) -> None:
        for name, value in changes.items():
            name = name.replace("_", "-")
            if value is None:
                service.pop(name)
            else:
                service[name] = value

    return apply


def capacity(value: Any, unit: Any = "GBPS") -> Any:
    return change_service(requested_capacity={"total-size": {"value": value, "unit": unit}})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (capacity("0"), "positive"),
        (capacity(-5), "whole number"),
        (capacity("12.5"), "whole number"),
        (capacity("many"), "whole number"),
        (capacity(True), "whole number"),
        (capacity("100", "MHz"), "only GBPS, MBPS and GHz"),
        (capacity("401", "GHz"), "wider than a band, which has 400 GHz"),
        (capacity("100", "furlongs"), "not one of"),
        (capacity("100", None), "unit"),
        (change_service(requested_capacity=None), "requested-capacity is missing"),
        (change_service(end_point=None), "'end-point' is missing"),
        (change_service(end_point=[]), "exactly two"),
        (change_service(end_point=7), "list is needed"),
        (change_service(uuid="not-a-uuid"), "not a UUID"),
        (change_service(max_allowed_delay={"value": "0"}), "positive"),
        (change_service(max_allowed_delay={"value": "-3"}), "whole number"),
        (change_service(frobnicate=1), "unknown in TAPI"),
        (change_service(lifecycle_state="INSTALLED"), "state of the network"),
        (
            change_service(
                latency_characteristic=[{"traffic-property-name": "x", "fixed-latency-characteristic": "5"}]
            ),
            "state of the network",
        ),
        (
            change_service(schedule={"start-time": "20700101000000.0Z", "end-time": "20690101000000.0Z"}),
            "is not after start-time",
        ),
        (change_service(schedule={"end-time": "2020-02-29T12:00:00+01:00"}), "is past"),
        (change_service(schedule={"end-time": "2070-02-30T12:00:00Z"}), "RFC 3339"),
        (change_service(schedule={"end-time": "2070-02-01T12:00:00"}), "RFC 3339"),
        (change_service(schedule={"begins": "2070-02-01T12:00:00Z"}), "unknown in TAPI"),
        (change_service(service_type="MULTIPOINT_CONNECTIVITY"), "only POINT_TO_POINT"),
        (change_service(service_layer="ODU"), "only PHOTONIC_MEDIA"),
        (
            change_service(resilience_type={"protection-type": "ONE_FOR_ONE_PROTECTION"}),
            "DYNAMIC_RESTORATION",
        ),
        (change_service(connectivity_direction="SIDEWAYS"), "not one of"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    lab: Any, http: TestClient, spoil: Any, why: str
) -> None:
    body = lab.body("A", "D")
    spoil(body[SERVICE][0])
    assert why in refused_without_a_trace(lab, http, body)


def test_end_points_must_be_two_different_known_ones(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D")
    points = body[SERVICE][0]["end-point"]
    for wrong, why in (
        ([points[0]], "exactly two"),
        ([points[0], points[1], dict(points[1], **{"local-id": "third"})], "exactly two"),
        ([points[0], dict(points[0], **{"local-id": "other"})], "both are at A"),
        ([points[0], dict(points[1], **{"local-id": "source"})], "given twice"),
        (
            [
                points[0],
                dict(points[1], **{"service-interface-point": {"service-interface-point-uuid": "x"}}),
            ],
            "'x'",
        ),
    ):
        body[SERVICE][0]["end-point"] = wrong
        assert why in refused_without_a_trace(lab, http, body)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"null", 400),
        (b'{"tapi-connectivity:connectivity-service": NaN}', 400),
        (b'{"tapi-connectivity:connectivity-service": []}', 400),
        (b'{"tapi-connectivity:connectivity-service": [1]}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b" " * 1_000_001, 413),
    ],
)
def test_malformed_bodies_are_refused(lab: Any, http: TestClient, content: bytes, status: int) -> None:
    answer = http.post(CONNECTIVITY, content=content, headers={"Content-Type": "application/yang-data+json"})
    assert answer.status_code == status
    assert reason(answer)
    assert lab.state.version == 0


def test_another_media_type_is_refused(http: TestClient) -> None:
    answer = http.post(CONNECTIVITY, content=b"<a/>", headers={"Content-Type": "application/yang-data+xml"})
    assert answer.status_code == 415
