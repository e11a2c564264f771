"""What the change feed and the path computation are told: why, when, for whom, of which class."""

from __future__ import annotations

import time
from typing import Any

import pytest

from controlplane.tapi.errors import TapiError
from controlplane.tapi.notification import notification
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import parse_service


def with_class(lab: Any, body: dict[str, Any], name: Any) -> Any:
    body["tapi-connectivity:connectivity-service"][0]["name"] = [
        {"value-name": "customer", "value": "x"},
        {"value-name": "service-class", "value": name},
    ]
    return parse_service(body, lab.naming, True)


def test_every_change_says_why_when_by_which_decision_and_of_which_class(lab: Any) -> None:
    began = time.time()
    service, _ = lab.manager.create(with_class(lab, lab.body("A", "C"), "gold"))
    lab.manager.fail_link(service.path.nodes[:2])
    restored = lab.state.service(service.uuid).path
    lab.stop()
    lab.start()  # the class is stored
    lab.manager.repair_link(service.path.nodes[:2])
    lab.manager.delete(service.uuid)
    changes = lab.state.feed(0)["changes"]
    told = [(change["kind"], change["cause"], change.get("decision_id")) for change in changes]
    first, second = service.path.decision_id, restored.decision_id
    assert first
    assert first != second
    assert told == [
        ("lightpath-added", "create", first),
        ("link-failed", "cut", None),
        ("lightpath-removed", "cut", first),
        ("lightpath-added", "restore", second),
        ("link-repaired", "repair", None),
        ("lightpath-removed", "delete", second),
    ]
    assert {change.get("service_class") for change in changes} == {"gold", None}
    times_s = [change["time_s"] for change in changes]
    assert times_s == sorted(times_s)
    assert began <= times_s[0] <= times_s[-1] <= time.time()


def test_the_deletion_of_a_service_that_a_cut_left_dark_is_told(lab: Any) -> None:
    service, _ = lab.manager.create(with_class(lab, lab.body("A", "C"), "gold"))
    while (path := lab.state.service(service.uuid).path) is not None:
        lab.manager.fail_link(path.nodes[:2])
    before = lab.state.version
    lab.manager.delete(service.uuid)
    assert lab.state.service(service.uuid) is None
    (told,) = lab.state.feed(before)["changes"]
    assert lab.state.version == before + 1 == told["version"]
    assert {name: told[name] for name in ("kind", "cause", "service_uuid", "nodes", "service_class")} == {
        "kind": "service-removed",
        "cause": "delete",
        "service_uuid": service.uuid,
        "nodes": ["A", "C"],
        "service_class": "gold",
    }
    (change,) = lab.store.log.page(before).changes
    body = notification(change.document, "delete", change.happened, lab.naming, "store")[
        "tapi-notification:notification"
    ]
    assert (body["notification-type"], body["target-object-type"], body["target-object-identifier"]) == (
        "OBJECT_DELETION",
        "CONNECTIVITY_SERVICE",
        service.uuid,
    )
    assert {item["value-name"] for item in body["additional-info"]} == {"change", "cause"}


def test_the_path_computation_is_told_for_whom_it_computes(lab: Any) -> None:
    gold, _ = lab.manager.create(with_class(lab, lab.body("A", "C"), "gold"))
    plain, _ = lab.manager.create(lab.request("D", "E"))
    lab.manager.fail_link(gold.path.nodes[:2])
    assert lab.pce.purposes == [
        Purpose(gold.uuid, "create", "gold"),
        Purpose(plain.uuid, "create", "any"),
        Purpose(gold.uuid, "restore", "gold"),
    ]


@pytest.mark.parametrize("name", ["", " gold", "g" * 65])
def test_a_class_that_cannot_be_a_name_is_refused(lab: Any, name: str) -> None:
    with pytest.raises(TapiError, match="service-class") as caught:
        with_class(lab, lab.body("A", "C"), name)
    assert caught.value.status == 400
    assert with_class(lab, lab.body("A", "C"), "g" * 64).service_class == "g" * 64
