"""What cannot be told again is refused; what was taken can be read and deleted, always."""

from __future__ import annotations

import gzip
import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from starlette.testclient import TestClient

from tests.controlplane.controller.conftest import Lab
from tests.controlplane.controller.test_northbound import CONNECTIVITY, CONTEXT, SERVICE, reason

JSON = {"content-type": "application/yang-data+json"}


def with_name(lab: Any, value: str, **more: Any) -> dict[str, Any]:
    body = lab.body("A", "D", 25, **more)
    body[SERVICE][0]["name"] = [{"value-name": "n", "value": value}]
    return body


def sent(http: TestClient, text: str | bytes, **headers: str) -> Any:
    raw = text if isinstance(text, bytes) else text.encode()
    return http.post(CONNECTIVITY, content=raw, headers=JSON | headers)


def nothing_is_there(lab: Any, http: TestClient) -> None:
    assert lab.state.services() == ()
    assert http.get(CONTEXT).status_code == 200


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00x", "\\u0000", "\\u001b[31m", "\\uffff"])
def test_a_text_that_cannot_be_told_again_is_refused(lab: Any, http: TestClient, text: str) -> None:
    answer = sent(http, json.dumps(with_name(lab, "HERE")).replace("HERE", text))

    assert answer.status_code == 400
    nothing_is_there(lab, http)


@pytest.mark.parametrize("tail", ["\n", "\r\n", " ", "\u2028", "\x00"])
def test_a_uuid_with_something_behind_is_refused(lab: Any, http: TestClient, tail: str) -> None:
    answer = http.post(CONNECTIVITY, json=lab.body("A", "D", uuid=str(uuid4()) + tail))

    assert answer.status_code == 400
    nothing_is_there(lab, http)


@pytest.mark.parametrize("depth", [33, 600, 900, 100_000])
def test_a_deeply_nested_body_is_refused_and_the_next_one_is_taken(
    lab: Any, http: TestClient, depth: int
) -> None:
    text = json.dumps(lab.body("A", "D", 25)).replace('"25"', "[" * depth + "]" * depth)

    assert sent(http, text).status_code == 400
    assert http.post("/restconf/operations/tapi-path-computation:compute-p-2-p-path", content=text.encode(),
                     headers=JSON).status_code == 400  # fmt: skip
    nothing_is_there(lab, http)
    assert http.post(CONNECTIVITY, json=lab.body("A", "D", 25)).status_code == 201


@pytest.mark.parametrize(
    "power", ["1E+100000000", "1e999999999", "9" * 100, "0." + "1" * 60, 1e300, "NaN", "Infinity"]
)
def test_a_decimal_that_no_64_bits_hold_is_refused(lab: Any, http: TestClient, power: Any) -> None:
    body = lab.body("A", "D", 25)
    spec = {"otsi-config": {"transmit-power": {"total-power": power}}}
    body[SERVICE][0]["end-point"][0]["tapi-photonic-media:otsi-connectivity-service-end-point-spec"] = spec

    assert http.post(CONNECTIVITY, json=body).status_code == 400
    nothing_is_there(lab, http)


@pytest.mark.parametrize("number", ["1" * 5000, "1e400", "-1", "18446744073709551616", "1.5"])
def test_a_number_beyond_its_type_is_refused(lab: Any, http: TestClient, number: str) -> None:
    text = json.dumps(lab.body("A", "D", 25)).replace('"25"', number)

    assert sent(http, text).status_code == 400
    nothing_is_there(lab, http)


@pytest.mark.parametrize(
    "path",
    [
        "/changes?since=18446744073709551616",
        "/changes?since=abc",
        f"{CONTEXT}/tapi-path-computation:path-computation-context/path=%00",
        f"{CONTEXT}/service-interface-point=",
        f"{CONTEXT}/service-interface-point=%20,x",
        f"{CONTEXT}/uuid=x",
    ],
)
def test_an_odd_address_is_a_bad_request(http: TestClient, path: str) -> None:
    assert http.get(path).status_code == 400


@pytest.mark.parametrize("event", ["9" * 5000, "x", "-1", "\u0663"])
def test_an_odd_last_event_id_is_a_bad_request(http: TestClient, event: str) -> None:
    answer = http.get("/restconf/streams/tapi-notification", headers={"Last-Event-ID": event.encode()})

    assert answer.status_code == 400


def test_a_surplus_key_is_a_bad_request(lab: Any, http: TestClient) -> None:
    sip = lab.naming.sip_uuid("A")

    assert http.get(f"{CONTEXT}/service-interface-point={sip}").status_code == 200
    assert "1 list key" in reason(http.get(f"{CONTEXT}/service-interface-point={sip},nonsense"))


def test_an_entry_of_a_leaf_list_can_be_read(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 25)
    avoided = lab.naming.node_uuid("B")
    body[SERVICE][0]["exclude-node"] = [avoided]
    place = http.post(CONNECTIVITY, json=body).headers["location"]

    assert http.get(f"{place}/exclude-node={avoided}").status_code == 200
    assert http.get(f"{place}/exclude-node={uuid4()}").status_code == 404


def test_a_member_given_twice_is_refused(lab: Any, http: TestClient) -> None:
    text = json.dumps(lab.body("A", "D", 100)).replace('"value": "100"', '"value": "100", "value": "25"')

    assert "given twice" in reason(sent(http, text))
    nothing_is_there(lab, http)


def test_only_json_is_sent_and_taken(lab: Any, http: TestClient) -> None:
    body = json.dumps(lab.body("A", "D", 25)).encode()

    assert http.get(f"{CONTEXT}/uuid", headers={"accept": "application/yang-data+xml"}).status_code == 406
    assert http.get(f"{CONTEXT}/uuid", headers={"accept": "text/html, application/json;q=0.5"}).is_success
    assert http.get(f"{CONTEXT}/uuid", headers={"accept": "application/json;q=0"}).status_code == 406
    assert sent(http, gzip.compress(body), **{"content-encoding": "gzip"}).status_code == 415
    assert http.post(CONNECTIVITY, content=body, headers={"content-type": "text/xml"}).status_code == 415
    nothing_is_there(lab, http)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (CONTEXT, {"GET", "HEAD", "OPTIONS"}),
        (CONNECTIVITY, {"GET", "HEAD", "OPTIONS", "POST"}),
        (
            f"{CONNECTIVITY}/connectivity-service={uuid4()}",
            {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"},
        ),
        ("/restconf/operations/lightloop:fail-link", {"POST", "OPTIONS"}),
        ("/restconf", {"GET", "HEAD", "OPTIONS"}),
        ("/restconf/yang-library-version", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_and_405_tell_what_is_allowed(http: TestClient, path: str, methods: set[str]) -> None:
    told = http.options(path)
    refused = http.request("PATCH" if "PATCH" not in methods else "POST", path)

    assert told.status_code == 200
    assert set(told.headers["allow"].split(", ")) == methods
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == methods
    for method in ("GET", "OPTIONS", "POST"):
        assert http.request(method, "/restconf/nothing").status_code == 404


def test_head_tells_what_get_would(http: TestClient) -> None:
    head, get = http.head(CONTEXT), http.get(CONTEXT)

    assert head.status_code == 200
    assert {name: head.headers[name] for name in ("etag", "content-type", "content-length")} == {
        name: get.headers[name] for name in ("etag", "content-type", "content-length")
    }


def test_a_change_is_bound_to_what_its_client_has_seen(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 25)
    place = http.post(CONNECTIVITY, json=body, headers={"if-none-match": "*"}).headers["location"]
    seen = http.get(place)

    assert http.get(place, headers={"if-none-match": seen.headers["etag"]}).status_code == 304
    assert http.post(CONNECTIVITY, json=body, headers={"if-none-match": "*"}).status_code == 412
    assert http.put(place, json=body, headers={"if-match": '"nonsense"'}).status_code == 412
    assert http.delete(place, headers={"if-match": '"nonsense"'}).status_code == 412
    assert http.get(place).status_code == 200
    assert http.delete(place, headers={"if-match": seen.headers["etag"]}).status_code == 204
    assert http.delete(place, headers={"if-match": "*"}).status_code == 412


@pytest.mark.parametrize("member", ["exclude-link", "exclude-node"])
def test_what_is_excluded_binds_whatever_its_case(lab: Any, http: TestClient, member: str) -> None:
    nodes = _route(http, lab.body("A", "D", 25))
    hit = lab.naming.link_uuid(*nodes[:2]) if member == "exclude-link" else lab.naming.node_uuid(nodes[1])
    body = lab.body("A", "D", 25)
    body[SERVICE][0][member] = [hit.upper()]

    other = _route(http, body)

    if member == "exclude-link":
        assert set(nodes[:2]) not in [set(hop) for hop in pairwise(other)]
    else:
        assert nodes[1] not in other


@pytest.mark.parametrize("member", ["exclude-link", "exclude-node", "include-link", "include-node"])
@pytest.mark.parametrize("value", ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "A", ""])
def test_what_the_network_does_not_have_cannot_be_excluded_or_included(
    lab: Any, http: TestClient, member: str, value: str
) -> None:
    body = lab.body("A", "D", 25)
    body[SERVICE][0][member] = [value]

    answer = http.post(CONNECTIVITY, json=body)

    assert answer.status_code == 400
    assert member in reason(answer)
    assert repr(value) in reason(answer)
    nothing_is_there(lab, http)


def test_upper_case_is_the_same_uuid(lab: Any, http: TestClient) -> None:
    body = lab.body("A", "D", 25)
    place = http.post(CONNECTIVITY, json=body).headers["location"]
    head, _, uuid = place.rpartition("=")

    assert http.get(f"{head}={uuid.upper()}").status_code == 200
    assert http.delete(f"{head}={uuid.upper()}").status_code == 204


def test_what_an_older_version_stored_can_be_read_and_deleted(lab: Any, http: TestClient) -> None:
    """A lone surrogate and a UUID with a line break, as they lie in databases of before."""
    import dataclasses

    http.post(CONNECTIVITY, json=with_name(lab, "fine"))
    (service,) = lab.state.services()
    document = json.loads(json.dumps(dict(service.request.document)).replace("fine", "\\ud800"))
    odd = service.uuid + "\n"
    request = dataclasses.replace(service.request, uuid=odd, document=document)
    lab.state._services.drop(service.uuid)
    lab.state._services.put(dataclasses.replace(service, request=request))

    assert http.get(CONTEXT).status_code == 200
    assert http.get(f"{CONNECTIVITY}/connectivity-service={service.uuid}").status_code == 200


def _route(http: TestClient, body: dict[str, Any]) -> list[str]:
    answer = http.post(CONNECTIVITY, json=body)
    assert answer.status_code == 201, answer.text
    (service,) = http.get(answer.headers["location"]).json()[SERVICE]
    connection = service["connection"][0]["connection-uuid"]
    (found,) = http.get(f"{CONNECTIVITY}/connection={connection}").json()["tapi-connectivity:connection"]
    return {pair["value-name"]: pair["value"] for pair in found["name"]}["nodes"].split(",")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["accept", "if-match", "if-none-match", "content-type", "content-encoding", "last-event-id"]
    ),
    st.sampled_from(["*/*", "", '"x"', "*", "application/json", "text/plain", "gzip", "9" * 30]),
    max_size=2,
)


class Border(RuleBasedStateMachine):
    """Whatever comes, the answer is 2xx, 304 or 4xx; what was taken stays, is told, and can be deleted."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.lab = Lab(Path(self.folder.name) / "lab")
        self.http = self.lab.http()
        self.taken: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.stop()
            self.lab.host.close()
            self.folder.cleanup()

    def ask(self, method: str, path: str, **further: Any) -> Any:
        answer = self.http.request(method, path, **further)
        assert answer.status_code < 500 or answer.status_code == 503, (method, path, further, answer.text)
        return answer

    def note(self, answer: Any) -> None:
        if answer.status_code == 201:
            self.taken.add(answer.headers["location"])

    @rule(data=st.data())
    def create_from_a_changed_body(self, data: st.DataObject) -> None:
        body = self.lab.body("A", data.draw(st.sampled_from("BCDE")), 25)
        service = body[SERVICE][0]
        members = [*service, "name", "exclude-node", "exclude-link", "max-allowed-hops", "include-node", "x"]
        for name in data.draw(st.lists(st.sampled_from(members), max_size=2)):
            named = [{"value-name": data.draw(st.text(max_size=9)), "value": data.draw(st.text(max_size=9))}]
            service[name] = data.draw(ANYTHING) if data.draw(st.booleans()) else named
        raw = json.dumps(body).encode()
        if data.draw(st.integers(0, 9)) == 0:
            at = data.draw(st.integers(0, len(raw)))
            raw = raw[:at] + data.draw(st.binary(max_size=4)) + raw[at:]
        headers = JSON | data.draw(HEADERS)
        self.note(self.ask("POST", CONNECTIVITY, content=raw, headers=headers))

    @rule(raw=st.binary(max_size=60), headers=HEADERS)
    def send_bytes(self, raw: bytes, headers: dict[str, str]) -> None:
        self.ask("POST", CONNECTIVITY, content=raw, headers=JSON | headers)
        self.ask("POST", "/restconf/operations/lightloop:fail-link", content=raw, headers=JSON | headers)

    @rule(tail=st.text(st.characters(codec="utf-8"), max_size=12), headers=HEADERS)
    def read_anywhere(self, tail: str, headers: dict[str, str]) -> None:
        from urllib.parse import quote

        for place in (CONTEXT, CONNECTIVITY, f"{CONTEXT}/service-interface-point="):
            self.ask("GET", f"{place}/{quote(tail)}", headers=headers)
        self.ask("DELETE", f"{CONNECTIVITY}/connectivity-service={quote(tail)}", headers=headers)
        self.ask("GET", f"/changes?since={quote(tail)}")

    @rule(data=st.data())
    def delete_one(self, data: st.DataObject) -> None:
        if self.taken:
            place = data.draw(st.sampled_from(sorted(self.taken)))
            assert self.ask("DELETE", place).status_code == 204
            self.taken.discard(place)

    @rule()
    def restart(self) -> None:
        self.lab.stop()
        self.lab.start()
        self.http = self.lab.http()

    @invariant()
    def what_was_taken_is_told(self) -> None:
        if not hasattr(self, "lab"):
            return
        context = self.ask("GET", CONTEXT).json()["tapi-common:context"]
        listed = context["tapi-connectivity:connectivity-context"]["connectivity-service"]
        told = {f"{CONNECTIVITY}/connectivity-service={service['uuid']}" for service in listed}
        assert told == self.taken
        for place in self.taken:
            assert self.ask("GET", place).status_code == 200


def tried(num_examples: int) -> Any:
    return settings(
        max_examples=num_examples, stateful_step_count=15, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def test_the_border_holds_whatever_comes() -> None:
    run_state_machine_as_test(Border, settings=tried(12))


@pytest.mark.long
def test_the_border_holds_whatever_comes_for_longer() -> None:
    run_state_machine_as_test(Border, settings=tried(120))
