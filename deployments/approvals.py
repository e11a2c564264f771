"""Runs that wait for a person's approval, answered "no" where nobody answers in time.

Not here: asking (``flows/approval.py``), what a training run keeps (``tasks/challenger.py``), what MLflow is
told of one that is cancelled meanwhile (``mlflow_runs.py``).
"""

from __future__ import annotations

import time

from configs.home import Home
from configs.schema import Config
from deployments.orchestration import PrefectApi
from tasks.challenger import recall_asked


def refuse_overdue(config: Config, home: Home) -> str:
    """Runs that waited too long resumed with a no; which, in words.

    Raises:
        OrchestrationError: Prefect does not answer.
    """
    api = PrefectApi(config)
    refused = []
    for run in api.post("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}):
        asked = recall_asked(home.training / run["id"])
        if asked is not None and time.time() > asked.time_s + asked.timeout_s:
            comment = f"nobody answered within {asked.timeout_s:g} s"
            api.post(f"/flow_runs/{run['id']}/resume", {"run_input": {"approve": False, "comment": comment}})
            refused.append(str(run["name"]))
    return f"no approval in time, refused: {', '.join(refused)}" if refused else ""
