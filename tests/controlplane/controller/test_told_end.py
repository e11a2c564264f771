"""A service whose client tells its end: kept, told on, and released by the controller when it comes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from controlplane.controller.maintenance import Maintenance
from controlplane.controller.services import ServiceManager
from controlplane.elements.interface import UnreachableError
from controlplane.tapi.errors import TapiError
from controlplane.tapi.notification import notification

SERVICE = "tapi-connectivity:connectivity-service"
CONNECTIVITY = "/restconf/data/tapi-common:context/tapi-connectivity:connectivity-context"
ENDS = "2070-05-01T18:00:00.25+02:00"
ENDS_S = 3166185600.25


def at(lab: Any, now_s: float) -> ServiceManager:
    """The lab's controller when it is ``now_s``."""
    return ServiceManager(lab.state, lab.pce_client, lab.host, clock=lambda: now_s)


def test_a_told_end_is_kept_told_on_and_survives_a_restart(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "C")
    body[SERVICE][0]["schedule"] = {"end-time": ENDS}
    assert http.post(CONNECTIVITY, json=body).status_code == 201
    uuid = body[SERVICE][0]["uuid"]
    told = http.get(f"{CONNECTIVITY}/connectivity-service={uuid}").json()[SERVICE][0]
    assert told["schedule"] == {"end-time": ENDS}
    assert http.post(CONNECTIVITY, json=body).status_code < 300  # the same again is the same
    (asked, _), (change,) = lab.pce.asked[0], lab.state.feed(0)["changes"]
    assert (asked.ends_s, change["ends_s"]) == (ENDS_S, ENDS_S)
    lab.manager.create(lab.request("A", "B"))
    lab.stop()
    lab.start()
    assert at(lab, ENDS_S - 0.1).end_due() == ()
    assert at(lab, ENDS_S).end_due() == (uuid,)
    assert lab.state.service(uuid) is None
    (kept,) = lab.state.services()  # the one without an end
    lab.assert_elements_hold_the_state()
    last = lab.state.feed(0)["changes"][-1]
    assert (last["kind"], last["cause"], last["service_uuid"]) == ("lightpath-removed", "ended", uuid)
    assert kept.request.ends_s is None
    (stored,) = lab.store.log.page(lab.state.version - 1).changes
    told = notification(stored.document, stored.cause, stored.happened, lab.naming, "store")
    assert told["tapi-notification:notification"]["notification-type"] == "OBJECT_DELETION"


def test_a_service_that_a_cut_left_dark_ends_too(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", ends_s=ENDS_S))
    while (path := lab.state.service(service.uuid).path) is not None:
        lab.manager.fail_link(path.nodes[:2])
    assert lab.pce.asked[-1][0].ends_s == ENDS_S  # a restoration tells it too
    assert at(lab, ENDS_S).end_due() == (service.uuid,)
    last = lab.state.feed(0)["changes"][-1]
    assert (last["kind"], last["cause"]) == ("service-removed", "ended")


def test_where_an_element_does_not_answer_the_end_comes_later(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", ends_s=ENDS_S))
    away = service.path.nodes[0]

    class Away:
        def __getattr__(self, name: str) -> Any:
            def call(node: str, *args: Any, **keywords: Any) -> Any:
                if node == away:
                    raise UnreachableError(node, "does not answer")
                return getattr(lab.host, name)(node, *args, **keywords)

            return call

    manager = ServiceManager(lab.state, lab.pce_client, Away(), clock=lambda: ENDS_S)
    assert manager.end_due() == ()
    assert lab.state.service(service.uuid).path == service.path
    assert at(lab, ENDS_S).end_due() == (service.uuid,)
    lab.assert_elements_hold_the_state()


def test_the_maintenance_ends_what_is_due_by_itself(lab: Any) -> None:
    service, _ = lab.manager.create(lab.request("A", "C", ends_s=ENDS_S))
    maintenance = Maintenance(at(lab, ENDS_S + 1.0), suspects_every_s=0.01)
    maintenance.start()
    deadline = time.monotonic() + 10.0
    while lab.state.service(service.uuid) and time.monotonic() < deadline:
        time.sleep(0.01)
    maintenance.stop()
    assert lab.state.service(service.uuid) is None


def test_what_ended_already_is_refused_and_what_is_there_may_be_asked_again(lab: Any) -> None:
    request = lab.request("A", "C", ends_s=ENDS_S)
    with pytest.raises(TapiError, match="is past") as caught:
        at(lab, ENDS_S).create(request)
    assert (caught.value.status, lab.state.version, lab.state.services()) == (400, 0, ())
    lab.manager.create(request)
    assert at(lab, ENDS_S).create(request) == (lab.state.service(request.uuid), False)


@pytest.mark.parametrize("told", ["nan", "soon"])
def test_the_path_computation_refuses_an_end_that_is_no_time(lab: Any, told: str) -> None:
    from controlplane.tapi.path_body import INPUT, build_compute_input, parse_compute_input

    body = build_compute_input(lab.request("A", "C", ends_s=ENDS_S), lab.naming)
    assert parse_compute_input(body, lab.naming, True).ends_s == ENDS_S
    body[INPUT]["objective-function"]["name"][0]["value"] = told
    with pytest.raises(TapiError, match="ends-s"):
        parse_compute_input(body, lab.naming, True)
