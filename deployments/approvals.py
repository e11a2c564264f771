"""Runs that wait for a person's approval: answered "no" in time, and not left open where they were cancelled.

Not here: asking (``flows/approval.py``), what a training run keeps (``tasks/challenger.py``).
"""

from __future__ import annotations

import time

from configs.home import Home
from configs.schema import Config
from deployments.environment import tracking_uri
from deployments.orchestration import PrefectApi
from tasks.challenger import ASKED_FILE, recall_asked, recall_challenger
from tasks.registry_reader import RegistryReader

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def look_after(config: Config, home: Home) -> str:
    """What waits too long refused, what was cancelled while it waited closed in MLflow; in words.

    Raises:
        OrchestrationError, RegistryReadError: Prefect or MLflow does not answer.
    """
    return "; ".join(text for text in (refuse_overdue(config, home), close_abandoned(config, home)) if text)


def close_abandoned(config: Config, home: Home) -> str:
    """MLflow runs marked killed whose flow run ended while it waited; which, in words."""
    api = PrefectApi(config)
    reader = RegistryReader(tracking_uri(config), "")
    closed = []
    for file in sorted(home.training.glob(f"*/{ASKED_FILE}")):
        state = api.state_type(file.parent.name)
        if state not in ENDED:
            continue
        made = recall_challenger(file.parent)
        if state != "COMPLETED" and made is not None:
            reader.end_run(made.run_id, "KILLED")
            closed.append(file.parent.name)
        file.unlink(missing_ok=True)
    return f"ended while they waited for approval: {', '.join(closed)}" if closed else ""


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
