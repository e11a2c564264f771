"""Looks of the drift monitor, the demand that the champion learned from, the forecast that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.artefact import FORECAST_FILE
from envs.forecast import DemandForecast, read_forecast
from tasks.registry_reader import FLOW_RUN_TAG, POLICY_FOLDER, REFERENCE_FILE, KeptRun, RegistryReader
from tasks.traffic_reference import read_reference

REPORT, PAGE = "drift/report.json", "drift/report.html"
MOST_LOOKS = 200
DRIFT = "drift"  # kind of an MLflow run


@dataclass(frozen=True)
class MonitorLook:
    """One look.

    Attributes:
        run_id, flow_run_id: in MLflow and in Prefect.
        time_s: when it was taken, since 1970-01-01 UTC.
        version: the champion of then.
        drifted: an alarm.
        summary: in words.
        log_e, threshold_log_e: natural logarithms of the evidence, and of what an alarm takes.
        requests: of the window so far.
        columns: evidence of each, by name: drifted, log_e, measure, seen, ordinary.
        regret: champion against the best of the others, with its 95 % interval; None: not worked out.
        twin: ``equal``, or why the twin differs from the network; empty: not compared.
        choices_equal: share of choices that the twin makes too; None: none was compared.
        page: path of Evidently's page within the run; empty: there is none.
    """

    run_id: str
    flow_run_id: str
    time_s: float
    version: str
    drifted: bool
    summary: str
    log_e: float
    threshold_log_e: float | None
    requests: int
    columns: Mapping[str, Mapping[str, Any]]
    regret: Mapping[str, Any] | None
    twin: str
    choices_equal: float | None
    page: str


@dataclass(frozen=True)
class Demand:
    """The demand that a champion learned from, and what it expects.

    Attributes:
        version: of the champion.
        node_names: rows and columns of the matrix.
        then: (nodes, nodes) requests by source and destination.
        requests: of them.
        forecast: the demand forecast in service: hash, source, number of requests, and the weight of each
            pair, mean 1; None: the champion decides with none.
    """

    version: str
    node_names: tuple[str, ...]
    then: list[list[int]]
    requests: int
    forecast: Mapping[str, Any] | None


class LookReader:
    """Reads looks; a report that has been read is kept.

    Args:
        registry: of the model.
    """

    def __init__(self, registry: RegistryReader) -> None:
        self._registry = registry
        self._looks: dict[str, MonitorLook] = {}

    def looks(self, experiment_id: str, scenario: str) -> tuple[MonitorLook, ...]:
        """The looks of a scenario that have ended, oldest first, at most ``MOST_LOOKS``.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        query = f"tags.kind = '{DRIFT}' and tags.scenario = '{scenario}' and attributes.status = 'FINISHED'"
        runs = self._registry.runs(experiment_id, query, MOST_LOOKS)
        for run in runs:
            if run.run_id not in self._looks:
                self._looks[run.run_id] = _look(run, self._registry.document(run.run_id, REPORT) or {})
        return tuple(self._looks[run.run_id] for run in runs)


def demand_in(folder: Path, version: str) -> Demand | None:
    """The demand that a version learned from, from its fetched model; None where it has not been fetched.

    Args:
        folder: ``artifacts`` of the fetched model.
        version: its number.
    """
    file, told = folder / REFERENCE_FILE, folder / POLICY_FOLDER / FORECAST_FILE
    if not file.exists():
        return None
    reference = read_reference(file)
    names, counts, size = reference.node_names, reference.pairs.counts, len(reference.node_names)
    then = [list(counts[row * size : (row + 1) * size]) for row in range(size)]
    forecast = _forecast(read_forecast(json.loads(told.read_text()))) if told.exists() else None
    return Demand(version, names, then, reference.num_requests, forecast)


def _forecast(stored: DemandForecast) -> dict[str, Any]:
    pairs = [
        {"source": source, "destination": destination, "weight": weight}
        for (source, destination), weight in zip(stored.pairs, stored.weights, strict=True)
    ]
    rates = zip(stored.rates_gbps, stored.shares, strict=True)
    return {
        "hash": stored.content_hash,
        "source_id": stored.source_id,
        "num_requests": stored.num_requests,
        "pairs": sorted(pairs, key=lambda pair: -float(pair["weight"])),
        "rates": [{"rate_gbps": rate, "share": share} for rate, share in rates],
    }


def _look(run: KeptRun, report: Mapping[str, Any]) -> MonitorLook:
    drifted = run.tags.get(DRIFT) == "true"
    return MonitorLook(
        run_id=run.run_id,
        flow_run_id=run.tags.get(FLOW_RUN_TAG, ""),
        time_s=run.ended_s or run.began_s,
        version=run.tags.get("model_version", ""),
        drifted=drifted,
        summary=run.tags.get("drift.summary", ""),
        log_e=run.metrics.get("drift/log_e", 0.0),
        threshold_log_e=report.get("threshold_log_e"),
        requests=int(run.metrics.get("drift/requests", 0)),
        columns=report.get("columns", {}),
        regret=report.get("regret"),
        twin=run.tags.get("twin", ""),
        choices_equal=run.metrics.get("twin/choices_equal"),
        page=PAGE if drifted else "",
    )
