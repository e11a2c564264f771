"""What served from when to when, against logs made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.decision_columns import find_decisions, read_columns
from tasks.history import history, stretches
from tasks.promotions import Promotion

LOG = (
    Promotion("promote", "m", "1", "", "ksp_ff", "there was no champion", 100.0),
    Promotion("promote", "m", "1", "1", "ksp_ff", "found in service", 150.0),
    Promotion("promote", "m", "2", "1", "linear", "passes all 9 rules", 200.0),
    Promotion("rollback", "m", "1", "2", "", "too slow", 300.0),
)


def decision(time_s: float, outcome: str, decided_by: str, cause: str | None = "create") -> dict[str, Any]:
    key = f"d-{time_s:g}"
    return {
        "decision_id": key,
        "service_uuid": f"s-{time_s:g}",
        "time_s": time_s,
        "outcome": outcome,
        "decided_by": decided_by,
        "cause": cause,
        "f_wide": 1.0,
    }


ROWS = [
    decision(99, "accepted", "fallback"),  # before anything served
    decision(100, "accepted", "model"),
    decision(199, "blocked", "none"),
    decision(200, "accepted", "model"),
    decision(210, "accepted", "model", "restore"),  # no demand
    decision(220, "accepted", "model", None),  # a path computed for nobody
    decision(230, "accepted", "fallback"),
    decision(250, "blocked", "none"),
    decision(260, "blocked", "none"),
    decision(300, "accepted", "model"),
]


@pytest.fixture
def decisions(tmp_path: Path) -> Path:
    """Two closed parts, one of them also still there as lines, and an open one whose last line is half."""
    pd.DataFrame(ROWS[:4]).to_parquet(tmp_path / "part-00000001-20260101T000000Z.parquet")
    lines = [json.dumps(row) for row in ROWS]
    (tmp_path / "part-00000001-20260101T000000Z.jsonl").write_text("\n".join(lines[:4]) + "\n")
    pd.DataFrame(ROWS[4:8]).to_parquet(tmp_path / "part-00000002-20260101T000500Z.parquet")
    (tmp_path / "part-00000010-20260101T001000Z.jsonl").write_text("\n".join(lines[8:]) + '\n{"decis')
    return tmp_path


def test_each_version_serves_from_its_promotion_to_the_next_change() -> None:
    found = [(item.version, item.from_s, item.to_s, item.successor) for item in stretches(LOG)]
    assert found == [("1", 100.0, 200.0, "2"), ("2", 200.0, 300.0, "1"), ("1", 300.0, None, "")]


def test_why_it_came_and_why_it_went_are_told() -> None:
    first, second, third = stretches(LOG)
    assert first.came == ("promote", "there was no champion")
    assert first.went == second.came == ("promote", "passes all 9 rules")
    assert second.went == third.came == ("rollback", "too slow")
    assert third.went is None


def test_decisions_count_where_they_were_made(decisions: Path) -> None:
    promised = {"1": 0.02, "2": None}.get
    first, second, third = history(LOG, decisions, promised)
    assert (first.decisions, first.by_model, first.by_fallback, first.blocking.part) == (2, 1, 0, 1)
    assert (second.decisions, second.by_model, second.by_fallback, second.blocking.part) == (4, 1, 1, 2)
    assert (third.decisions, third.blocking.part) == (1, 0)
    assert [item.promised for item in (first, second, third)] == [0.02, None, 0.02]
    assert third.policy == "ksp_ff"  # the line of a rollback may not name it


def test_json_tells_times_in_utc_and_how_long(decisions: Path) -> None:
    first, second, third = (item.to_json(now_s=360.0) for item in history(LOG, decisions, lambda _: None))
    assert (first["from"], first["to"]) == ("1970-01-01T00:01:40Z", "1970-01-01T00:03:20Z")
    assert (second["served_s"], third["served_s"], third["to"]) == (100.0, 60.0, None)
    assert second["went"] == {"action": "rollback", "reason": "too slow", "successor": "1"}
    assert second["request_blocking"] == 0.5


def test_where_nothing_was_decided_nothing_is_counted(tmp_path: Path) -> None:
    assert history((), tmp_path, lambda _: None) == ()
    (item,) = history(LOG[:1], tmp_path, lambda _: None)
    assert item.decisions == 0


def test_a_log_from_before_causes_were_known_counts_whole(tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "cause"} for row in ROWS]
    pd.DataFrame(rows).to_parquet(tmp_path / "part-00000001-20260101T000000Z.parquet")
    assert [item.decisions for item in history(LOG, tmp_path, lambda _: None)] == [2, 6, 1]


def test_decisions_are_found_by_their_id_and_by_their_service(decisions: Path) -> None:
    assert len(read_columns(decisions, ["time_s"])) == len(ROWS)
    for key in ("d-250", "s-250", "d-300", "s-99"):
        (row,) = find_decisions(decisions, key)
        assert key in (row["decision_id"], row["service_uuid"])
        assert row["f_wide"] == 1.0
    assert find_decisions(decisions, "d-220")[0]["cause"] is None
    assert find_decisions(decisions, "nobody") == []
