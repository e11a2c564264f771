"""A record whose old days are forgotten makes the same windows of the days that are left."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from envs.window import Window, WindowError
from tasks.operation.forget import forget, forgettable_bytes, living_on
from tasks.operation.store import Record, read_table
from tests.tasks.operation.logs import DAY, HAND_CHANGES, blocked, decision, lightpath, placed, uuid
from tests.tasks.operation.network import Network
from tests.tasks.operation.test_window import RandomNetwork, lived_through, record_of, window


def forgetting(record: Record, before_s: float) -> Record:
    asks, changes = living_on(record.asks, record.changes, before_s)
    return replace(record, asks=tuple(asks), changes=tuple(changes), forgotten_s=before_s)


def seen(found: Window) -> Any:
    """All of a window but what is drawn: holding times are fitted to fewer lives."""
    trace = found.trace
    is_drawn = np.array([item.is_drawn for item in found.live])
    columns = (trace.arrival_s, trace.source, trace.destination, np.where(is_drawn, 0.0, trace.holding_s))
    standing = {
        item.service: replace(item, departs_s=0.0 if item.is_drawn else item.departs_s)
        for item in found.standing
    }
    rest = found.live, found.failed_links, found.happenings, found.at_end, found.versions
    return [column.tolist() for column in columns], standing, rest


@settings(max_examples=30)
@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_window_after_the_forgotten_days_is_the_same(
    seed: int, limit: float, begin: float, length: float
) -> None:
    network = RandomNetwork(seed)
    record, end_s = record_of(network.decisions, network.changes), network.now_s + 2.0
    before_s = limit * network.now_s
    began_s = before_s + begin * (network.now_s - before_s)
    ended_s = began_s + length * (end_s - began_s) + 1e-3
    shorter = forgetting(record, DAY + before_s)
    assert all(change in record.changes for change in shorter.changes)
    try:
        whole = window(began_s, ended_s, record)
    except WindowError:
        reject()  # no request in it
    found = window(began_s, ended_s, shorter)
    assert seen(found) == seen(whole)
    assert lived_through(found) == found.at_end


def test_what_stands_and_what_is_down_lives_on_and_a_forgotten_begin_is_refused() -> None:
    changes = [*HAND_CHANGES, lightpath(14, 200.0, "added", "create", "f", 14, placed("AC", 8))]
    rows = [decision(2, 20.0, "b", 1), decision(12, 95.0, "e", 12), blocked(11, 90.0, "d", 12)]
    record = forgetting(record_of([*rows, decision(14, 199.0, "f", 13)], changes), DAY + 150.0)
    # b and e stand, f came up since; A-B is down since change 8. a is deleted, c was cut: both forgotten.
    assert {change.service_uuid for change in record.changes} == {"", uuid("b"), uuid("e"), uuid("f")}
    assert [change.version for change in record.changes if not change.service_uuid] == [8]
    assert {ask.decision_id for ask in record.asks} == {"d2", "d12", "d14"}
    found = window(150.0, 210.0, record)
    assert found.failed_links == (("A", "B"),)
    assert found.versions == (13, 14)
    assert {item.service for item in found.standing} == {uuid("b"), uuid("e")}
    with pytest.raises(WindowError, match="forgotten"):
        window(100.0, 210.0, record)


def test_a_record_on_disk_forgets_whole_days_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(tmp_path, monkeypatch)
    day_s = 86_400.0
    a, b, c = placed("AC", 0), placed("AC", 4), placed("AC", 8)
    network.changes = [
        lightpath(1, 10.2, "added", "create", "a", 1, a),
        lightpath(2, 20.2, "added", "create", "b", 2, b),
        lightpath(3, 30.2, "removed", "delete", "a", 1, a),
        lightpath(4, day_s + 10.2, "added", "create", "c", 4, c),
    ]
    first = [decision(1, 10.0, "a", 0), decision(2, 20.0, "b", 1), blocked(3, 25.0, "d", 2)]
    network.part(1, first)
    network.part(2, [decision(4, day_s + 10.0, "c", 3)])
    network.now_s = DAY + day_s + 100.0
    network.update()
    whole = network.update()
    assert forgettable_bytes(network.record, DAY) == 0
    assert forgettable_bytes(network.record, DAY + day_s) > 0

    forget(network.record, DAY + day_s)
    assert forgettable_bytes(network.record, DAY + day_s) == 0
    after = network.files()
    forget(network.record, DAY + day_s)
    assert network.files() == after
    assert [row["service_uuid"] for row in read_table(network.record, "requests")] == [uuid("b"), uuid("c")]
    record = network.update()
    assert network.files() == after  # a part that was taken in is not taken in again
    assert (record.forgotten_s, record.changes[-1]) == (DAY + day_s, whole.changes[-1])

    network.changes.append(lightpath(5, day_s + 150.0, "removed", "delete", "b", 2, b))
    network.part(3, [decision(5, day_s + 160.0, "e", 5)])
    network.now_s = DAY + day_s + 300.0
    record = network.update()
    assert network.asked[-1] == 4
    found = window(day_s + 1.0, day_s + 250.0, replace(record, settled_s=math.inf))
    assert ([item.service for item in found.standing], found.versions) == ([uuid("b")], (3, 5))
    assert found.at_end == {uuid("c"): c}

    forget(network.record, DAY + 2 * day_s)  # of the first day nothing stands any more
    days = {file.name for file in network.record.glob("day=*")}
    assert days == {f"day={datetime.fromtimestamp(DAY + day_s, UTC):%Y-%m-%d}"}
