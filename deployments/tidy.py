"""Retention: what the configuration no longer keeps is found, told, and deleted.

``python -m deployments.tidy`` is what upkeep starts; ``lightloop tidy`` runs the same. Both servers must
answer: without them nobody knows what is in use. Not here: the rules (``tasks/retention.py``,
``tasks/kept_runs.py``).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from configs.home import Home
from configs.load import load_config
from configs.schema import Config
from controlplane.trail import trail_files
from deployments.environment import process_environment, tracking_uri
from deployments.flow_runs import ENDED
from deployments.orchestration import PrefectApi
from tasks.drift_state import read_state
from tasks.kept_runs import (
    DRIFT,
    VERSION,
    delete_runs,
    delete_version,
    expired_runs,
    expired_versions,
    referred,
)
from tasks.probation import on_probation, read_verdict
from tasks.promotions import read_promotions
from tasks.registry import Registry
from tasks.retention import (
    DAY_S,
    Expired,
    InUse,
    expired_days,
    expired_files,
    expired_models,
    expired_traces,
    expired_trainings,
    expired_windows,
    made_a_version,
    recorded_parts,
)

UNDER_WAY = ("RUNNING", "PENDING", "PAUSED", "CANCELLING")
WAITING = "SCHEDULED"
FLOW_RUN = "Prefect run"
PAGE = 200


def registry_of(config: Config, home: Home) -> Registry:
    """The registry of an installation."""
    name = f"{config.mlflow.model_name}-{config.scenario}"
    return Registry(tracking_uri(config), config.mlflow.experiment, name, home.serving / "promotions.jsonl")


def find_expired(config: Config, home: Home, registry: Registry, api: PrefectApi) -> list[Expired]:
    """Everything that may go now.

    Raises:
        OrchestrationError: Prefect does not answer.
    """
    in_use = used_now(home, registry, api)
    return list(_expired(config, home, registry, api, in_use, time.time()))


def used_now(home: Home, registry: Registry, api: PrefectApi) -> InUse:
    """What registered versions, slots and flow runs that have not ended refer to."""
    known = referred(registry)
    runs = list(_flow_runs(api, (*UNDER_WAY, WAITING)))
    began = [run["start_time"] or run["created"] for run in runs if run["state_type"] in UNDER_WAY]
    # One that waits after it has begun (a retry, a suspended one) has touched things too.
    began += [run["start_time"] for run in runs if run["state_type"] == WAITING and run["start_time"]]
    made = {folder.name for folder in home.training.glob("*") if made_a_version(folder)}
    texts = [file.read_text() for file in home.serving.glob("*.json")]
    served = {found.replace("/", "-") for text in texts for found in re.findall(r"models:/([\w./-]+)", text)}
    judged = {found for text in texts for found in re.findall(r'"window": "(\w+)"', text)}
    asked = {str((run.get("parameters") or {}).get("window")) for run in runs}
    return replace(
        known,
        flow_runs=known.flow_runs | made | {run["id"] for run in runs},
        models=known.models | served,
        windows=known.windows | asked | judged,
        since_s=min((_epoch_s(text) for text in began), default=math.inf),
    )


def under_test_since_s(config: Config, home: Home, registry: Registry) -> float:
    """When the requests began that drift, or a new champion, is being judged by; infinite where none are."""
    state = read_state(home.drift_state)
    promotions = read_promotions(registry.promotion_log, registry.model_name)
    judged = on_probation(promotions, read_verdict(home.probation))
    promotion = judged if config.gate.probation_requests else None
    return min(
        math.inf if state is None else state.begins_after_s,
        math.inf if promotion is None else promotion.time_s,
    )


def delete(expired: list[Expired], config: Config, home: Home, registry: Registry, api: PrefectApi) -> None:
    """Delete what was found.

    Raises:
        KeptRunsError, OrchestrationError: a server refused; what came before is gone.
    """
    for item in expired:
        item.delete()
        if item.kind == VERSION:
            delete_version(registry, item.name)
        if item.kind == FLOW_RUN:
            for artifact in api.artifacts(item.name):
                api.delete(f"/artifacts/{artifact['id']}")
            api.delete(f"/flow_runs/{item.name}")
    run_ids = [item.name for item in expired if item.kind.startswith("MLflow")]
    own = config.mlflow.backend_store_uri or f"sqlite:///{home.state}/mlflow.db"
    backend = "" if config.mlflow.tracking_uri else own
    delete_runs(registry, run_ids, backend, process_environment(config, home))


def in_words(expired: list[Expired]) -> str:
    """``12 traces, 3 trainings: 4.1 MB``; empty where there is nothing."""
    if not expired:
        return ""
    counts: dict[str, int] = {}
    for item in expired:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    megabytes = sum(item.num_bytes for item in expired) / 1e6
    parts = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items()]
    return f"{', '.join(parts)}: {megabytes:.1f} MB"


def _expired(
    config: Config, home: Home, registry: Registry, api: PrefectApi, in_use: InUse, now_s: float
) -> Iterator[Expired]:
    keep = config.retention

    def before_s(days: float | None) -> float:
        return -math.inf if days is None else in_use.before_s(now_s, days)

    yield from expired_traces(home.traces, before_s(keep.traces_days), in_use)
    yield from expired_trainings(home.training, before_s(keep.trainings_days), in_use)
    yield from expired_versions(registry, before_s(keep.trainings_days))
    yield from expired_models(home.models, before_s(keep.models_days), in_use)
    evaluations = home.evaluations.glob("*.json")
    yield from expired_files("evaluation", evaluations, before_s(keep.evaluations_days))
    parts = recorded_parts(home.decisions, home.operation)
    yield from expired_files("decision log part", parts, before_s(keep.decisions_days))
    yield from expired_windows(home.windows, home.traces, before_s(keep.windows_days), in_use)
    recorded_s = min(before_s(keep.record_days), under_test_since_s(config, home, registry))
    if recorded_s > 0:  # whole days, so that it is done once a day
        yield from expired_days(home.operation, recorded_s // DAY_S * DAY_S)
    # A log without a number behind it may be open; the process manager turns it over.
    yield from expired_files("log", home.logs.glob("*.log.*"), before_s(keep.logs_days))
    yield from expired_files("day of the trail", trail_files(home.trail), before_s(keep.trail_days))
    if keep.drift_runs_days is not None:
        yield from expired_runs(registry, DRIFT, before_s(keep.drift_runs_days), in_use)
    if keep.prefect_runs_days is not None:
        before = datetime.fromtimestamp(before_s(keep.prefect_runs_days), UTC).isoformat()
        for run in _flow_runs(api, ENDED, {"end_time": {"before_": before}}):
            if run["id"] not in in_use.flow_runs:
                yield Expired(FLOW_RUN, run["id"], 0)


def _flow_runs(
    api: PrefectApi, states: tuple[str, ...], more: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    """Flow runs in one of some states; read to the end before anything is deleted."""
    chosen = {"state": {"type": {"any_": list(states)}}, **(more or {})}
    found: list[Any] = []
    while True:
        page = api.post(
            "/flow_runs/filter",
            {"flow_runs": chosen, "limit": PAGE, "offset": len(found), "sort": "ID_DESC"},
        )
        found += page
        if len(page) < PAGE:
            yield from found
            return


def _epoch_s(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main() -> None:
    """Delete what may go, and say what it was."""
    config, home = load_config(), Home.from_environment()
    registry, api = registry_of(config, home), PrefectApi(config)
    expired = find_expired(config, home, registry, api)
    delete(expired, config, home, registry, api)
    if expired:
        print(f"deleted {in_words(expired)}")


if __name__ == "__main__":
    main()
