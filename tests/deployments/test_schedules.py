"""A deployment is degraded where a run that was due did not come, and where one has lost its process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from deployments.schedules import LATE_S, SILENT_S, judged

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def deployment(paused: bool = False, updated_s: float = SILENT_S + 1) -> dict[str, Any]:
    schedule = {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    return {
        "name": "training",
        "paused": paused,
        "updated": ago(updated_s),
        "schedules": [{"active": True, "schedule": schedule}],
    }


def run(name: str, state: str, due_s: float, ended_s: float | None = None) -> dict[str, Any]:
    end = ago(ended_s) if ended_s is not None else None
    return {
        "id": name,
        "name": name,
        "state_name": state,
        "state": {"timestamp": ago(due_s), "message": "said"},
        "expected_start_time": ago(due_s),
        "start_time": None,
        "end_time": end,
    }


def test_last_and_next_run_are_told_in_the_zone_of_the_schedule() -> None:
    past, waiting = [run("one", "Promoted", 700, 600)], [run("two", "Scheduled", -3600)]

    found = judged(deployment(), past, waiting, set(), NOW)

    assert found.degraded == ""
    assert found.schedule == "cron 0 3 * * * Europe/Berlin"
    assert found.last_run is not None
    assert found.next_run is not None
    assert (found.last_run.state, found.last_run.at) == ("Promoted", "2026-03-01 12:50:00+01:00")
    assert found.next_run.at == "2026-03-01 14:00:00+01:00"


def test_a_run_that_is_late_is_a_fault_unless_it_waits_for_its_turn() -> None:
    coming = run("next", "Scheduled", -10)

    late = judged(deployment(), [], [run("one", "Late", LATE_S + 5), coming], set(), NOW)
    queued = judged(deployment(), [], [run("one", "AwaitingConcurrencySlot", 900), coming], set(), NOW)

    assert late.degraded == f"one was due {LATE_S + 5:.0f} s ago and has not started"
    assert queued.degraded == ""


def test_a_schedule_without_a_next_run_says_that_the_scheduler_is_silent() -> None:
    assert "scheduler is silent" in judged(deployment(), [], [], set(), NOW).degraded
    assert judged(deployment(paused=True), [], [], set(), NOW).degraded == ""
    assert judged(deployment(updated_s=10), [], [], set(), NOW).degraded == ""


def test_a_run_without_a_process_is_told() -> None:
    found = judged(deployment(), [run("one", "Running", 90)], [run("x", "Scheduled", -10)], {"one"}, NOW)

    assert found.degraded == "one is Running and has no process"
