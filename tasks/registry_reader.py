"""The few things of MLflow that a light process asks for, over REST: aliases, versions, the end of a run.

MLflow's client takes seconds and hundreds of megabytes to import; three calls need neither. Everything else
that is known about MLflow is in ``registry.py``.
"""

from __future__ import annotations

import base64
import os
import time
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
