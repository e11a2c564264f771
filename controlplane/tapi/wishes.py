"""What our own client may ask of a service beside its ends, its capacity and its latency bound.

Not here: the rest of the body (``service_body.py``), how it is read again (``schedule.py``,
``resilience.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.tapi.names import DISJOINT, LOWEST_RATE_GBPS, SERVICE_CLASS, pairs
from controlplane.tapi.resilience import PROTECTED
from controlplane.tapi.schedule import told_time


@dataclass(frozen=True)
class Wishes:
    """What is not given is not told.

    Attributes:
        service_class: by name.
        starts_s, ends_s: when it is to be set up and released, in seconds since 1970 UTC.
        disjoint: what two lightpaths of it must not have in common, ``link`` or ``node``; empty: it has one.
        lowest_rate_gbps: that it may be restored with.
        reverts: it goes back to its first lightpath after a repair.
        wait_to_revert_min: that the repair is then waited out; None: the controller decides.
    """

    service_class: str = ""
    starts_s: float | None = None
    ends_s: float | None = None
    disjoint: str = ""
    lowest_rate_gbps: int | None = None
    reverts: bool = False
    wait_to_revert_min: int | None = None

    def members(self) -> dict[str, Any]:
        """Members of the service's body.

        Raises:
            TapiError: 400, a time beyond the calendar.
        """
        told: dict[str, Any] = {}
        names = {SERVICE_CLASS: self.service_class, DISJOINT: self.disjoint}
        names |= {LOWEST_RATE_GBPS: "" if self.lowest_rate_gbps is None else str(self.lowest_rate_gbps)}
        if named := pairs({name: value for name, value in names.items() if value}):
            told["name"] = named
        times = {"start-time": self.starts_s, "end-time": self.ends_s}
        if schedule := {name: told_time(time_s) for name, time_s in times.items() if time_s is not None}:
            told["schedule"] = schedule
        if self.disjoint:
            told["resilience-type"] = {"protection-type": PROTECTED[0]}
        if self.reverts:
            told["reversion-mode"] = "REVERTIVE"
        if self.wait_to_revert_min is not None:
            told["wait-to-revert-time"] = str(self.wait_to_revert_min)
        return told


NO_WISHES = Wishes()
