"""Flow runs that change what serves, with their verdicts, and the live curve of the last training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.progress_log import progress_log_of, read_progress_log
from tasks.registry_reader import FLOW_RUN_TAG, KeptRun

TRAINING = "continuous-training"  # flow
FLOWS = (TRAINING, "rollback", "provision")
MOST_STEPS = 6
WAITING = ("SCHEDULED", "PENDING")


@dataclass(frozen=True)
class LoopRun:
    """One flow run.

    Attributes:
        flow_run_id: in Prefect; empty: only MLflow knows it.
        run_id: in MLflow; empty: none.
        flow: name of the flow.
        name: of the run.
        state: its name, such as ``Promoted``, ``Refused``, ``Running``.
        state_type: Prefect's kind of it, such as ``COMPLETED``; of a run that only MLflow knows its status.
        began_s, ended_s: since 1970-01-01 UTC; None: not yet.
        reason: why it was started.
        verdict: what it ended with, in words.
        version: that it made, or puts into service; empty: none.
    """

    flow_run_id: str
    run_id: str
    flow: str
    name: str
    state: str
    state_type: str
    began_s: float | None
    ended_s: float | None
    reason: str
    verdict: str
    version: str

    @property
    def is_running(self) -> bool:
        """It has begun and not ended."""
        return self.began_s is not None and self.ended_s is None


@dataclass(frozen=True)
class LiveCurve:
    """The curve of a training.

    Attributes:
        flow_run_id: whose.
        points: elapsed_s, stage, blocking, share_done, and baselines by name, each on the same traces.
        steps: the last things that it said.
    """

    flow_run_id: str
    points: Sequence[Mapping[str, Any]]
    steps: Sequence[Mapping[str, Any]]


def loop_runs(
    flow_runs: Sequence[Mapping[str, Any]], runs: Sequence[KeptRun], versions: Mapping[str, str]
) -> tuple[LoopRun, ...]:
    """Flow runs of the loop, oldest first, also those that one of the two has forgotten.

    Args:
        flow_runs: as Prefect tells them; scheduled ones that nobody asked for are left out.
        runs: trainings as MLflow tells them.
        versions: number by MLflow run.
    """
    by_flow_run = {run.tags.get(FLOW_RUN_TAG, run.run_id): run for run in runs}
    found = []
    for told in flow_runs:
        if told["state_type"] in WAITING and told.get("auto_scheduled"):
            continue
        found.append(_of_prefect(told, by_flow_run.pop(str(told["id"]), None), versions))
    found += [_of_mlflow(run, versions) for run in by_flow_run.values()]
    return tuple(sorted(found, key=lambda run: run.began_s or float("inf")))


class CurveReader:
    """Reads the progress log of a training as it grows.

    Args:
        folder: of all trainings.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flow_run_id, self._offset = "", 0
        self._points: list[Mapping[str, Any]] = []
        self._steps: list[Mapping[str, Any]] = []

    def curve(self, flow_run_id: str) -> LiveCurve:
        """What a training has told so far."""
        if flow_run_id != self._flow_run_id:
            self._flow_run_id, self._offset, self._points, self._steps = flow_run_id, 0, [], []
        if (self._folder / flow_run_id).is_dir():
            file = progress_log_of(self._folder / flow_run_id)
            events, self._offset = read_progress_log(file.parent, self._offset)
            for event in events:
                if event["event"] == "training":
                    kept = ("elapsed_s", "stage", "blocking", "share_done", "baselines")
                    self._points.append({name: event[name] for name in kept})
                elif event["event"] == "step":
                    self._steps.append({"time_s": event["time_s"], "text": event["text"]})
        return LiveCurve(flow_run_id, tuple(self._points), tuple(self._steps[-MOST_STEPS:]))


def _of_prefect(told: Mapping[str, Any], run: KeptRun | None, versions: Mapping[str, str]) -> LoopRun:
    parameters, state = told.get("parameters") or {}, told.get("state") or {}
    made = versions.get(run.run_id, "") if run else str(parameters.get("version") or "")
    return LoopRun(
        flow_run_id=str(told["id"]),
        run_id=run.run_id if run else "",
        flow=str(told.get("flow", "")),
        name=str(told.get("name", "")),
        state=str(told.get("state_name", "")),
        state_type=str(told["state_type"]),
        began_s=_seconds(told.get("start_time")),
        ended_s=_seconds(told.get("end_time")),
        reason=str(parameters.get("reason") or ""),
        verdict=str(state.get("message") or ""),
        version=made,
    )


def _of_mlflow(run: KeptRun, versions: Mapping[str, str]) -> LoopRun:
    gate = run.tags.get("gate", "")
    return LoopRun(
        flow_run_id=run.tags.get(FLOW_RUN_TAG, ""),
        run_id=run.run_id,
        flow=TRAINING,
        name=run.name,
        state=f"Gate {gate}" if gate else run.status.capitalize(),
        state_type=run.status,
        began_s=run.began_s,
        ended_s=run.ended_s,
        reason=run.tags.get("reason", ""),
        verdict=run.tags.get("gate.verdict", ""),
        version=versions.get(run.run_id, ""),
    )


def _seconds(moment: str | None) -> float | None:
    return None if not moment else datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
