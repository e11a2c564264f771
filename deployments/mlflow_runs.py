"""MLflow runs of flow runs that are over: ended, as their flow run ended.

A flow ends its MLflow run itself. It cannot where its process is killed, and MLflow would show it as running
for ever. Not here: which flow runs are dead (``flow_runs.py``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx

from configs.schema import Config
from deployments.environment import tracking_uri
from deployments.orchestration import PrefectApi
from tasks.registry_reader import FLOW_RUN_TAG, login_headers

# How a flow run ended: what MLflow says of its run.
STATUS = {"COMPLETED": "FINISHED", "FAILED": "FAILED", "CRASHED": "FAILED", "CANCELLED": "KILLED"}


def end_mlflow_runs(config: Config, flow_run_id: str, status: str) -> None:
    """End what MLflow still shows as running for a flow run; nothing where MLflow is away."""
    with contextlib.suppress(httpx.HTTPError, KeyError), _mlflow(config) as client:
        for run in _running(client, config):
            if _flow_run_of(run) == flow_run_id:
                _end(client, run, status)


def end_left_over(config: Config, prefect: PrefectApi) -> list[str]:
    """End what MLflow still shows as running though its flow run is over; what was done, in words.

    Nothing where MLflow is away.
    """
    told: list[str] = []
    with contextlib.suppress(httpx.HTTPError, KeyError), _mlflow(config) as client:
        for run in _running(client, config):
            flow_run = prefect.known_flow_run(_flow_run_of(run))
            state = flow_run["state_type"] if flow_run is not None else "CANCELLED"
            if state in STATUS:
                _end(client, run, STATUS[state])
                told.append(
                    f"MLflow run {run['info']['run_name']}, left by its flow run: {STATUS[state].lower()}"
                )
    return told


@contextlib.contextmanager
def _mlflow(config: Config) -> Iterator[httpx.Client]:
    base = tracking_uri(config) + "/api/2.0/mlflow/"
    with httpx.Client(base_url=base, headers=login_headers(), timeout=10, trust_env=False) as client:
        yield client


def _running(client: httpx.Client, config: Config) -> list[Any]:
    """The runs of flow runs that MLflow shows as running."""
    name = {"experiment_name": config.mlflow.experiment}
    found = client.get("experiments/get-by-name", params=name).raise_for_status().json()
    search = {
        "experiment_ids": [found["experiment"]["experiment_id"]],
        "filter": "attributes.status = 'RUNNING'",
    }
    runs = client.post("runs/search", json=search).raise_for_status().json().get("runs", [])
    return [run for run in runs if _flow_run_of(run)]


def _flow_run_of(run: Any) -> str:
    tags = {tag["key"]: tag["value"] for tag in run["data"].get("tags", ())}
    return str(tags.get(FLOW_RUN_TAG, ""))


def _end(client: httpx.Client, run: Any, status: str) -> None:
    ended = {"run_id": run["info"]["run_id"], "status": status, "end_time": int(time.time() * 1000)}
    client.post("runs/update", json=ended).raise_for_status()
