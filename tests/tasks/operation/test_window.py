"""Windows: by hand, and lived through again against the change log itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from envs.window import Happening, Placed, Window, WindowError, read_window, write_window
from tasks.operation.order import STEP_S, Event, ordered_times
from tasks.operation.sources import changes_of
from tasks.operation.store import Record
from tasks.operation.window import begin_of_last, window_between
from tests.tasks.operation.logs import (
    DAY,
    HAND_CHANGES,
    HAND_DECISIONS,
    TOPOLOGY,
    asks,
    blocked,
    decision,
    lightpath,
    link,
    placed,
    removed_dark,
    uuid,
)

MEAN_S = 50.0


def record_of(decisions: Sequence[dict[str, Any]], changes: Sequence[dict[str, Any]]) -> Record:
    read = changes_of(changes, 0)
    return Record("store", tuple(asks(decisions, read)), tuple(read), math.inf, 0)


HAND = record_of(HAND_DECISIONS, HAND_CHANGES)


def window(began_s: float, ended_s: float, record: Record = HAND) -> Window:
    return window_between(record, TOPOLOGY, DAY + began_s, DAY + ended_s, MEAN_S)


def lived_through(found: Window, ended_dark: frozenset[str] = frozenset()) -> dict[str, Placed]:
    """Where lightpaths stand at the end, by everything in a window but ``at_end``, in order of time.

    ``ended_dark``: services that were seen to be deleted while they had no lightpath.
    """
    state = {item.service: item.placed for item in found.standing}
    trace = found.trace
    events: list[tuple[float, int, str, Any]] = [
        (item.departs_s, 0, "departs", (item.service, item.is_drawn)) for item in found.standing
    ]
    for row, live in enumerate(found.live):
        events.append((trace.arrival_s[row], 1, "arrives", live))
        departs_s = trace.arrival_s[row] + trace.holding_s[row]
        events.append((departs_s, 0, "departs", (live.service, live.is_drawn)))
    events += [(item.time_s, 1, "happens", item) for item in found.happenings]
    seen = [event[0] for event in events if event[2] != "departs" or not event[3][1]]
    assert len(set(seen)) == len(seen), "two changes of the network at one time"
    for time_s, _, kind, what in sorted(events, key=lambda event: event[:2]):
        if time_s >= found.duration_s:
            break
        if kind == "arrives" and what.placed is not None:
            assert what.service not in state
            state[what.service] = what.placed
        elif kind == "departs":
            service, is_drawn = what
            # A drawn departure takes nothing that the log had there.
            assert (is_drawn or service in ended_dark) == (service not in state)
            state.pop(service, None)
        elif kind == "happens" and what.kind == "lightpath-added":
            assert what.service not in state
            state[what.service] = what.placed
        elif kind == "happens" and what.kind == "lightpath-removed":
            assert state.pop(what.service) == what.placed
    return state


def test_told_ends_take_the_place_of_drawn_departures() -> None:
    """b stands over the begin and the end of the window, c is blocked, e is up at the end; f told nothing."""
    ends_s = {"d2": 300.0, "d3": 77.0, "d12": 150.0}
    told = [
        row | {"ends_s": DAY + ends_s[row["decision_id"]] if row["decision_id"] in ends_s else None}
        for row in HAND_DECISIONS
    ]
    found = window(25.0, 97.0, record_of(told, HAND_CHANGES))
    b = next(item for item in found.standing if item.service == uuid("b"))
    assert (b.told_end_s, b.departs_s, b.is_drawn) == (275.0, 275.0, False)
    by_service = {live.service: row for row, live in enumerate(found.live)}
    assert found.trace.told_s is not None
    for letter, end_s, is_drawn in (("c", 77.0, True), ("e", 150.0, False)):
        row = by_service[uuid(letter)]
        departs_s = found.trace.arrival_s[row] + found.trace.holding_s[row]
        assert departs_s == pytest.approx(end_s - 25.0)
        assert found.trace.told_s[row] == pytest.approx(found.trace.holding_s[row])
        assert found.live[row].is_drawn == is_drawn
    assert math.isinf(found.trace.told_s[by_service[uuid("f")]])
    assert window(25.0, 97.0).trace.told_s is None


def test_a_window_of_the_hand_written_log_is_as_worked_out_by_hand() -> None:
    found = window(25.0, 85.0)
    services = {uuid(letter): letter for letter in "abcdef"}
    assert [(services[live.service], live.decision_id) for live in found.live] == [("c", "d3"), ("d", "d6")]
    assert found.trace.arrival_s.tolist() == pytest.approx([5.0, 30.0])
    assert [(live.placed, live.decided_by, live.is_drawn) for live in found.live] == [
        (None, "none", True),
        (None, "model", True),
    ]
    assert [live.is_comparable for live in found.live] == [False, False]
    assert found.trace.class_names == ("any", "gold")
    assert found.trace.max_latency_ms.tolist() == [math.inf, 9.0]
    a, b = found.standing
    assert (services[a.service], a.placed, a.is_drawn) == ("a", placed("AC", 0), False)
    assert (a.age_s, a.departs_s) == pytest.approx((15.0, 25.2))
    assert (services[b.service], b.placed, b.is_drawn, b.age_s) == ("b", placed("AC", 4), True, 5.0)
    assert b.departs_s > 60.0  # up at the end
    told = [(item.kind, item.cause, services.get(item.service, ""), item.nodes) for item in found.happenings]
    assert told == [
        ("lightpath-added", "create", "c", ()),  # asked again, and carried then
        ("link-failed", "cut", "", ("A", "C")),
        ("lightpath-removed", "cut", "b", ()),
        ("lightpath-added", "restore", "b", ()),
        ("link-failed", "cut", "", ("A", "B")),
        ("lightpath-removed", "cut", "b", ()),
        ("lightpath-removed", "cut", "c", ()),
        ("link-repaired", "repair", "", ("A", "C")),
        ("lightpath-added", "restore", "b", ()),
    ]
    times_s = [item.time_s for item in found.happenings]
    assert times_s == pytest.approx([15.2, 35.0, 35.0, 35.3, 45.0, 45.0, 45.0, 55.0, 55.3], abs=1e-5)
    assert times_s == sorted(set(times_s))
    assert found.failed_links == ()
    assert found.at_end == {uuid("b"): placed("AC", 0)} == lived_through(found)
    assert (found.began_s, found.duration_s, found.versions) == (DAY + 25.0, 60.0, (2, 12))


def test_a_service_deleted_while_it_was_dark_departs_then() -> None:
    changes = [*HAND_CHANGES[:10], removed_dark(11, 75.0, "c", service_class="gold")]
    changes += [change | {"version": change["version"] + 1} for change in HAND_CHANGES[10:]]
    rows = [
        row | {"state_version": row["state_version"] + (row["state_version"] > 10)} for row in HAND_DECISIONS
    ]
    record = record_of(rows, changes)

    found = window(25.0, 85.0, record)
    asked, untold = found.live[0], window(25.0, 85.0)
    assert (asked.service, asked.is_drawn, untold.live[0].is_drawn) == (uuid("c"), False, True)
    assert found.trace.arrival_s[0] + found.trace.holding_s[0] == pytest.approx(50.0)
    assert [item.kind for item in found.happenings] == [item.kind for item in untold.happenings]
    assert lived_through(found, frozenset({uuid("c")})) == found.at_end == untold.at_end

    stood = window(45.0, 85.0, record)
    (standing,) = (item for item in stood.standing if item.service == uuid("c"))
    assert (standing.departs_s, standing.is_drawn) == (pytest.approx(30.0), False)
    # Where it was dark at the begin, its deletion is nothing that happens to the window.
    assert {item.kind for item in window(72.0, 100.0, record).happenings} == {
        "link-repaired",
        "lightpath-added",
    }


def test_a_window_that_begins_after_a_cut_begins_with_the_link_down() -> None:
    found = window(75.0, 100.0)
    assert found.failed_links == (("A", "B"), ("A", "C"))
    assert found.standing == ()
    first, second = found.live
    assert (first.decided_by, first.placed, first.is_comparable) == ("none", None, False)
    assert (second.placed, second.model_version, second.is_comparable) == (placed("AC", 4), "7", True)
    # b was dark at the begin: what becomes of it happens to the window.
    assert [(item.cause, item.service) for item in found.happenings] == [
        ("repair", ""),
        ("restore", uuid("b")),
    ]
    assert lived_through(found) == found.at_end


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"is_constrained": True}, 12),
        ({"decided_by": "fallback", "fallback_reason": "late", "model_version": None}, 12),
        ({}, 11),  # decided on a state from before the last change
    ],
)
def test_a_choice_that_a_replay_cannot_see_alike_is_not_compared(change: dict, version: int) -> None:
    rows = [*HAND_DECISIONS[:-1], decision(12, 95.0, "e", version, **change)]
    found = window(92.0, 100.0, record_of(rows, HAND_CHANGES))
    assert [(live.placed, live.is_comparable) for live in found.live] == [(placed("AC", 4), False)]


def test_a_window_is_the_same_whatever_came_after_it() -> None:
    more = [*HAND_CHANGES, lightpath(14, 99.0, "removed", "delete", "e", 12, placed("AC", 4))]
    later = record_of([*HAND_DECISIONS, blocked(14, 98.0, "a", 13), decision(15, 99.5, "d", 14)], more)
    before = record_of(HAND_DECISIONS[:6], HAND_CHANGES[:4])
    assert window(15.0, 58.0, later).id == window(15.0, 58.0, before).id == window(15.0, 58.0).id
    assert window(15.0, 58.1).id != window(15.0, 58.0).id


def test_what_asked_before_the_end_and_came_up_after_it_is_of_the_next_window() -> None:
    assert [live.decision_id for live in window(5.0, 20.1).live] == ["d1"]
    found = window(20.1, 25.0)
    assert [live.decision_id for live in found.live] == ["d2"]
    assert found.trace.arrival_s.tolist() == [0.0]
    assert found.live[0].placed == placed("AC", 4)
    assert lived_through(found) == found.at_end


def test_a_window_is_read_back_as_written(tmp_path: Path) -> None:
    found = window(25.0, 85.0)
    assert read_window(write_window(found, tmp_path)).id == found.id


@pytest.mark.parametrize(
    ("began_s", "ended_s", "why"), [(96.0, 99.0, "choose a span"), (9.0, 9.0, "must end")]
)
def test_a_window_without_requests_says_where_there_are_some(
    began_s: float, ended_s: float, why: str
) -> None:
    with pytest.raises(WindowError, match=why):
        window(began_s, ended_s)
    with pytest.raises(WindowError, match="no request yet"):
        window(0.0, 9.0, record_of([], []))


def test_the_last_requests_are_counted_from_the_end() -> None:
    for count, first in ((1, "d12"), (2, "d11"), (6, "d1")):
        began_s = begin_of_last(HAND, count, DAY + 100.0)
        found = window_between(HAND, TOPOLOGY, began_s, DAY + 100.0, MEAN_S)
        assert (len(found.live), found.live[0].decision_id) == (count, first)
    with pytest.raises(WindowError, match="the record has 6"):
        begin_of_last(HAND, 7, DAY + 100.0)


@given(
    st.lists(st.tuples(st.floats(-5, 15), st.booleans()), max_size=30),
    st.floats(8, 12),
)
def test_times_grow_strictly_and_changes_keep_theirs_where_they_can(
    items: list[tuple[float, bool]], duration_s: float
) -> None:
    events = [Event(time_s, is_change) for time_s, is_change in items]
    times_s = ordered_times(events, duration_s)
    assert all(later - earlier >= 0.9 * STEP_S for earlier, later in pairwise(times_s))
    assert all(-1e-12 <= time_s < duration_s + 31 * STEP_S for time_s in times_s)
    before_s = 0.0
    for event, time_s in zip(events, times_s, strict=True):
        if event.is_change:
            wanted_s = min(max(event.time_s, before_s), duration_s)
            assert time_s == pytest.approx(wanted_s, abs=40 * STEP_S)
            before_s = max(before_s, event.time_s)


class RandomNetwork:
    """Lives of a few services on a controller that behaves as the real one, told as its logs tell them."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.decisions: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.now_s = 0.0
        self.up: dict[str, tuple[int, Placed]] = {}  # decision number and place of lightpaths
        self.dark: set[str] = set()
        self.cut = False
        for _ in range(60):
            self._step()

    def _step(self) -> None:
        # Often at one moment, as far as a clock tells.
        self.now_s += float(self.random.choice([0.0, 1e-6, 0.3, 4.0]))
        service = str(self.random.choice(list("abcdef")))
        match self.random.choice(["create", "create", "create", "delete", "cut", "repair"]):
            case "create" if service not in self.up and service not in self.dark:
                self._ask(service, "create")
            case "delete" if service in self.up:
                number, place = self.up.pop(service)
                self._change("removed", "delete", service, number, place)
            case "delete":
                self.dark.discard(service)
            case "cut" if not self.cut:
                self.cut = True
                self.changes.append(link(len(self.changes) + 1, self._stamp(), "failed", "AC"))
                hit = list(self.up)[::2]
                for name in hit:
                    number, place = self.up.pop(name)
                    self._change("removed", "cut", name, number, place)
                self.dark |= set(hit)
                self._restore(hit)
            case "repair" if self.cut:
                self.cut = False
                self.changes.append(link(len(self.changes) + 1, self._stamp(), "repaired", "AC"))
                self._restore(sorted(self.dark))

    def _restore(self, services: list[str]) -> None:
        for service in services:
            self._ask(service, "restore")

    def _stamp(self) -> float:
        return self.now_s + float(self.random.choice([0.0, -2e-6, 1e-3]))  # clocks are set now and then

    def _ask(self, service: str, cause: str) -> None:
        number, version = len(self.decisions) + 1, len(self.changes)
        about = {"cause": cause, "is_constrained": bool(self.random.random() < 0.2)}
        match self.random.choice(["carried", "carried", "blocked", "failed"]):
            case "blocked":
                self.decisions.append(blocked(number, self._stamp(), service, version, **about))
            case "failed":
                self.decisions.append(decision(number, self._stamp(), service, version, **about))
            case _:
                self.decisions.append(decision(number, self._stamp(), service, version, **about))
                self.now_s += float(self.random.choice([0.0, 0.05]))
                place = placed("AC", number)
                self._change("added", cause, service, number, place)
                self.up[service] = number, place
                self.dark.discard(service)

    def _change(self, kind: str, cause: str, service: str, number: int, place: Placed) -> None:
        version = len(self.changes) + 1
        self.changes.append(lightpath(version, self._stamp(), kind, cause, service, number, place))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_window_lived_through_ends_where_the_change_log_does(
    seed: int, begin: float, length: float
) -> None:
    network = RandomNetwork(seed)
    record = record_of(network.decisions, network.changes)
    began_s = begin * network.now_s
    ended_s = began_s + length * (network.now_s + 2.0 - began_s) + 1e-3
    try:
        found = window(began_s, ended_s, record)
    except WindowError:
        reject()  # no request in it
    assert lived_through(found) == found.at_end
    expected: dict[str, Placed] = {}
    for change in record.changes[: found.versions[1]]:
        if change.kind == "lightpath-added":
            place = (change.nodes, change.first_slot, change.num_slots, change.modulation_format)
            expected[change.service_uuid] = Placed(*place)
        elif change.kind == "lightpath-removed":
            del expected[change.service_uuid]
    assert found.at_end == expected
    assert (np.diff(found.trace.arrival_s) > 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_windows_side_by_side_hold_every_request_once(seed: int, cuts: list[float]) -> None:
    network = RandomNetwork(seed)
    record = record_of(network.decisions, network.changes)
    edges = sorted({-1.0, *(cut * network.now_s for cut in cuts), network.now_s + 2.0})
    found: list[str] = []
    for began_s, ended_s in pairwise(edges):
        try:
            found += [live.service for live in window(began_s, ended_s, record).live]
        except WindowError:
            continue
    alive: dict[str, bool] = {}  # services that were asked for; whether they were carried since
    carried = {change["decision_id"] for change in network.changes if change["kind"] == "lightpath-added"}
    expected = []
    for row in network.decisions:
        service = row["service_uuid"]
        if row["cause"] == "create":
            if alive.get(service, True):
                expected.append(service)
            alive[service] = row["decision_id"] in carried
    assert sorted(found) == sorted(expected)


def test_happenings_name_the_block_that_they_are_about() -> None:
    for item in window(25.0, 85.0).happenings:
        assert isinstance(item, Happening)
        assert (item.placed is None) == (item.kind in ("link-failed", "link-repaired"))
