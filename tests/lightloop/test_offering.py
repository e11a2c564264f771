"""A trace played against a controller that records what it was asked: order and counts by hand."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest

from configs.home import Credentials
from controlplane.client import CONNECTIVITY, CONTEXT, ControllerClient
from controlplane.tapi.errors import errors_document
from controlplane.tapi.ids import offered_service_uuid
from controlplane.tapi.names import as_dict
from envs.trace import Trace
from lightloop.commands.offer import told_every
from lightloop.offered_figures import counts_of, document_of
from lightloop.offered_twin import Promise
from lightloop.offering import BLOCKED, CARRIED, FAILED, Offer, OfferError, Turns, clear, play, schedule

NODES = ("A", "B", "C")
STAMP = "20260101T000000Z"


def trace_of(*rows: tuple[float, float, int, int], gbps: float = 100.0) -> Trace:
    """Requests as (arrival_s, holding_s, source, destination)."""
    arrival_s, holding_s, source, destination = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return Trace(
        arrival_s=arrival_s.astype(float),
        holding_s=holding_s.astype(float),
        source=source,
        destination=destination,
        bit_rate_gbps=np.full(count, gbps),
        max_latency_ms=np.full(count, math.inf),
        service_class=np.arange(count) % 2,
        node_names=NODES,
        class_names=("urgent", "best-effort"),
        topology_hash="",
        origin="by hand",
    )


# What happens, by hand: times at which rows arrive (+) and depart (-).
TRACE = trace_of(
    (10.0, 5.0, 0, 1),  # +10 -15
    (11.0, 100.0, 1, 2),  # +11, stands at the end
    (12.0, 1.0, 1, 0),  # +12 -13
    (13.0, 2.0, 0, 2),  # +13, after the deletion of row 2 at the same time; -15
    (16.0, 0.5, 0, 1),  # +16, the last arrival; departs after it
)
ORDER = ("+0", "+1", "+2", "-2", "+3", "-0", "-3", "+4")


class Recorder:
    """A controller's HTTP: keeps what it was asked in order; a test says how it answers a row."""

    def __init__(self, offer: Offer) -> None:
        self.rows = {offer.uuid(row): row for row in range(offer.trace.num_requests)}
        self.calls: list[str] = []
        self.bodies: dict[int, dict[str, Any]] = {}
        self.status: dict[int, int] = {}  # of a row's creation
        self.pause_s: dict[str, float] = defaultdict(float)
        self.on_call: dict[str, Callable[[], object]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == f"{CONTEXT}/service-interface-point":
            sips = [
                {"uuid": f"sip-{node}", "name": [{"value-name": "node", "value": node}]} for node in NODES
            ]
            return httpx.Response(200, json={"tapi-common:service-interface-point": sips})
        if request.method == "POST":
            (body,) = json.loads(request.content)["tapi-connectivity:connectivity-service"]
            row, call = self.rows[body["uuid"]], "+"
        else:
            row, call = self.rows[request.url.path.removeprefix(f"{CONNECTIVITY}/connectivity-service=")], "-"
        with self._lock:
            self.calls.append(f"{call}{row}")
            if call == "+":
                self.bodies[row] = body
        time.sleep(self.pause_s[f"{call}{row}"])
        self.on_call.get(f"{call}{row}", bool)()
        if self.status.get(row, 201) == 0 and call == "+":
            raise httpx.ReadTimeout("too late")
        if call == "-":
            return httpx.Response(404 if self.status.get(row) == 0 else 204)
        status = self.status.get(row, 201)
        reason = errors_document("x", f"no spectrum for 100 Gb/s, row {row}") if status > 299 else {}
        return httpx.Response(status, json=reason)


def offered(recorder: Recorder, offer: Offer, **more: Any) -> Any:
    transport = httpx.MockTransport(recorder)
    with ControllerClient("http://controller", Credentials("u", "p", "t"), transport=transport) as client:
        return play(offer, client, **more)


@pytest.fixture
def offer() -> Offer:
    return Offer(TRACE, TRACE.num_requests, math.inf, STAMP)


@pytest.fixture
def recorder(offer: Offer) -> Recorder:
    return Recorder(offer)


def test_the_schedule_is_the_one_made_by_hand(offer: Offer) -> None:
    assert tuple(f"{'-' if due.is_deletion else '+'}{due.row}" for due in schedule(offer)) == ORDER


def test_one_client_sends_everything_in_the_order_of_the_trace(offer: Offer, recorder: Recorder) -> None:
    played = offered(recorder, offer)
    assert tuple(recorder.calls) == ORDER
    assert played.outcome.tolist() == [CARRIED] * 5
    assert played.standing == [1, 4]
    counts = counts_of(played)
    assert (counts.offered, counts.carried, counts.blocked, counts.failed) == (5, 5, 0, 0)
    assert (counts.deleted, counts.standing) == (3, 2)
    assert not played.stopped


def test_ends_bit_rate_and_class_go_as_the_trace_has_them(offer: Offer, recorder: Recorder) -> None:
    offered(recorder, offer)
    for row, body in recorder.bodies.items():
        ends = [
            point["service-interface-point"]["service-interface-point-uuid"] for point in body["end-point"]
        ]
        assert ends == [f"sip-{NODES[TRACE.source[row]]}", f"sip-{NODES[TRACE.destination[row]]}"]
        assert as_dict(body["name"]) == {"service-class": ("urgent", "best-effort")[row % 2]}
        assert body["requested-capacity"]["total-size"] == {"value": "100", "unit": "GBPS"}
        assert body["uuid"] == offered_service_uuid(TRACE.id, STAMP, row)


def test_what_is_blocked_is_not_deleted_and_what_failed_may_stand(offer: Offer, recorder: Recorder) -> None:
    recorder.status = {0: 409, 2: 503, 3: 0, 4: 409}
    played = offered(recorder, offer)
    assert tuple(recorder.calls) == tuple(call for call in ORDER if call != "-0")
    assert played.outcome.tolist() == [BLOCKED, CARRIED, FAILED, FAILED, BLOCKED]
    document = document_of(offer, played, Promise("none"))
    assert (document["offered"], document["carried"], document["blocked"], document["failed"]) == (5, 1, 2, 2)
    assert document["request_blocking"] == pytest.approx(2 / 3)  # of what was answered
    assert document["blocked_reasons"][0] | {"example": ""} == {
        "reason": "no spectrum",
        "requests": 2,
        "example": "",
    }
    assert document["standing"] == 1
    assert not played.deletion_failures  # row 3 was never there: 404 is what was wanted


def test_the_twin_is_asked_about_the_requests_that_were_answered(offer: Offer, recorder: Recorder) -> None:
    recorder.status = {0: 409, 2: 503}
    blocked = np.array([True, False, True, False, True])
    document = document_of(offer, offered(recorder, offer), Promise("twin", blocked=blocked))
    assert document["twin"]["blocked"] == 2  # rows 0 and 4; row 2 failed and says nothing
    assert document["twin"]["request_blocking"] == pytest.approx(2 / 4)


@pytest.mark.parametrize("clients", [2, 4])
def test_with_more_clients_each_pair_keeps_its_order(clients: int) -> None:
    rng = np.random.default_rng(1)
    ends = [(0, 1), (1, 0), (1, 2), (0, 2)]
    rows = [(float(i), float(rng.exponential(5)), *ends[rng.integers(4)]) for i in range(120)]
    offer = Offer(trace_of(*rows), 120, math.inf, STAMP, num_clients=clients)
    recorder = Recorder(offer)
    for call in ("+0", "+7", "-3", "+20"):
        recorder.pause_s[call] = 0.05
    played = offered(recorder, offer)
    wanted = [f"{'-' if due.is_deletion else '+'}{due.row}" for due in schedule(offer)]
    assert sorted(recorder.calls) == sorted(wanted)
    for pair in {offer.pair(row) for row in range(120)}:
        of_pair = {f"{sign}{row}" for row in range(120) if offer.pair(row) == pair for sign in "+-"}
        assert [call for call in recorder.calls if call in of_pair] == [c for c in wanted if c in of_pair]
    assert counts_of(played).offered == 120


def test_turns_never_hand_out_a_key_twice_and_always_the_first_that_may_go() -> None:
    turns = Turns(["ab", "ab", "cd", "ab"])
    assert (turns.take(), turns.take()) == (0, 2)
    turns.done(2)
    turns.done(0)
    assert turns.take() == 1
    turns.done(1)
    assert (turns.take(), turns.take()) == (3, None)


def test_what_is_behind_is_sent_late_and_never_left_out(offer: Offer, recorder: Recorder) -> None:
    recorder.pause_s["+0"] = 0.3
    quick = Offer(TRACE, TRACE.num_requests, 100.0, STAMP)  # six seconds of the trace in 0.06
    played = offered(recorder, quick)
    assert tuple(recorder.calls) == ORDER
    assert played.most_behind_s > 0.2


def test_an_offer_that_is_stopped_answers_what_is_under_way_and_sends_nothing_more(
    offer: Offer, recorder: Recorder
) -> None:
    stop = threading.Event()
    recorder.on_call["+1"] = stop.set
    played = offered(recorder, offer, stop=stop)
    assert recorder.calls == ["+0", "+1"]
    assert (played.stopped, played.standing) == (True, [0, 1])


def test_what_stands_can_be_cleared(offer: Offer, recorder: Recorder) -> None:
    transport = httpx.MockTransport(recorder)
    with ControllerClient("http://controller", Credentials("u", "p", "t"), transport=transport) as client:
        played = play(offer, client)
        assert clear(offer, played.standing, client) == (2, {})
    assert recorder.calls[-2:] == ["-1", "-4"]


def test_a_trace_that_does_not_fit_is_refused_before_anything_is_sent(recorder: Recorder) -> None:
    broken = trace_of((0.0, 1.0, 0, 1), gbps=12.5)
    with pytest.raises(OfferError, match=r"row 0: 12\.5 Gb/s; TAPI carries whole"):
        offered(recorder, Offer(broken, 1, 1.0, STAMP))
    foreign = replace(TRACE, node_names=("A", "B", "Z"))
    with pytest.raises(OfferError, match="node 'Z', which the running network does not have; there: A, B, C"):
        offered(recorder, Offer(foreign, 5, 1.0, STAMP))
    assert recorder.calls == []


def test_figures_are_told_a_line_at_a_time_and_not_too_often(
    offer: Offer, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    played = offered(recorder, offer)
    tell = told_every(10.0, offer, Promise("none", why="for this test"))
    for took_s in (0.0, 9.9, 10.0, 15.0):
        played.took_s = took_s
        tell(played)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["took_s"] for line in lines] == [0.0, 10.0]
    assert lines[0]["offered"] == counts_of(played).offered
    assert lines[0]["twin"]["request_blocking"] is None
