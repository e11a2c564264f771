"""What MLflow's registry says of one model, over REST: for processes that must stay light.

MLflow's client takes seconds and hundreds of megabytes to import; two GETs need neither. Everything else that
is known about MLflow is in ``registry.py``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_S = 5.0


class RegistryReadError(ValueError):
    """MLflow does not answer, or refuses; repeats its words."""


@dataclass(frozen=True)
class RegistryReader:
    """Reads one registered model."""

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

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any] | None:
        url = f"{self.tracking_uri.rstrip('/')}/api/2.0/mlflow/{path}"
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token and not user else {}
        try:
            answer = httpx.get(
                url, params=query, auth=auth, headers=headers, timeout=TIMEOUT_S, trust_env=False
            )
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            return dict(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryReadError(f"MLflow at {self.tracking_uri} does not answer: {error!r}") from None
