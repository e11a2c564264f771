"""Flow runs that nobody runs any more, settled: their state, their place under the limit, their MLflow run.

A run keeps its state and its place when its process is killed, and a place that is kept stops every run after
it. A living run is known by its process: the worker's children carry the id of their flow run in their
environment, so that a number used again by another process cannot be mistaken. A run whose record names
another host is left alone.

Not here: who asks for it when (``upkeep.py``, ``stack.py``), what is late (``schedules.py``), how MLflow is
told (``mlflow_runs.py``).
"""

from __future__ import annotations

import contextlib
import socket
import time
from datetime import UTC, datetime
from typing import Any

import psutil

from configs.home import HOME_VARIABLE, Home
from configs.schema import Config
from deployments.mlflow_runs import STATUS, end_left_over, end_mlflow_runs
from deployments.orchestration import OrchestrationError, PrefectApi

FLOW_RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"  # set by Prefect's worker for the process of a run
STARTING_S = 120.0  # a run that has no process yet may be about to get one for so long
CANCEL_WAIT_S = 20.0
BUSY = ("RUNNING", "PENDING", "CANCELLING")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PAGE = 200


def settle(config: Config, home: Home, starting_s: float = STARTING_S) -> str:
    """Settle runs whose process is gone; what was done, in words.

    Args:
        config: of the installation.
        home: of the installation.
        starting_s: how long a run may be pending without a process; 0 where no worker runs.
    """
    api = PrefectApi(config)
    told = []
    for run in dead_runs(api, config, home, starting_s):
        state = "CANCELLED" if run["state_type"] == "CANCELLING" else "CRASHED"
        _end_processes(home, {run["id"]})  # Ray's, which may outlive the flow that started them
        told.append(_end(api, config, run, state, "its process is gone"))
    told += end_left_over(config, api)
    return "; ".join(told)


def dead_runs(api: PrefectApi, config: Config, home: Home, starting_s: float = STARTING_S) -> list[Any]:
    """The runs of this machine that are busy by their state and have no process."""
    candidates = [run for run in busy_runs(api, config) if _is_here(run)]
    if not candidates:
        return []
    living = living_run_ids(home)
    dead = []
    for run in candidates:
        if run["id"] in living:
            continue
        # A process sets the last state before it ends: what is read after it has been missed is the truth.
        now = api.flow_run(run["id"])
        is_same = now["state_id"] == run["state_id"]
        may_start = now["state_type"] != "RUNNING" and _age_s(now["state"]["timestamp"]) < starting_s
        if is_same and not may_start:
            dead.append(now)
    return dead


def busy_runs(api: PrefectApi, config: Config) -> list[Any]:
    """The runs of our work pool that should have a process."""
    body = {
        "flow_runs": {"state": {"type": {"any_": list(BUSY)}}},
        "work_pools": {"name": {"any_": [config.prefect.work_pool]}},
        "limit": PAGE,
    }
    return list(api.post("/flow_runs/filter", body))


def living_run_ids(home: Home) -> set[str]:
    """Ids of the flow runs that have a process of this home."""
    return {run_id for process, run_id in _processes_of_runs(home) if _is_flow(process)}


def cancel_all(config: Config, home: Home, wait_s: float = CANCEL_WAIT_S) -> list[str]:
    """Cancel what runs and wait for its end; the rest is ended. Their names.

    Runs that wait for their turn stay: they have done nothing yet. The work pool is paused, or they would
    take the place that has become free; ``lightloop up`` lets it go on.
    """
    api = PrefectApi(config)
    api.pause_work_pool(config.prefect.work_pool, True)
    running = [run for run in busy_runs(api, config) if _is_here(run)]
    for run in running:
        with contextlib.suppress(OrchestrationError):
            body = {"state": {"type": "CANCELLING", "message": "lightloop down"}, "force": False}
            api.post(f"/flow_runs/{run['id']}/set_state", body)
    ids = {run["id"] for run in running}
    deadline = time.monotonic() + wait_s
    while ids & _unfinished(api, config) and time.monotonic() < deadline:
        time.sleep(0.3)
    left = ids & _unfinished(api, config)
    _end_processes(home, left)
    for run in running:
        if run["id"] in left:
            _end(api, config, run, "CANCELLED", "lightloop down")
        else:
            end_mlflow_runs(config, run["id"], "KILLED")
    return [run["name"] for run in running]


def skip_overdue(config: Config, now: datetime | None = None) -> str:
    """Cancel scheduled runs whose time has passed while nothing ran: the next comes at its own time.

    Only what a schedule made is skipped; what a person or an event has asked for is still done.
    """
    api, moment = PrefectApi(config), now or datetime.now(UTC)
    body = {
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "expected_start_time": {"before_": moment.isoformat()},
        },
        "work_pools": {"name": {"any_": [config.prefect.work_pool]}},
        "limit": PAGE,
    }
    skipped = 0
    while overdue := [run for run in api.post("/flow_runs/filter", body) if run["auto_scheduled"]]:
        for run in overdue:
            state = {"type": "CANCELLED", "name": "Skipped", "message": "due while the installation was down"}
            api.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        skipped += len(overdue)
    return f"skipped {skipped} scheduled runs that were due meanwhile" if skipped else ""


def _end(api: PrefectApi, config: Config, run: Any, state_type: str, why: str) -> str:
    state = {"type": state_type, "name": state_type.capitalize(), "message": why}
    # MLflow first: who sees that a flow run is over finds its MLflow run ended too.
    end_mlflow_runs(config, run["id"], STATUS[state_type])
    api.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    return f"{run['name']} was {run['state_type'].lower()}, {why}: {state_type.lower()}"


def _unfinished(api: PrefectApi, config: Config) -> set[str]:
    return {run["id"] for run in busy_runs(api, config)}


def _is_here(run: Any) -> bool:
    """Whether a run belongs to this machine, as far as its record tells."""
    host, _, _ = (run.get("infrastructure_pid") or "").rpartition(":")
    return host in ("", socket.gethostname())


def _processes_of_runs(home: Home) -> list[tuple[psutil.Process, str]]:
    """Every living process of this home that works for a flow run, and the id of that run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            run_id = environment.get(FLOW_RUN_VARIABLE)
            is_ours = run_id and environment.get(HOME_VARIABLE) == str(home.root)
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process, str(run_id)))
    return found


def _is_flow(process: psutil.Process) -> bool:
    # What a flow starts inherits its environment, and may outlive it.
    with contextlib.suppress(psutil.Error):
        return any("prefect" in word for word in process.cmdline())
    return False


def _end_processes(home: Home, run_ids: set[str]) -> None:
    for process, run_id in _processes_of_runs(home):
        if run_id in run_ids:
            with contextlib.suppress(psutil.Error):
                process.kill()


def _age_s(timestamp: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp.replace("Z", "+00:00"))).total_seconds()
