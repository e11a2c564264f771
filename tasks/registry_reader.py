"""The few things of MLflow that a light process asks for, over REST: aliases, versions, runs, a run's end.

MLflow's client takes seconds and hundreds of megabytes to import; a few calls need neither. Everything else
that is known about MLflow is in ``registry.py``.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_S = 5.0
FLOW_RUN_TAG = "prefect.flow_run_id"  # of an MLflow run: by it a run is ended whose flow has died


class RegistryReadError(ValueError):
    """MLflow does not answer, or refuses; repeats its words."""


def login_headers() -> dict[str, str]:
    """The credentials that MLflow's own client would take from the environment, as headers."""
    user, token = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user:
        login = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


@dataclass(frozen=True)
class KeptVersion:
    """A registered version as MLflow keeps it."""

    number: str
    run_id: str
    made_s: float  # since 1970-01-01 UTC
    tags: Mapping[str, str]


@dataclass(frozen=True)
class KeptRun:
    """A run as MLflow keeps it.

    Attributes:
        is_deleted: it lies in MLflow's bin.
        datasets: ids of traces by what they served for, e.g. ``training``.
    """

    run_id: str
    name: str
    status: str
    is_deleted: bool
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RegistryReader:
    """One registered model, and the runs beside it."""

    tracking_uri: str
    model_name: str

    def aliases(self) -> dict[str, str]:
        """Version numbers by alias; empty where there is no such model.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        found = self._get("registered-models/get", {"name": self.model_name})
        listed = (found or {}).get("registered_model", {}).get("aliases", [])
        return {str(item["alias"]): str(item["version"]) for item in listed}

    def exists(self, number: str) -> bool:
        """Whether there is a version of that number.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        return self._get("model-versions/get", {"name": self.model_name, "version": number}) is not None

    def version(self, number: str) -> KeptVersion | None:
        """A version by its number; None where there is none.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        found = self._get("model-versions/get", {"name": self.model_name, "version": number})
        if found is None:
            return None
        kept = found["model_version"]
        made_s = float(kept.get("creation_timestamp", 0)) / 1000
        return KeptVersion(
            str(kept["version"]), str(kept.get("run_id", "")), made_s, _pairs(kept.get("tags", ()))
        )

    def run(self, run_id: str) -> KeptRun | None:
        """A run; None where there is none, or none any more.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        found = self._get("runs/get", {"run_id": run_id})
        if found is None:
            return None
        info, data = found["run"]["info"], found["run"].get("data", {})
        datasets: dict[str, tuple[str, ...]] = {}
        for item in found["run"].get("inputs", {}).get("dataset_inputs", ()):
            purpose = _pairs(item.get("tags", ())).get("mlflow.data.context", "")
            datasets[purpose] = (*datasets.get(purpose, ()), str(item["dataset"]["digest"]))
        return KeptRun(
            run_id=run_id,
            name=str(info.get("run_name", "")),
            status=str(info.get("status", "")),
            is_deleted=info.get("lifecycle_stage") == "deleted",
            tags=_pairs(data.get("tags", ())),
            parameters=_pairs(data.get("params", ())),
            metrics={item["key"]: float(item["value"]) for item in data.get("metrics", ())},
            datasets=datasets,
        )

    def kill_run(self, run_id: str) -> None:
        """Mark a run that will not go on as killed; nothing happens where it is gone.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        body = {"run_id": run_id, "status": "KILLED", "end_time": int(time.time() * 1000)}
        self._call("POST", "runs/update", body=body)

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any] | None:
        return self._call("GET", path, query=query)

    def _call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        url = f"{self.tracking_uri.rstrip('/')}/api/2.0/mlflow/{path}"
        try:
            answer = httpx.request(
                method,
                url,
                params=query,
                json=body,
                headers=login_headers(),
                timeout=TIMEOUT_S,
                trust_env=False,
            )
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            return dict(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryReadError(f"MLflow at {self.tracking_uri} does not answer: {error!r}") from None


def promised_blocking(metrics: Mapping[str, float]) -> float | None:
    """What a version was expected to block when it was registered, by the metrics of its run."""
    names = ("evaluation/challenger_request_blocking", "quick_evaluation/request_blocking")
    return next((metrics[name] for name in names if name in metrics), None)


def _pairs(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {item["key"]: item.get("value", "") for item in listed}
