"""MLflow runs of flow runs that are over: ended, as their flow run ended.

A flow ends its MLflow run itself. It cannot where its process is killed, and MLflow would show it as running
for ever. Not here: which flow runs are dead (``flow_runs.py``).
"""

from __future__ import annotations

import contextlib

from configs.schema import Config
from deployments.environment import tracking_uri
from deployments.orchestration import PrefectApi
from tasks.registry_reader import FLOW_RUN_TAG, KeptRun, RegistryReader, RegistryReadError

# How a flow run ended: what MLflow says of its run.
STATUS = {"COMPLETED": "FINISHED", "FAILED": "FAILED", "CRASHED": "FAILED", "CANCELLED": "KILLED"}
MOST_RUNNING = 1000


def end_mlflow_runs(config: Config, flow_run_id: str, status: str) -> None:
    """End what MLflow still shows as running for a flow run; nothing where MLflow is away."""
    reader = _reader(config)
    with contextlib.suppress(RegistryReadError):
        for run in _running(reader, config):
            if run.tags[FLOW_RUN_TAG] == flow_run_id:
                reader.end_run(run.run_id, status)


def end_left_over(config: Config, prefect: PrefectApi) -> list[str]:
    """End what MLflow still shows as running though its flow run is over; what was done, in words.

    Nothing where MLflow is away.
    """
    reader = _reader(config)
    told: list[str] = []
    with contextlib.suppress(RegistryReadError):
        for run in _running(reader, config):
            status = STATUS.get(prefect.state_type(run.tags[FLOW_RUN_TAG]))
            if status is not None:
                reader.end_run(run.run_id, status)
                told.append(f"MLflow run {run.name}, left by its flow run: {status.lower()}")
    return told


def _reader(config: Config) -> RegistryReader:
    return RegistryReader(tracking_uri(config), "")


def _running(reader: RegistryReader, config: Config) -> list[KeptRun]:
    """The runs of flow runs that MLflow shows as running."""
    experiment_id = reader.experiment_id(config.mlflow.experiment)
    if experiment_id is None:
        return []
    found = reader.runs(experiment_id, "attributes.status = 'RUNNING'", MOST_RUNNING)
    return [run for run in found if run.tags.get(FLOW_RUN_TAG)]
