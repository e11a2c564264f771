"""What each deployment did last and does next, and where a run that was due did not come.

Read-only, for ``lightloop status``. Not here: settling what is stuck (``flow_runs.py``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from configs.home import Home
from configs.schema import Config
from deployments.flow_runs import BUSY, ENDED, busy_runs, living_run_ids
from deployments.orchestration import PrefectApi

LATE_S = 60.0  # the worker asks every second, and a run starts within a few
SILENT_S = 150.0  # the scheduler looks every minute
AWAITING = "AwaitingConcurrencySlot"  # late because another runs: as it should be


@dataclass(frozen=True)
class RunSeen:
    """A flow run as it is told."""

    name: str
    state: str
    at: str  # ISO 8601; in the zone of the schedule where it has one
    message: str = ""


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment now.

    Attributes:
        last_run: that ended last, or runs; None where there was none.
        next_run: that is scheduled next; None where none is.
        schedule: in words, with its zone; empty where it runs on demand only.
        degraded: why it is not as it should be; empty where it is.
    """

    name: str
    last_run: RunSeen | None
    next_run: RunSeen | None
    schedule: str
    degraded: str

    def to_json(self) -> dict[str, Any]:
        """For ``status --json``."""
        return asdict(self)


def deployment_statuses(config: Config, home: Home, now: datetime | None = None) -> list[DeploymentStatus]:
    """Every deployment of the work pool, by name.

    Raises:
        OrchestrationError: Prefect is away.
    """
    api, moment = PrefectApi(config), now or datetime.now(UTC)
    pool = {"work_pools": {"name": {"any_": [config.prefect.work_pool]}}}
    busy = busy_runs(api, config)
    stuck = {run["id"] for run in busy} - living_run_ids(home)
    found = []
    for deployment in sorted(api.post("/deployments/filter", pool), key=lambda item: str(item["name"])):
        of_it = {"deployments": {"id": {"any_": [deployment["id"]]}}}
        past = _runs(api, of_it, [*BUSY, *ENDED], "START_TIME_DESC")
        waiting = _runs(api, of_it, ["SCHEDULED"], "EXPECTED_START_TIME_ASC")
        found.append(judged(deployment, past, waiting, stuck, moment))
    return found


def judged(
    deployment: Any, past: list[Any], waiting: list[Any], stuck: set[str], now: datetime
) -> DeploymentStatus:
    """The status of a deployment by its record and its runs."""
    active = [item["schedule"] for item in deployment["schedules"] if item["active"]]
    zone = ZoneInfo(next((item.get("timezone") or "UTC" for item in active), "UTC"))
    paused = " (paused)" if deployment["paused"] else ""
    coming = next((run for run in waiting if _time(run["expected_start_time"]) > now), None)
    return DeploymentStatus(
        name=str(deployment["name"]),
        last_run=_seen(past[0], zone) if past else None,
        next_run=_seen(coming, zone) if coming else None,
        schedule="; ".join(map(_words, active)) + paused if active else "",
        degraded="; ".join(_faults(deployment, bool(active), past, waiting, coming, stuck, now)),
    )


def _faults(
    deployment: Any,
    is_scheduled: bool,
    past: list[Any],
    waiting: list[Any],
    coming: Any,
    stuck: set[str],
    now: datetime,
) -> list[str]:
    faults = []
    for run in past:
        if run["id"] in stuck and _age_s(run["state"]["timestamp"], now) > LATE_S:
            faults.append(f"{run['name']} is {run['state_name']} and has no process")
    late = [run for run in waiting if _is_late(run, now)]
    if late:
        since = _age_s(late[0]["expected_start_time"], now)
        faults.append(f"{late[0]['name']} was due {since:.0f} s ago and has not started")
    is_settled = _age_s(deployment["updated"], now) > SILENT_S
    if is_scheduled and not deployment["paused"] and coming is None and is_settled:
        faults.append("it has a schedule and no next run: the scheduler is silent, see the log of prefect")
    return faults


def _is_late(run: Any, now: datetime) -> bool:
    is_due = _age_s(run["expected_start_time"], now) > LATE_S
    return is_due and run["state_name"] != AWAITING


def _runs(api: PrefectApi, of_it: dict[str, Any], types: list[str], order: str) -> list[Any]:
    body = {**of_it, "flow_runs": {"state": {"type": {"any_": types}}}, "sort": order, "limit": 20}
    if order == "START_TIME_DESC":
        body["flow_runs"]["start_time"] = {"is_null_": False}
    return list(api.post("/flow_runs/filter", body))


def _seen(run: Any, zone: ZoneInfo) -> RunSeen:
    at = run["end_time"] or run["start_time"] or run["expected_start_time"]
    local = _time(at).astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return RunSeen(str(run["name"]), str(run["state_name"]), local, str(run["state"].get("message") or ""))


def _words(schedule: Any) -> str:
    zone = schedule.get("timezone") or "UTC"
    return f"cron {schedule['cron']} {zone}" if "cron" in schedule else f"every {schedule['interval']:g} s"


def _age_s(timestamp: str, now: datetime) -> float:
    return (now - _time(timestamp)).total_seconds()


def _time(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
