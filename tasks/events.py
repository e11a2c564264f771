"""Events of the loop, in one shape: about a scenario, with what a trigger in ``prefect.yaml`` passes on.

Not here: when there is something to tell (``drift.py``, ``twin_report.py``, ``probation.py``,
``forecast.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event


def announce(event: str, scenario: str, payload: Mapping[str, Any]) -> str:
    """The id of the event, emitted; empty where Prefect takes none.

    Args:
        event: as a trigger expects it.
        scenario: that it is about; a trigger matches ``lightloop.scenario.*``.
        payload: JSON; the scenario is added.
    """
    emitted = emit_event(
        event=event,
        resource={"prefect.resource.id": f"lightloop.scenario.{scenario}", "prefect.resource.name": scenario},
        payload={"scenario": scenario, **payload},
    )
    return "" if emitted is None else str(emitted.id)
