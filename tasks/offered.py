"""Requests as they came from outside: what drift is told from. Nothing in here depends on who decides.

Not here: what they are compared with (``traffic_reference.py``), the comparison (``drift_test.py``), where
those of a running network come from (``drift_source.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from envs.trace import Trace


@dataclass(frozen=True, eq=False)
class Offered:
    """Requests in order of arrival. A column that is not known is None, and is not tested.

    ``held_s`` ends with the service or with ``seen_until_s``, whichever is earlier. Which of the two it was,
    ``has_ended`` says, so services that are still up count for the time they have been seen and no more.
    """

    arrival_s: np.ndarray  # (n,) float64, since 1970-01-01 UTC; of a trace: since a midnight
    source: np.ndarray  # (n,) int, index into node_names
    destination: np.ndarray  # (n,) int, index into node_names
    bit_rate_gbps: np.ndarray  # (n,) float64
    max_latency_ms: np.ndarray  # (n,) float64, inf = no bound
    node_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    service_class: np.ndarray | None = None  # (n,) int, index into class_names; -1: none named
    held_s: np.ndarray | None = None  # (n,) float64, NaN where nothing was carried
    has_ended: np.ndarray | None = None  # (n,) bool
    is_blocked: np.ndarray | None = None  # (n,) bool
    expected_blocked: np.ndarray | None = None  # (n,) float64, what the twin blocks of each: 0, 1 or a mean

    @property
    def num_requests(self) -> int:
        """Number of rows."""
        return len(self.arrival_s)

    def rows(self, first: int, end: int | None = None) -> Offered:
        """The requests from ``first`` up to but not with ``end``."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        cut: dict[str, Any] = {n: v[first:end] for n, v in columns.items() if isinstance(v, np.ndarray)}
        return replace(self, **cut)

    def at_speed(self, clock_speed: float) -> Offered:
        """The same where one second of the clock stands for ``clock_speed`` seconds of traffic."""
        if clock_speed == 1.0:
            return self
        held_s = None if self.held_s is None else self.held_s * clock_speed
        return replace(self, arrival_s=self.arrival_s * clock_speed, held_s=held_s)


def offered_in(trace: Trace, began_s: float = 0.0, seen_until_s: float | None = None) -> Offered:
    """The requests of a trace, as they are known some time after its begin.

    Args:
        trace: its service classes and holding times count as known.
        began_s: time 0 of the trace; 0 for a trace that begins at midnight.
        seen_until_s: after the trace's begin; services that end later are still up. None: the last arrival.
    """
    until_s = trace.duration_s if seen_until_s is None else seen_until_s
    rest_s = np.maximum(until_s - trace.arrival_s, 0.0)
    return Offered(
        arrival_s=trace.arrival_s + began_s,
        source=trace.source.astype(np.int64),
        destination=trace.destination.astype(np.int64),
        bit_rate_gbps=trace.bit_rate_gbps.astype(np.float64),
        max_latency_ms=trace.max_latency_ms.astype(np.float64),
        node_names=trace.node_names,
        class_names=trace.class_names,
        service_class=trace.service_class.astype(np.int64),
        held_s=np.minimum(trace.holding_s, rest_s),
        has_ended=trace.holding_s <= rest_s,
    )
