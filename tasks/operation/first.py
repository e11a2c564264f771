"""The first requests since a moment, as a stored window; nothing is stored before there are enough.

Not here: what is in a window (``window.py``), windows of a span (``making.py``).
"""

from __future__ import annotations

from envs.window import WindowError
from tasks.operation.making import StoredWindow, window_of
from tasks.operation.sources import Operation
from tasks.operation.store import Record
from tasks.operation.window import window_between
from topologies.model import Topology


def first_requests(
    record: Record,
    operation: Operation,
    topology: Topology,
    mean_holding_s: float,
    began_s: float,
    num_requests: int,
) -> StoredWindow | None:
    """The window of the first requests since a moment; None while there are fewer.

    It ends just before the next request, or, where that has not come, with what the record is sure of.

    Args:
        record: brought up to date.
        operation: the folders of windows and traces.
        topology: the network in service.
        mean_holding_s: taken for holding times where the record knows no life at all.
        began_s: since 1970 UTC.
        num_requests: at least 1.
    """
    end_s = record.settled_s
    try:
        arrival_s = window_between(record, topology, began_s, end_s, mean_holding_s).trace.arrival_s
    except WindowError:  # no time, or no request yet
        return None
    if len(arrival_s) < num_requests:
        return None
    if len(arrival_s) > num_requests:
        end_s = began_s + float(arrival_s[num_requests - 1 : num_requests + 1].mean())
    return window_of(record, operation, topology, mean_holding_s, began_s, end_s)
