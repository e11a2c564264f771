"""Several path computation elements: which is asked, and under which decision id."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from controlplane.controller.pce_client import HttpPathComputation
from controlplane.controller.services import ServiceManager
from controlplane.tapi.errors import TapiError
from controlplane.tapi.path_body import COMPUTE_OPERATION, build_compute_input
from controlplane.tapi.purpose import Purpose
from tests.controlplane.controller.conftest import CREDENTIALS, Lab
from tests.controlplane.mocked_http import mocked

URLS = ("http://a", "http://b")


@pytest.mark.parametrize("first", ["dead", "late", "cannot now"])
def test_the_second_is_asked_where_the_first_gives_no_path_and_stays_the_one_that_is_asked(
    lab: Lab, first: str
) -> None:
    states, asked = {"a": first, "b": "answers"}, []

    def answer(request: httpx.Request) -> httpx.Response:
        state = states[request.url.host]
        asked.append(
            (
                request.url.host,
                request.headers.get("X-Decision-Id", ""),
                request.extensions["timeout"]["read"],
            )
        )
        match state:
            case "dead":
                raise httpx.ConnectError("refused")
            case "late":
                raise httpx.ReadTimeout("late")
            case "cannot now":
                return httpx.Response(503, json={})
        return lab.pce(request)

    pce = HttpPathComputation(URLS, CREDENTIALS, lab.naming, next_s=0.5, connect=mocked(answer))
    manager = ServiceManager(lab.state, pce, lab.host)

    manager.create(lab.request("A", "D"))
    manager.create(lab.request("B", "E"))

    hosts, ids, patience_s = zip(*asked, strict=True)
    assert hosts == ("a", "b", "b")
    assert len(set(ids)) == 3  # one that was given up on may have been decided all the same
    assert patience_s == (0.5, 15.0, 0.5)  # the last one that is asked has the whole time
    # A client's own question is for no service, whatever it says: it has no name for the decision.
    question = build_compute_input(lab.request("A", "C"), lab.naming, Purpose(str(uuid4()), "create", "any"))
    pce.forward("POST", COMPUTE_OPERATION, question, {"X-State-Version": "0"})
    assert asked[-1][:2] == ("b", "")
    states |= {"b": "dead", "a": "dead"}
    with pytest.raises(TapiError, match="http://a does not answer") as refused:
        manager.create(lab.request("A", "C"))
    assert refused.value.status == 503
