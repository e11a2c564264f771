"""The few things of MLflow that a light process asks for, over REST: versions, runs, files, a run's end.

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
MOST_LISTED = 1000  # versions of a model
REFERENCE_FILE = "traffic.json"  # of a model: what it learned from
POLICY_FOLDER = "policy"  # of a model
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
        began_s, ended_s: since 1970-01-01 UTC; ended: None while it runs.
    """

    run_id: str
    name: str
    status: str
    is_deleted: bool
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    datasets: Mapping[str, tuple[str, ...]]
    began_s: float = 0.0
    ended_s: float | None = None


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
        return _kept_version(found["model_version"])

    def run(self, run_id: str) -> KeptRun | None:
        """A run; None where there is none, or none any more.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        found = self._get("runs/get", {"run_id": run_id})
        if found is None:
            return None
        return _kept_run(found["run"])

    def experiment_id(self, name: str) -> str | None:
        """The id of an experiment; None where there is none.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        found = self._get("experiments/get-by-name", {"experiment_name": name})
        return None if found is None else str(found["experiment"]["experiment_id"])

    def versions(self) -> tuple[KeptVersion, ...]:
        """Every version that is there, oldest first, at most ``MOST_LISTED``.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        query = {"filter": f"name = '{self.model_name}'", "max_results": str(MOST_LISTED)}
        found = (self._get("model-versions/search", query) or {}).get("model_versions", ())
        return tuple(sorted((_kept_version(item) for item in found), key=lambda item: int(item.number)))

    def runs(self, experiment_id: str, query: str, most: int) -> tuple[KeptRun, ...]:
        """Runs that a query finds, oldest first; of more than ``most`` the newest.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        body = {
            "experiment_ids": [experiment_id],
            "filter": query,
            "max_results": most,
            "order_by": ["attributes.start_time DESC"],
        }
        found = (self._call("POST", "runs/search", body=body) or {}).get("runs", ())
        return tuple(_kept_run(item) for item in reversed(found))

    def document(self, run_id: str, file: str) -> dict[str, Any] | None:
        """A JSON artefact of a run; None where it has none of that name.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        query = {"run_uuid": run_id, "path": file}
        return self._send("GET", "get-artifact", query=query, no_such=(404, 500))

    def end_run(self, run_id: str, status: str) -> None:
        """Mark a run that will not go on as ended, e.g. ``KILLED``; nothing happens where it is gone.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        body = {"run_id": run_id, "status": status, "end_time": int(time.time() * 1000)}
        self._call("POST", "runs/update", body=body)

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any] | None:
        return self._call("GET", path, query=query)

    def _call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        return self._send(method, f"api/2.0/mlflow/{path}", query, body)

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        no_such: tuple[int, ...] = (httpx.codes.NOT_FOUND,),
    ) -> dict[str, Any] | None:
        """The answer; None for a status that says that there is no such thing."""
        url = f"{self.tracking_uri.rstrip('/')}/{path}"
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
            if answer.status_code in no_such:
                return None
            answer.raise_for_status()
            return dict(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryReadError(f"MLflow at {self.tracking_uri} does not answer: {error!r}") from None


def promised_blocking(metrics: Mapping[str, float]) -> float | None:
    """What a version was expected to block when it was registered, by the metrics of its run."""
    names = ("evaluation/challenger_request_blocking", "quick_evaluation/request_blocking")
    return next((metrics[name] for name in names if name in metrics), None)


def _kept_version(kept: Mapping[str, Any]) -> KeptVersion:
    made_s = float(kept.get("creation_timestamp", 0)) / 1000
    return KeptVersion(
        str(kept["version"]), str(kept.get("run_id", "")), made_s, _pairs(kept.get("tags", ()))
    )


def _kept_run(found: Mapping[str, Any]) -> KeptRun:
    info, data = found["info"], found.get("data", {})
    datasets: dict[str, tuple[str, ...]] = {}
    for item in found.get("inputs", {}).get("dataset_inputs", ()):
        purpose = _pairs(item.get("tags", ())).get("mlflow.data.context", "")
        datasets[purpose] = (*datasets.get(purpose, ()), str(item["dataset"]["digest"]))
    ended_ms = info.get("end_time")
    return KeptRun(
        run_id=str(info["run_id"]),
        name=str(info.get("run_name", "")),
        status=str(info.get("status", "")),
        is_deleted=info.get("lifecycle_stage") == "deleted",
        tags=_pairs(data.get("tags", ())),
        parameters=_pairs(data.get("params", ())),
        metrics={item["key"]: float(item["value"]) for item in data.get("metrics", ())},
        datasets=datasets,
        began_s=float(info.get("start_time", 0)) / 1000,
        ended_s=float(ended_ms) / 1000 if ended_ms else None,
    )


def _pairs(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {item["key"]: item.get("value", "") for item in listed}
