"""What MLflow keeps: what registered versions refer to, and runs and versions that are old enough to go.

Not here: the rules (``retention.py``); everything else about MLflow (``registry.py``).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasks.enlisted import FAILED, GATE_TAG, PENDING
from tasks.registry import CHALLENGER, CHAMPION, FLOW_RUN_TAG, PREVIOUS, WINDOW_TAGS, Registry
from tasks.retention import Expired, InUse

DRIFT = "drift"
VERSION = "refused challenger"
BATCH = 100
TIMEOUT_S = 300.0


class KeptRunsError(ValueError):
    """MLflow did not delete what it should; repeats its words."""


def referred(registry: Registry) -> InUse:
    """What the versions of every registered model refer to: runs, traces, windows, models with an alias."""
    client = registry.client
    runs, traces, flow_runs, models, windows = set(), set(), set(), set(), set()
    for model in _all(lambda token: client.search_registered_models(max_results=BATCH, page_token=token)):
        models |= {f"{model.name}-{version}" for version in model.aliases.values()}
    for version in _all(lambda token: client.search_model_versions(max_results=BATCH, page_token=token)):
        if not version.run_id or version.run_id in runs:
            continue
        runs.add(version.run_id)
        run = client.get_run(version.run_id)
        traces |= {item.dataset.digest for item in run.inputs.dataset_inputs} if run.inputs else set()
        flow_runs |= {run.data.tags[FLOW_RUN_TAG]} if FLOW_RUN_TAG in run.data.tags else set()
        windows |= {run.data.tags[name] for name in WINDOW_TAGS if name in run.data.tags}
    return replace(
        InUse(),
        mlflow_runs=frozenset(runs),
        traces=frozenset(traces),
        flow_runs=frozenset(flow_runs),
        models=frozenset(models),
        windows=frozenset(windows),
    )


def expired_runs(registry: Registry, kind: str, before_s: float, in_use: InUse) -> list[Expired]:
    """Ended runs of a kind that no version refers to."""
    query = f"tags.kind = '{kind}' and attributes.end_time < {int(before_s * 1000)}"
    found = _all(
        lambda token: registry.client.search_runs(
            [registry.experiment_id], query, max_results=BATCH, page_token=token
        )
    )
    return [
        Expired(f"MLflow {kind} run", run.info.run_id, _artifact_bytes(registry, run.info.run_id))
        for run in found
        if run.info.run_id not in in_use.mlflow_runs and run.info.status not in ("RUNNING", "SCHEDULED")
    ]


def expired_versions(registry: Registry, before_s: float) -> list[Expired]:
    """Versions that failed their gate, or never met it; none with an alias.

    What they refer to is in use as long as they are there, and goes at a later round.
    """
    client, query = registry.client, f"name = '{registry.model_name}'"
    found = _all(lambda token: client.search_model_versions(query, max_results=BATCH, page_token=token))
    aliased = {registry.aliased(alias) for alias in (CHAMPION, CHALLENGER, PREVIOUS)}
    return [
        Expired(VERSION, str(item.version), 0)
        for item in found
        if item.tags.get(GATE_TAG) in (PENDING, FAILED)
        and str(item.version) not in aliased
        and item.creation_timestamp < before_s * 1000
    ]


def delete_version(registry: Registry, number: str) -> None:
    """Delete a version of the registered model; its run and its logged model stay."""
    registry.client.delete_model_version(registry.model_name, number)


def delete_runs(
    registry: Registry, run_ids: Sequence[str], backend: str, environment: Mapping[str, str]
) -> None:
    """Delete runs; with the address of MLflow's own database also their rows and artifacts, for good.

    Args:
        registry: where they are.
        run_ids: which.
        backend: of the MLflow server that belongs to this installation; empty: somebody else's server, which
            decides itself when it empties its bin.
        environment: of the process that does it.

    Raises:
        KeptRunsError: MLflow refused.
    """
    for run_id in run_ids:
        registry.client.delete_run(run_id)
    for start in range(0, len(run_ids) if backend else 0, BATCH):
        chosen = ",".join(run_ids[start : start + BATCH])
        command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", backend, "--run-ids", chosen]
        command += ["--tracking-uri", registry.tracking_uri]
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
        if done.returncode != 0:
            tail = "\n".join(done.stderr.strip().splitlines()[-3:])
            raise KeptRunsError(f"mlflow gc has not deleted {chosen}: {tail}")


def _artifact_bytes(registry: Registry, run_id: str, path: str = "") -> int:
    total = 0
    for item in registry.client.list_artifacts(run_id, path or None):
        total += _artifact_bytes(registry, run_id, item.path) if item.is_dir else item.file_size or 0
    return total


def _all(page_of: Callable[[str | None], Any]) -> Iterator[Any]:
    """Every item of a paged search."""
    token = None
    while True:
        page = page_of(token)
        yield from page
        token = page.token
        if not token:
            return
