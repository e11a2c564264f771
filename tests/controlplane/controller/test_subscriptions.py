"""Notification subscriptions: TAPI's operations on them, and what they let through."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from controlplane.controller.stream import NotificationStream
from controlplane.controller.subscriptions import SubscribedReader, Subscriptions, notification_of
from tests.controlplane.controller.northbound import CONTEXT, reason
from tests.controlplane.controller.yang import assert_valid_datastore, assert_valid_part

OPERATIONS = "/restconf/operations"
PREFIX = "tapi-notification:"


def operate(http: TestClient, name: str, status: int = 200, **content: Any) -> Any:
    """The output of an operation; ``_`` in a leaf's name stands for ``-``."""
    sent = {leaf.replace("_", "-"): value for leaf, value in content.items()}
    answer = http.post(f"{OPERATIONS}/{PREFIX}{name}", json={f"{PREFIX}input": sent} if sent else None)
    assert answer.status_code == status, answer.text
    return answer.json()[f"{PREFIX}output"] if status == 200 else reason(answer)


def create(http: TestClient, status: int = 200, state: str = "ACTIVE", **wanted: Any) -> Any:
    asked = {leaf.replace("_", "-"): value for leaf, value in wanted.items()}
    output = operate(
        http,
        "create-notification-subscription-service",
        status,
        subscription_filter=asked,
        subscription_state=state,
    )
    return output["subscription-service"] if status == 200 else output


def changes(lab: Any) -> tuple[str, str]:
    """A service set up, cut, restored, and another; which they are."""
    one, _ = lab.manager.create(lab.request("A", "C"))
    lab.manager.fail_link(one.path.nodes[:2])
    two, _ = lab.manager.create(lab.request("D", "E"))
    lab.manager.delete(one.uuid)
    return one.uuid, two.uuid


def listed(http: TestClient, **content: Any) -> list[tuple[str, str]]:
    """Types and objects of the notifications in the list."""
    found = operate(http, "get-notification-list", **content)["notification"]
    numbers = [int(item["sequence-number"]) for item in found]
    assert numbers == sorted(numbers)
    return [(item["notification-type"], item["target-object-type"]) for item in found]


def test_the_life_of_a_subscription_also_over_a_restart(lab: Any) -> None:
    with lab.http() as http:
        made = create(
            http, requested_object_types=["LINK", "LINK"], name=[{"value-name": "of", "value": "mine"}]
        )
        uuid = made["uuid"]
        assert made["subscription-filter"]["requested-object-types"] == ["LINK"]
        assert made["subscription-state"] == "ACTIVE"
        assert made["notification-channel"] == {
            "stream-address": f"/restconf/streams/tapi-notification?subscription={uuid}",
            "next-sequence-no": "1",
        }
        assert made["supported-object-types"] == ["CONNECTIVITY_SERVICE", "LINK", "NODE"]
    lab.stop()
    lab.start()
    with lab.http() as http:
        details = "get-notification-subscription-service-details"
        for name in (uuid, uuid.upper(), "mine"):
            assert operate(http, details, subscription_id_or_name=name)["subscription-service"] == made
        changed = operate(
            http,
            "update-notification-subscription-service",
            subscription_id_or_name="mine",
            subscription_state="SUSPENDED",
        )["subscription-service"]
        assert changed == made | {"subscription-state": "SUSPENDED"}
        for _ in range(2):
            other = create(http)
        output = operate(http, "get-notification-subscription-service-list")
        assert {item["uuid"] for item in output["subscription-service"]} >= {uuid, other["uuid"]}
        place = f"{CONTEXT}/{PREFIX}notification-context"
        (one,) = http.get(f"{place}/notif-subscription={uuid}").json()[f"{PREFIX}notif-subscription"]
        assert one == changed
        config = http.get(f"{place}?content=config").json()[f"{PREFIX}notification-context"]
        assert "notification-channel" not in config["notif-subscription"][0]
        gone = operate(http, "delete-notification-subscription-service", subscription_id_or_name="mine")
        assert gone["subscription-service"] == changed
        assert "no subscription" in operate(http, details, 404, subscription_id_or_name=uuid)
    lab.stop()
    lab.start()
    with lab.http() as http:
        left = operate(http, "get-notification-subscription-service-list")["subscription-service"]
        assert uuid not in {item["uuid"] for item in left}
        assert len(left) == 2


def test_locks_and_drains_are_told_as_changes_of_the_administrative_state(lab: Any, http: TestClient) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", 25))
    place = f"{CONTEXT}/tapi-connectivity:connectivity-context/connectivity-service={service.uuid}"
    for state in ("LOCKED", "LOCKED", "UNLOCKED"):
        body = {"tapi-connectivity:connectivity-service": [{"administrative-state": state}]}
        assert http.patch(place, json=body).status_code == 204
    for nodes in (["D", "E"], ["B"]):
        for act in (lab.manager.draining.drain, lab.manager.draining.undrain):
            act(nodes)
            act(nodes)
    naming = lab.naming
    wanted = {
        ("CONNECTIVITY_SERVICE", service.uuid): ["LOCKED", "UNLOCKED"],
        ("LINK", naming.link_uuid("D", "E")): ["LOCKED", "UNLOCKED"],
        ("NODE", naming.node_uuid("B")): ["LOCKED", "UNLOCKED"],
    }
    told: dict[tuple[str, str], list[str]] = {}
    found = operate(http, "get-notification-list")["notification"]
    for item in found:
        for changed in item.get("changed-attributes", ()):
            if changed["value-name"] == "administrative-state":
                assert changed["old-value"] != changed["new-value"]
                assert item["notification-type"] == "ATTRIBUTE_VALUE_CHANGE"
                assert item["source-indicator"] == "MANAGEMENT_OPERATION"
                key = item["target-object-type"], item["target-object-identifier"]
                told.setdefault(key, []).append(changed["new-value"])
    assert told == wanted
    # the stream tells the same, and a subscription to nodes the nodes alone
    made = create(http, requested_object_types=["NODE"])
    reader = SubscribedReader(Subscriptions(lab.state, lambda: None), made["uuid"])
    bodies = [notification_of(change, lab.state) for change in lab.store.log.page(0).changes]
    assert [body["tapi-notification:notification"] for body in bodies] == found
    through = [told for body in bodies if (told := reader.told(body)) is not None]
    assert [item["tapi-notification:notification"]["target-object-type"] for item in through] == ["NODE"] * 2


def test_the_list_holds_what_the_filter_lets_through(lab: Any, http: TestClient) -> None:
    one, _two = changes(lab)
    everything = [
        ("OBJECT_CREATION", "CONNECTIVITY_SERVICE"),
        ("ATTRIBUTE_VALUE_CHANGE", "LINK"),
        ("ATTRIBUTE_VALUE_CHANGE", "CONNECTIVITY_SERVICE"),
        ("ATTRIBUTE_VALUE_CHANGE", "CONNECTIVITY_SERVICE"),
        ("OBJECT_CREATION", "CONNECTIVITY_SERVICE"),
        ("OBJECT_DELETION", "CONNECTIVITY_SERVICE"),
    ]
    assert listed(http) == everything
    for wanted, kept in (
        ({}, everything),
        ({"requested_object_types": ["LINK"]}, everything[1:2]),
        ({"requested_object_types": ["LINK", "CONNECTIVITY_SERVICE"]}, everything),
        ({"requested_object_types": ["NODE"]}, []),
        ({"requested_notification_types": ["OBJECT_CREATION"]}, [everything[0], everything[4]]),
        ({"requested_layer_protocols": ["PHOTONIC_MEDIA"]}, everything),
        ({"requested_layer_protocols": ["ETH"]}, []),
        ({"requested_object_identifier": [one.upper()]}, [everything[i] for i in (0, 2, 3, 5)]),
        (
            {"requested_object_identifier": [one], "requested_notification_types": ["OBJECT_DELETION"]},
            everything[5:],
        ),
    ):
        uuid = create(http, **wanted)["uuid"]
        assert listed(http, subscription_id_or_name=uuid) == kept
    kinds = operate(http, "get-supported-notification-types")
    assert {kind for kind, _ in everything} == set(kinds["supported-notification-types"])
    assert {thing for _, thing in everything} | {"NODE"} == set(kinds["supported-object-types"])


def test_what_the_operations_answer_is_valid(lab: Any, http: TestClient, model: Any) -> None:
    changes(lab)
    made = create(http, requested_object_types=["LINK"], name=[{"value-name": "of", "value": "mine"}])
    for name, content in (
        ("get-supported-notification-types", {}),
        ("create-notification-subscription-service", {"subscription_state": "SUSPENDED"}),
        ("update-notification-subscription-service", {"subscription_id_or_name": "mine"}),
        ("get-notification-subscription-service-details", {"subscription_id_or_name": made["uuid"]}),
        ("get-notification-subscription-service-list", {}),
        ("get-notification-list", {}),
        ("delete-notification-subscription-service", {"subscription_id_or_name": "mine"}),
    ):
        output = operate(http, name, **content)
        assert_valid_part(model, {f"{PREFIX}output": output}, f"{PREFIX}{name}")
    assert_valid_datastore(model, http.get(CONTEXT).json())


def test_the_list_of_a_period(lab: Any, http: TestClient) -> None:
    lab.manager.create(lab.request("A", "C"))
    between = datetime.now(UTC).isoformat()
    lab.manager.create(lab.request("A", "D"))
    assert [len(listed(http, time_period=period)) for period in (f"{between}/", f"/{between}", "/")] == [
        1,
        1,
        2,
    ]
    assert listed(http, time_period="2031-05-01T00:00:00Z/") == []
    for wrong in ("yesterday", "yesterday/", 7):
        assert operate(http, "get-notification-list", 400, time_period=wrong)


def test_a_stream_tells_what_its_subscription_lets_through_until_it_ends(lab: Any) -> None:
    async def story() -> None:
        stream = NotificationStream(lab.state, keep_alive_s=0.1)
        stream.open()
        subscriptions = Subscriptions(lab.state, stream.look_again)

        def act(name: str, **content: Any) -> Any:
            sent = {leaf.replace("_", "-"): value for leaf, value in content.items()}
            output = subscriptions.operate(f"{PREFIX}{name}", {"input": sent})
            return output[f"{PREFIX}output"]["subscription-service"]["uuid"]

        wanted = {
            "requested-notification-types": ["OBJECT_CREATION", "OBJECT_DELETION"],
            "include-content": False,
        }
        uuid = act("create-notification-subscription-service", subscription_filter=wanted)
        events = stream.events(0, SubscribedReader(subscriptions, uuid))
        told = []

        async def read() -> None:
            async for event in events:
                if "data: " in event:
                    body = json.loads(event.partition("data: ")[2])[f"{PREFIX}notification"]
                    told.append(body)

        reading = asyncio.ensure_future(read())
        await asyncio.to_thread(changes, lab)
        await _until(lambda: len(told) == 3)
        assert [item["sequence-number"] for item in told] == ["1", "5", "6"]
        assert all(set(item) == {"uuid", "sequence-number"} for item in told)
        act(
            "update-notification-subscription-service",
            subscription_id_or_name=uuid,
            subscription_state="SUSPENDED",
        )
        await asyncio.to_thread(lab.manager.create, lab.request("A", "D"))
        await asyncio.sleep(0.3)
        act(
            "update-notification-subscription-service",
            subscription_id_or_name=uuid,
            subscription_state="ACTIVE",
        )
        await asyncio.to_thread(lab.manager.create, lab.request("A", "D"))
        await _until(lambda: len(told) == 4)
        assert told[-1]["sequence-number"] == "8"
        act("delete-notification-subscription-service", subscription_id_or_name=uuid)
        await asyncio.wait_for(reading, 5)

    asyncio.run(story())


async def _until(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"requested_object_types": ["PLANET"]}, "'PLANET' is not one of"),
        ({"requested_notification_types": ["RUMOUR"]}, "'RUMOUR' is not one of"),
        ({"requested_layer_protocols": ["IP"]}, "'IP' is not one of"),
        ({"requested_object_identifier": ["x"]}, "not a UUID"),
        ({"include_content": "yes"}, "not true or false"),
        ({"colour": "red"}, "unknown in TAPI"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_the_place(http: TestClient, wanted: Any, why: str) -> None:
    text = create(http, 400, **wanted)
    assert why in text
    assert "subscription-filter" in text
    assert operate(http, "get-notification-subscription-service-list")["subscription-service"] == []


def test_what_names_no_subscription_is_refused(http: TestClient) -> None:
    for name in ("delete", "update"):
        operation = f"{name}-notification-subscription-service"
        operate(http, operation, 404, subscription_id_or_name=str(uuid4()))
        assert "missing" in operate(http, operation, 400)
        assert "not a string" in operate(http, operation, 400, subscription_id_or_name=7)
    assert create(http, 400, state="ASLEEP")
    for _ in range(2):
        create(http, name=[{"value-name": "n", "value": "twins"}])
    text = operate(http, "delete-notification-subscription-service", 400, subscription_id_or_name="twins")
    assert "give the uuid" in text
    assert http.get("/restconf/streams/tapi-notification?subscription=x").status_code == 404
    answer = http.post(f"{OPERATIONS}/{PREFIX}get-notification-list", json={"output": {}})
    assert (answer.status_code, "tapi-notification:input" in reason(answer)) == (400, True)
