"""A stored window of the running network, for flows and commands. What is in one: ``window.py``."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from envs.trace import write_trace
from envs.window import Window, WindowError, read_window, write_window
from tasks.decorate import as_task
from tasks.operation.sources import Operation
from tasks.operation.store import Record, bring_up_to_date
from tasks.operation.window import begin_of_last, window_between
from topologies.model import Topology

_STRETCH = re.compile(r"[^/]+\.\.[^/]+")  # T..T, not a path


@dataclass(frozen=True)
class StoredWindow:
    """A window on disk, and what is in it.

    Attributes:
        id, folder: of the window.
        trace_id: of its trace, which is in the trace store too.
        began_s, ended_s: since 1970 UTC; it may end earlier than asked for, where the end was not settled.
        num_requests: first asked in it.
        num_carried, num_blocked, num_failed: what became of them at first.
        num_drawn: departures of requests that were drawn, not seen.
        num_comparable: requests that the version in service must decide alike again.
        num_standing: lightpaths that were up at the begin.
        num_happenings: other changes of the network.
        num_refused: rows of the decision log that the record keeps aside, of all time.
    """

    id: str
    folder: Path
    trace_id: str
    began_s: float
    ended_s: float
    num_requests: int
    num_carried: int
    num_blocked: int
    num_failed: int
    num_drawn: int
    num_comparable: int
    num_standing: int
    num_happenings: int
    num_refused: int
    window: Window = field(repr=False, compare=False)


def record_until(operation: Operation, topology: Topology, ended_s: float | None = None) -> Record:
    """The operation record, with everything in it that happened before a moment; made for ``window_of``.

    Args:
        operation: the running network, and the folders.
        topology: the network in service.
        ended_s: since 1970 UTC; None: now, and what is being written is waited for. 0: nothing is waited for.

    Raises:
        OperationError, BusyError: the record cannot be brought up to date.
    """
    asked_s = time.time() if ended_s is None else ended_s
    return bring_up_to_date(operation, topology.content_hash, asked_s)


def stretch_of(text: str) -> tuple[float, float] | None:
    """Begin and end of ``T..T`` since 1970 UTC, in ISO form, local or with an offset; None: another form.

    >>> stretch_of("1970-01-01T00:01:00+00:00..1970-01-01T00:02:00+00:00")
    (60.0, 120.0)
    >>> stretch_of("3f0c9a51d2e47b68"), stretch_of("../windows/3f0c9a51d2e47b68")
    (None, None)

    Raises:
        WindowError: the form is right, a time is not.
    """
    if not _STRETCH.fullmatch(text):
        return None
    try:
        begin_s, end_s = (datetime.fromisoformat(moment).timestamp() for moment in text.split(".."))
    except ValueError as error:
        raise WindowError(
            f"window {text!r}: {error}; write two times, as "
            "2026-01-31T12:00:00+00:00..2026-01-31T13:00:00+00:00"
        ) from None
    return begin_s, end_s


def window_of(
    record: Record,
    operation: Operation,
    topology: Topology,
    mean_holding_s: float,
    began_s: float | None = None,
    ended_s: float | None = None,
    last_requests: int | None = None,
) -> StoredWindow:
    """The window of a span of time, or of the last requests, out of the record.

    The same span gives the same window whenever it is asked for.

    Args:
        record: brought up to date, see ``record_until``; one does for several windows.
        operation: the folders of windows and traces.
        topology: the network in service.
        mean_holding_s: taken for holding times where the record knows no life at all.
        began_s: since 1970 UTC; or ``last_requests``.
        ended_s: since 1970 UTC; None is now. A later end than the record can be sure of is moved there.
        last_requests: as many requests as the window holds, the newest.

    Raises:
        WindowError: no request in it, or both or neither of ``began_s`` and ``last_requests``.
    """
    if (began_s is None) == (last_requests is None):
        raise WindowError("a window is of a span of time or of the last requests: give one of the two")
    if last_requests is not None and last_requests < 1:
        raise WindowError(f"last_requests is {last_requests}; at least 1 is needed")
    end_s = record.settled_s if ended_s is None else min(ended_s, record.settled_s)
    begin_s = began_s if began_s is not None else begin_of_last(record, last_requests or 0, end_s)
    window = window_between(record, topology, begin_s, end_s, mean_holding_s)
    folder = write_window(window, operation.windows)
    os.utime(folder)  # used: see ``retention.py``
    write_trace(window.trace, operation.traces)
    return _told(window, folder, record.num_refused)


def window_in(folder: Path) -> StoredWindow:
    """A window as it was stored; how many rows were refused by now is not asked.

    Raises:
        WindowError: see ``read_window``.
    """
    return _told(read_window(folder), folder, 0)


def _told(window: Window, folder: Path, num_refused: int) -> StoredWindow:
    num_blocked = sum(live.decided_by == "none" for live in window.live)
    num_carried = sum(live.placed is not None for live in window.live)
    return StoredWindow(
        id=window.id,
        folder=folder,
        trace_id=window.trace.id,
        began_s=window.began_s,
        ended_s=window.began_s + window.duration_s,
        num_requests=window.trace.num_requests,
        num_carried=num_carried,
        num_blocked=num_blocked,
        num_failed=window.trace.num_requests - num_carried - num_blocked,
        num_drawn=sum(live.is_drawn for live in window.live),
        num_comparable=sum(live.is_comparable for live in window.live),
        num_standing=len(window.standing),
        num_happenings=len(window.happenings),
        num_refused=num_refused,
        window=window,
    )


record_until_task = as_task(record_until, "operation record", retries=2)
