"""How well the twin repeats a window: shown in MLflow and Prefect, and an event where it does not.

Not here: measuring it (``fidelity.py``).
"""

from __future__ import annotations

import math
from dataclasses import asdict

from prefect.artifacts import create_markdown_artifact

from envs.fidelity import Fidelity
from tasks.decorate import as_task
from tasks.events import announce
from tasks.registry import Registry

MISMATCH_EVENT = "lightloop.twin.differs"


def publish_fidelity(registry: Registry, run_id: str, fidelity: Fidelity) -> None:
    """How well the twin repeats a window, in MLflow and, where it does not, as a page in Prefect."""
    metrics = {"twin/slots_differing": float(fidelity.slots_differing)}
    if not math.isnan(fidelity.choices_equal):
        metrics["twin/choices_equal"] = fidelity.choices_equal
    registry.log_metrics(run_id, metrics)
    registry.log_tags(run_id, {"twin": "equal" if fidelity.passed else fidelity.reason[:500]})
    registry.log_document(run_id, asdict(fidelity), "twin/fidelity.json")
    if not fidelity.passed:
        page = f"# The twin differs from the network\n\n{fidelity.reason}\n"
        create_markdown_artifact(markdown=page, key="twin", description=fidelity.reason)


def announce_mismatch(fidelity: Fidelity, scenario: str, run_id: str) -> str:
    """The id of the emitted event ``lightloop.twin.differs``."""
    first = fidelity.first_difference
    payload = {
        "window_id": fidelity.window,
        "reason": fidelity.reason,
        "first_difference": None if first is None else asdict(first),
        "report_run_id": run_id,
    }
    return announce(MISMATCH_EVENT, scenario, payload)


publish_fidelity_task = as_task(publish_fidelity, "publish the twin's fidelity", retries=2, timeout_s=120)
announce_mismatch_task = as_task(announce_mismatch, "announce a mismatch", retries=2, timeout_s=60)
