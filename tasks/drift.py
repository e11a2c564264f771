"""Whether the requests of today still look like those the champion was trained on.

The window is the end of the PCE's decision log; the reference is what the champion saw and chose on training
traffic, stored with its model. Not here: what is done about it (``flows/drift_monitor.py``).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from prefect.events import emit_event

from tasks.decisions import read_decision_log
from tasks.decorate import as_task
from tasks.limits import DriftLimits

DRIFT_EVENT = "lightloop.drift.detected"


@dataclass(frozen=True)
class DriftReport:
    """What the comparison says."""

    has_drifted: bool
    num_decisions: int
    share: float  # of the columns that drifted; NaN where nothing was compared
    drifted_columns: tuple[str, ...]
    scores: Mapping[str, float]  # column: population stability index
    summary: str
    document: Mapping[str, Any]  # Evidently's report
    html: str  # its page; empty where nothing has drifted


def detect_drift(decisions_folder: Path, reference_file: Path, limits: DriftLimits) -> DriftReport:
    """The report on the last window of decisions against a reference.

    With fewer than ``min_decisions`` nothing is compared and nothing has drifted.
    """
    window = read_decision_log(decisions_folder, limits.window_decisions)
    reference = pd.read_parquet(reference_file)
    if len(window):
        window = window[window["chosen"].notna()]
    columns = [name for name in reference.columns if name in window.columns]
    if len(window) < limits.min_decisions or not columns:
        summary = f"{len(window)} decisions in the log; {limits.min_decisions} are needed to compare"
        return DriftReport(False, len(window), float("nan"), (), {}, summary, {}, "")
    # A column that never varies in either is equal or not; PSI has no bins for it.
    columns = [name for name in columns if reference[name].nunique() > 1 or window[name].nunique() > 1]
    return _compare(window[columns].astype("float64"), reference[columns].astype("float64"), limits)


def announce_drift(report: DriftReport, scenario: str, model_version: str, run_id: str) -> str:
    """The id of the emitted event ``lightloop.drift.detected``; it starts the training flow."""
    event = emit_event(
        event=DRIFT_EVENT,
        resource={"prefect.resource.id": f"lightloop.scenario.{scenario}", "prefect.resource.name": scenario},
        payload={
            "scenario": scenario,
            "reason": report.summary,
            "share": report.share,
            "columns": list(report.drifted_columns),
            "num_decisions": report.num_decisions,
            "model_version": model_version,
            "report_run_id": run_id,
        },
    )
    return "" if event is None else str(event.id)


def _compare(window: pd.DataFrame, reference: pd.DataFrame, limits: DriftLimits) -> DriftReport:
    from evidently import DataDefinition, Dataset, Report  # 3 s to import
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=list(reference.columns))
    preset = DataDriftPreset(method="psi", threshold=limits.psi_threshold, drift_share=limits.drift_share)
    snapshot = Report([preset], include_tests=True).run(
        Dataset.from_pandas(window, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    document = json.loads(snapshot.json())
    scores = _scores(document)
    drifted = tuple(sorted(name for name, score in scores.items() if score >= limits.psi_threshold))
    share = len(drifted) / len(scores)
    has_drifted = share >= limits.drift_share
    summary = (
        f"{len(drifted)} of {len(scores)} columns drifted over {len(window)} decisions "
        f"({share:.0%}, {limits.drift_share:.0%} counts as drift): {', '.join(drifted) or 'none'}"
    )
    page = ""
    if has_drifted:  # 5 MB, which nobody looks at where nothing was found; the numbers are always kept
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "drift.html"
            snapshot.save_html(str(file))
            page = file.read_text()
    return DriftReport(has_drifted, len(window), share, drifted, scores, summary, document, page)


def _scores(document: Mapping[str, Any]) -> dict[str, float]:
    """Column: its index, from Evidently's ``ValueDrift`` entries."""
    scores = {}
    for metric in document["metrics"]:
        config = metric.get("config", {})
        if str(config.get("type", "")).endswith("ValueDrift"):
            scores[str(config["column"])] = float(metric["value"])
    return scores


detect_drift_task = as_task(detect_drift, "compare")
announce_drift_task = as_task(announce_drift, "announce drift", retries=2, timeout_s=60)
