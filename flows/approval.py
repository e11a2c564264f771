"""Asking a person before a challenger becomes champion, where the configuration wants that.

The run is suspended: its process ends, it holds no concurrency slot and no model slot, and the answer starts
it again from the top. What it has made is kept (``tasks/challenger.py``). An answer that does not come in
time is given by the upkeep process (``deployments/approvals.py``): no.
"""

from __future__ import annotations

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput

# Far beyond the time that is given: where nobody answers the run ends as refused, not as failed.
SPARE_S = 30 * 24 * 3600
KEY = "approval"


class Approval(RunInput):
    """What the person is asked in Prefect's UI."""

    approve: bool
    comment: str = ""


def ask(verdict: str, timeout_s: float) -> Approval:
    """The person's answer. At first there is none: then the run is suspended, and this does not return."""
    question = f"{verdict}\n\nPut it in service?"
    return suspend_flow_run(
        wait_for_input=Approval.with_initial_data(description=question, approve=True),
        timeout=round(timeout_s) + SPARE_S,
        key=KEY,
    )
