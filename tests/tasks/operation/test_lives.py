"""Lives against a log whose lives were worked out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tasks.operation.lives import lives_of, pending
from tasks.operation.record import OperationError
from tasks.operation.sources import admit, changes_of
from tasks.operation.store import lightpath_rows, request_row
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

CHANGES = changes_of(HAND_CHANGES, 0)
LIVES = lives_of(asks(HAND_DECISIONS, CHANGES), CHANGES)

# Service, first ask, asks, outcome, reason, lightpaths, set up, departed, why, censored.
BY_HAND: list[tuple[Any, ...]] = [
    ("a", 10.0, 1, "carried", None, 1, 10.2, 50.2, "deleted", False),
    # Restored once over A-B-C, cut again, restored over A-C after the repair, still up.
    ("b", 20.0, 1, "carried", None, 3, 20.2, None, None, True),
    # Asked three times: blocked, blocked, carried; cut, and never restored.
    ("c", 30.0, 3, "blocked", "no free slots", 1, 40.2, 70.0, "cut", True),
    ("d", 55.0, 1, "failed", None, 0, None, None, None, True),
    ("f", 90.0, 1, "blocked", "no path within 1 ms", 0, None, None, None, True),
    ("e", 95.0, 1, "carried", None, 1, 95.2, None, None, True),
]


def test_the_life_of_every_request_is_as_worked_out_by_hand() -> None:
    rows = [request_row(life) for life in LIVES]
    columns = (
        *("service_uuid", "asked_s", "num_asks", "outcome", "reason", "num_lightpaths"),
        *("set_up_s", "departed_s", "departure_cause", "is_censored"),
    )
    times = ("asked_s", "set_up_s", "departed_s")
    found = [tuple(row[name] for name in columns) for row in rows if row]
    expected = []
    for item in BY_HAND:
        values = dict(zip(columns, item, strict=True))
        values["service_uuid"] = uuid(str(values["service_uuid"]))
        values |= {name: None if values[name] is None else DAY + float(values[name]) for name in times}
        expected.append(tuple(values.values()))
    assert found == expected


def test_each_lightpath_of_a_life_has_its_times_and_causes() -> None:
    (life,) = (life for life in LIVES if life.service_uuid == uuid("b"))
    told = [
        (
            row["number"],
            row["decision_id"],
            "".join(row["nodes"]),
            row["set_up_cause"],
            row["departure_cause"],
        )
        for row in lightpath_rows(life)
    ]
    assert told == [
        (0, "d2", "AC", "create", "restored elsewhere"),
        (1, "d7", "ABC", "restore", "restored elsewhere"),
        (2, "d10", "AC", "restore", None),
    ]
    assert [row["set_up_s"] - DAY for row in lightpath_rows(life)] == pytest.approx([20.2, 60.3, 80.3])
    assert {row["request_id"] for row in lightpath_rows(life)} == {"d2"}


def test_a_uuid_used_again_after_its_service_was_deleted_is_another_request() -> None:
    changes = changes_of(
        [
            lightpath(1, 1.0, "added", "create", "a", 1, placed("AC", 0)),
            lightpath(2, 2.0, "removed", "delete", "a", 1, placed("AC", 0)),
            lightpath(3, 4.0, "added", "create", "a", 3, placed("AC", 0)),
            lightpath(4, 5.0, "removed", "cut", "a", 3, placed("AC", 0)),
            # Deleted while it had no lightpath, which a log of an older version does not tell.
            lightpath(5, 8.0, "added", "create", "a", 4, placed("AC", 0)),
        ],
        0,
    )
    rows = [decision(1, 0.9, "a", 0), blocked(2, 3.0, "a", 2), decision(3, 3.9, "a", 2)]
    lives = lives_of(asks([*rows, decision(4, 7.9, "a", 4)], changes), changes)
    assert [(life.outcome, life.num_asks, life.deleted is not None) for life in lives] == [
        ("carried", 1, True),
        ("blocked", 2, False),
        ("carried", 1, False),
    ]
    assert lives[1].next_ask == lives[2].first


@pytest.mark.parametrize(("cause", "called"), [("delete", "deleted"), ("ended", "ended")])
def test_a_deletion_without_a_lightpath_ends_the_life_and_not_the_next_one_under_its_uuid(
    cause: str, called: str
) -> None:
    changes = changes_of(
        [
            lightpath(1, 1.0, "added", "create", "a", 1, placed("AC", 0)),
            link(2, 2.0, "failed", "AC"),
            lightpath(3, 2.0, "removed", "cut", "a", 1, placed("AC", 0)),
            removed_dark(4, 6.0, "a", cause=cause),
            lightpath(5, 8.0, "added", "create", "a", 2, placed("ABC", 0)),
        ],
        0,
    )
    rows = [decision(1, 0.9, "a", 0), decision(2, 7.9, "a", 4)]
    first, second = lives_of(asks(rows, changes), changes)
    assert (first.deleted and first.deleted.version, second.deleted) == (4, None)
    row = request_row(first)
    assert row is not None
    assert (row["departed_s"], row["departure_cause"], row["is_censored"]) == (DAY + 6.0, called, False)
    (lightpath_row,) = lightpath_rows(first)  # which went at the cut
    assert (lightpath_row["departed_s"], lightpath_row["departure_cause"]) == (DAY + 2.0, "cut")


def test_a_lightpath_whose_decision_is_not_in_the_log_is_no_request() -> None:
    changes = changes_of([lightpath(1, 1.0, "added", "create", "a", 1, placed("AC", 0), decision_id="")], 0)
    (life,) = lives_of([], changes)
    assert (life.first, life.service_uuid, request_row(life)) == (None, uuid("a"), None)
    assert lightpath_rows(life)[0]["request_id"] is None


def test_only_what_no_later_change_rules_out_may_still_come_up() -> None:
    changes = changes_of(HAND_CHANGES, 0)
    rows = [*HAND_DECISIONS, decision(13, 97.0, "d", 13)]
    (open_ask,) = pending(asks(rows, changes), changes, DAY + 98.0)
    assert open_ask.decision_id == "d13"
    assert not pending(asks(rows, changes), changes, DAY + 97.0 + 61.0)
    later = [*rows, blocked(14, 97.5, "f", 13)]
    assert not pending(asks(later, changes), changes, DAY + 98.0)
    assert not pending(asks(HAND_DECISIONS, changes), changes, DAY + 98.0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bit_rate_gbps": 0.0}, "bit_rate_gbps"),
        ({"bit_rate_gbps": "much"}, "bit_rate_gbps"),
        ({"service_uuid": "none"}, "service_uuid"),
        ({"cause": "whim"}, "cause"),
        ({"destination": "A"}, "source is not destination"),
        ({"outcome": None}, "outcome"),
        ({"max_latency_ms": -1.0}, "max_latency_ms"),
        ({"topology_hash": "another"}, "not the network in service"),
        ({"state_version": 99}, "the change log ends at 13"),
        ({"time_s": DAY - 100.0, "state_version": 3}, "earlier than change 3"),
        ({"time_s": DAY + 300.0, "state_version": 3}, "later than change 4"),
        (dict.fromkeys(("service_uuid", "cause", "service_class", "is_constrained")), "decision schema 3"),
    ],
)
def test_a_row_that_does_not_fit_is_kept_aside_with_the_reason(change: dict, why: str) -> None:
    frame = pd.DataFrame([decision(1, 10.0, "a", 0), decision(2, 20.0, "b", 1) | change])
    found, (refused,) = admit(frame, tuple(CHANGES), TOPOLOGY.content_hash)
    assert [ask.decision_id for ask in found] == ["d1"]
    assert refused["decision_id"] == "d2"
    assert why in refused["refused_because"]


def test_a_path_computed_for_no_service_is_neither_asked_nor_refused() -> None:
    by_hand = dict.fromkeys(("service_uuid", "cause", "service_class"))
    frame = pd.DataFrame([decision(1, 10.0, "a", 0) | by_hand])
    assert admit(frame, (), TOPOLOGY.content_hash) == ([], [])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "lightpath-bent"}, "kind"),
        ({"version": 3}, "3 in place of 2"),
        ({"num_slots": 0}, "slots"),
        ({"kind": "service-removed", "service_uuid": ""}, "has a service"),
    ],
)
def test_a_change_log_that_is_not_as_agreed_is_refused_whole(change: dict, why: str) -> None:
    with pytest.raises(OperationError, match=why):
        changes_of([HAND_CHANGES[0], HAND_CHANGES[1] | change], 0)
