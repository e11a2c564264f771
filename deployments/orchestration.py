"""The Prefect side of ``lightloop up``: the work pool, and what prefect.yaml declares.

Talks to the server over its REST interface, because importing Prefect's client costs seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from configs.home import Credentials, Home
from configs.schema import Config
from deployments.environment import PROJECT_ROOT, prefect_api_url

BUSY_LIMIT_S = 30.0
# What a run of the pool may be told by whoever starts it: nothing. Prefect's own template takes a shell
# command, an environment and a working folder: starting a run would mean running any program.
JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}},
}


class OrchestrationError(ValueError):
    """Prefect refused something; says what and repeats its words."""


class PrefectApi:
    """The few calls of Prefect's REST interface that the command line needs."""

    def __init__(self, config: Config, credentials: Credentials | None = None) -> None:
        self.url = prefect_api_url(config)
        found = credentials or Home.from_environment().credentials()
        self._client = httpx.Client(
            base_url=self.url, auth=(found.user, found.password), timeout=30.0, trust_env=False
        )

    def get(self, path: str) -> Any:
        """The body of a GET.

        Raises:
            OrchestrationError: the server is away or refuses.
        """
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | list[Any]) -> Any:
        """The body of the answer to a POST.

        Raises:
            OrchestrationError: the server is away or refuses.
        """
        return self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Have something deleted.

        Raises:
            OrchestrationError: the server is away or refuses.
        """
        self._call("DELETE", path, None)

    def create_work_pool(self, name: str) -> None:
        """Make a process work pool whose runs take no command from outside; correct one that does."""
        response = self._client.get(f"/work_pools/{name}")
        if response.status_code == httpx.codes.NOT_FOUND:
            body = {"name": name, "type": "process", "base_job_template": JOB_TEMPLATE}
            self.post("/work_pools/", body)
        elif response.is_success and response.json()["base_job_template"] != JOB_TEMPLATE:
            self._call("PATCH", f"/work_pools/{name}", {"base_job_template": JOB_TEMPLATE})

    def pause_work_pool(self, name: str, is_paused: bool) -> None:
        """Whether the worker of a pool may take new runs; what runs goes on."""
        self._call("PATCH", f"/work_pools/{name}", {"is_paused": is_paused})

    def deployment_id(self, name: str) -> str:
        """The id of a deployment by ``flow-name/deployment-name``."""
        return str(self.get(f"/deployments/name/{name}")["id"])

    def set_interval(self, name: str, interval_s: float) -> None:
        """Let the schedule of a deployment run every ``interval_s``."""
        deployment = self.get(f"/deployments/name/{name}")
        for item in deployment["schedules"]:
            if item["schedule"].get("interval") not in (None, interval_s):
                schedule = {"interval": interval_s, "anchor_date": item["schedule"].get("anchor_date")}
                path = f"/deployments/{deployment['id']}/schedules/{item['id']}"
                self._call("PATCH", path, {"schedule": schedule})

    def run_deployment(self, name: str, parameters: Mapping[str, Any]) -> str:
        """The id of a new flow run of a deployment."""
        # The key lets a call that is repeated find the run that its first attempt has made after all.
        body = {
            "parameters": dict(parameters),
            "state": {"type": "SCHEDULED"},
            "idempotency_key": str(uuid4()),
        }
        return str(self.post(f"/deployments/{self.deployment_id(name)}/create_flow_run", body)["id"])

    def flow_run(self, run_id: str) -> Any:
        """A flow run as the server has it."""
        return self.get(f"/flow_runs/{run_id}")

    def known_flow_run(self, run_id: str) -> Any | None:
        """A flow run as the server has it; None where it has none, or none any more."""
        found = self.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return found[0] if found else None

    def state_type(self, run_id: str) -> str:
        """Type of a flow run's state; ``CANCELLED`` of one that was deleted."""
        found = self.known_flow_run(run_id)
        return "CANCELLED" if found is None else str(found["state_type"])

    def task_runs(self, run_id: str) -> list[Any]:
        """The task runs of a flow run, in the order in which they started."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
        runs = self.post("/task_runs/filter", body)
        return sorted(runs, key=lambda run: run.get("start_time") or "9999")

    def artifacts(self, run_id: str) -> list[Any]:
        """The artifacts that a flow run has left."""
        return list(self.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}}))

    def wait_for_worker(self, pool: str, timeout_s: float = 60.0) -> None:
        """Return when a worker of the pool is online.

        Raises:
            OrchestrationError: none is within ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            workers = self.post(f"/work_pools/{pool}/workers/filter", {})
            if any(worker.get("status") == "ONLINE" for worker in workers):
                return
            time.sleep(0.3)
        raise OrchestrationError(
            f"no worker of pool {pool!r} has come online within {timeout_s:g} s; see its log"
        )

    def _call(self, method: str, path: str, body: Any) -> Any:
        """The body of the answer; a busy server (503: SQLite is locked) is asked again for a while."""
        deadline = time.monotonic() + BUSY_LIMIT_S
        try:
            response = self._client.request(method, path, json=body)
            while response.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
                time.sleep(0.5)
                response = self._client.request(method, path, json=body)
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            text = error.response.text[:300]
            raise OrchestrationError(
                f"Prefect answers {error.response.status_code} to {path}: {text}"
            ) from None
        except httpx.HTTPError as error:
            raise OrchestrationError(
                f"Prefect at {self.url} does not answer: {error!r}; try lightloop up"
            ) from None
        return response.json() if response.content else None


def deploy_flows(environment: Mapping[str, str]) -> None:
    """Have the server hold what prefect.yaml declares: deployments, schedules, triggers. Safe to repeat.

    Raises:
        OrchestrationError: prefect refused the file; repeats its last lines.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    # prefect deploy --all goes on to the next deployment after an error and still exits with 0.
    if done.returncode != 0 or "Skipping deployment" in done.stdout or "Traceback" in done.stderr:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise OrchestrationError(f"prefect deploy --all failed:\n{tail}")
