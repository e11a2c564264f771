"""Asking a person before a challenger becomes champion, where the configuration wants that."""

from __future__ import annotations

from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

APPROVAL_TIMEOUT_S = 24 * 3600


class Approval(RunInput):
    """What the person is asked in Prefect's UI."""

    approve: bool
    comment: str = ""


def approved(is_required: bool, verdict: str) -> bool:
    """True where nobody need be asked or the person agreed. The run waits, paused, for up to a day."""
    if not is_required:
        return True
    question = f"{verdict}\n\nPut it in service?"
    answer = pause_flow_run(
        wait_for_input=Approval.with_initial_data(description=question, approve=True),
        timeout=APPROVAL_TIMEOUT_S,
    )
    return bool(answer.approve)
