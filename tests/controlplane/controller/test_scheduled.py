"""A service whose start is to come: kept over restarts, set up in time, told where it then blocks."""

from __future__ import annotations

import contextlib
from typing import Any

from starlette.testclient import TestClient

from controlplane.controller.services import ServiceManager
from tests.controlplane.controller.conftest import CONNECTIVITY
from tests.controlplane.controller.test_recovery import Killed, Life, MortalStore

SERVICE = "tapi-connectivity:connectivity-service"
STARTS, STARTS_S = "2070-05-01T18:00:00Z", 3166192800.0
ENDS, ENDS_S = "2070-05-01T19:00:00Z", STARTS_S + 3600.0


def at(lab: Any, now_s: float) -> ServiceManager:
    """The lab's controller when it is ``now_s``."""
    return ServiceManager(lab.state, lab.pce_client, lab.host, clock=lambda: now_s)


def scheduled(lab: Any, gbps: int = 25, **schedule: str) -> dict[str, Any]:
    body: dict[str, Any] = lab.body("A", "C", gbps)
    body[SERVICE][0]["schedule"] = {"start-time": STARTS} | schedule
    return body


def told(client: TestClient, uuid: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{CONNECTIVITY}/connectivity-service={uuid}").json()[SERVICE][0]
    return found


def test_it_is_kept_and_set_up_when_its_time_comes(lab: Any) -> None:
    body = scheduled(lab, **{"end-time": ENDS})
    uuid = body[SERVICE][0]["uuid"]
    with lab.http() as client:
        assert client.post(CONNECTIVITY, json=body).status_code == 201
        assert client.post(CONNECTIVITY, json=body).status_code == 204
        found = told(client, uuid)
        assert (found["lifecycle-state"], found["operational-state"]) == ("PLANNED", "DISABLED")
        assert (lab.pce.asked, lab.state.version) == ([], 0)
    lab.stop()
    lab.start()
    assert at(lab, STARTS_S - 0.1).scheduled.start_due() == ()
    assert at(lab, STARTS_S).scheduled.start_due() == (uuid,)
    assert at(lab, STARTS_S).scheduled.start_due() == ()
    service = lab.state.service(uuid)
    assert (service.path.nodes, lab.store.services()) == (("A", "C"), (service,))
    assert [item.cause for item in lab.pce.purposes] == ["create"]
    lab.assert_elements_hold_the_state()
    assert at(lab, ENDS_S).end_due() == (uuid,)
    assert lab.state.services() == ()


def test_one_that_blocks_says_so_and_goes_when_it_is_deleted_or_ends(lab: Any) -> None:
    bodies = [scheduled(lab, 3000), scheduled(lab, 3000, **{"end-time": ENDS}), scheduled(lab)]
    uuids = [body[SERVICE][0]["uuid"] for body in bodies]
    with lab.http() as client:
        for body in bodies:
            client.post(CONNECTIVITY, json=body)
        lab.pce.away = True
        assert at(lab, STARTS_S).scheduled.start_due() == ()  # nobody answers: tried again
        lab.pce.away = False
        assert set(at(lab, STARTS_S).scheduled.start_due()) == {*uuids}
        asked = len(lab.pce.asked)
        assert at(lab, STARTS_S).scheduled.start_due() == ()
        assert len(lab.pce.asked) == asked
        lab.stop()
        lab.start()
    with lab.http() as client:
        found = told(client, uuids[0])
        outcome = {item["value-name"]: item["value"] for item in found["name"]}["start-outcome"]
        assert outcome.startswith("blocked: no free slots")
        assert found["lifecycle-state"] == "PLANNED"
        assert lab.state.service(uuids[2]).path is not None  # the others are not held up
        assert client.delete(f"{CONNECTIVITY}/connectivity-service={uuids[0]}").status_code == 204
        assert at(lab, ENDS_S).end_due() == (uuids[1],)
    assert [service.uuid for service in lab.state.services()] == [uuids[2]]
    lab.assert_elements_hold_the_state()


def test_a_death_at_any_point_of_a_start_leaves_it_to_come_or_there(lab: Any) -> None:
    number, dead = 0, True
    while dead:
        number += 1
        request = lab.request("A", "D", 25)
        request = type(request)(**(vars(request) | {"starts_s": STARTS_S}))
        at(lab, 0.0).create(request)
        life = Life(number, after=number % 2 == 0)
        manager = at(lab, STARTS_S)
        manager.maintain()
        manager.writer.store = MortalStore(lab.store, life)  # type: ignore[assignment]
        with contextlib.suppress(Killed):
            manager.scheduled.start_due()
        dead = life.dead
        lab.stop()
        lab.start()
        lab.manager.maintain()
        assert lab.state.service(request.uuid) is not None
        at(lab, STARTS_S).scheduled.start_due()
        assert lab.state.service(request.uuid).path is not None
        lab.assert_elements_hold_the_state()
        lab.manager.delete(request.uuid)
    assert number > 1
