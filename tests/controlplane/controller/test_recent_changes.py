"""Changes travel with a question: as ``GET /changes`` tells them, from where the other side says it is."""

from __future__ import annotations

import json

import httpx

from controlplane.controller.change_log import Change
from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.recent_changes import MOST_BYTES, MOST_TOLD
from controlplane.controller.services import ServiceManager
from controlplane.pce.controller_feed import ChangePage
from controlplane.state_headers import STATE_CHANGES, STATE_STORE, STATE_VERSION
from tests.controlplane.mocked_http import mocked


def test_what_is_told_is_what_the_log_tells_and_never_with_a_gap(lab):
    recent = lab.store.recent
    assert recent.after(0) == ""
    while lab.state.version <= MOST_TOLD:
        lab.manager.fail_link(["A", "B"])
        lab.manager.repair_link(["A", "B"])
    last = lab.state.version
    assert json.loads(recent.after(last - 3)) == lab.state.feed(last - 3)
    assert len(ChangePage.model_validate_json(recent.after(last - MOST_TOLD)).changes) == MOST_TOLD
    # Nothing new, more than is told, and a version that is not of this log yet.
    assert [recent.after(since) for since in (last, last - MOST_TOLD - 1, last + 1)] == ["", "", ""]
    # After a transaction of which nobody knew whether it was done, a version may be missing here.
    (change,) = lab.store.log.page(last - 1).changes
    recent.add([Change(last + 2, change.cause, change.happened, change.document | {"version": last + 2})])
    assert recent.after(last) == ""
    assert json.loads(recent.after(last + 1))["version"] == last + 2
    # Too long for a header that passes a proxy.
    long = change.document | {"version": last + 3, "why": "x" * MOST_BYTES}
    recent.add([Change(last + 3, change.cause, change.happened, long)])
    assert recent.after(last + 2) == ""


def test_a_question_brings_what_came_after_the_version_that_the_last_answer_showed(lab):
    told: list[str] = []
    shown = {STATE_STORE: lab.store.identity}

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers.get(STATE_CHANGES, ""))
        response = lab.pce(request)
        response.headers.update(shown | {STATE_VERSION: str(lab.pce.version)})
        return response

    pce = HttpPathComputation(
        "http://pce", lab.credentials, lab.naming, recent=lab.store.recent, connect=mocked(answer)
    )
    manager = ServiceManager(lab.state, pce, lab.host)
    for destination in ("D", "E", "C"):
        manager.create(lab.request("A", destination))
    # The first time nobody knows where it is; then the lightpath of the set-up before comes along.
    assert told[0] == ""
    assert [json.loads(page)["changes"] for page in told[1:]] == [
        lab.state.feed(since, rows=1)["changes"] for since in (0, 1)
    ]
    shown[STATE_STORE] = "another database"
    manager.create(lab.request("B", "D"))
    manager.create(lab.request("B", "E"))
    assert told[-1] == ""
