"""Live blocking over time and the demand of late, from the decision log.

One reader keeps what it has read: a look reads what came since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.decision_columns import read_columns_after
from tasks.history import demands
from tasks.share import Share

COLUMNS = ("time_s", "outcome", "decided_by", "cause", "source", "destination")
MOST_BINS = 60
LEAST_REQUESTS = 40  # on average in a stretch: of fewer a share says little
STEPS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)


@dataclass(frozen=True)
class LiveBin:
    """What was decided in a stretch of time.

    Attributes:
        from_s, to_s: seconds since 1970-01-01 UTC.
        requests: that somebody made.
        blocked: of them.
        by_fallback: of them.
        value, low, high: share blocked, with Wilson's 95 % interval.
    """

    from_s: float
    to_s: float
    requests: int
    blocked: int
    by_fallback: int
    value: float
    low: float
    high: float


class LiveReader:
    """Reads the decision log once, and then what comes.

    Args:
        folder: of the decision log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = pd.DataFrame(columns=list(COLUMNS))
        self._until_s = -np.inf
        self._demands = self._rows
        self._bins: tuple[LiveBin, ...] = ()

    def rows(self) -> pd.DataFrame:
        """Every decision on what somebody asked for, by the columns of ``COLUMNS``, oldest first."""
        fresh = read_columns_after(self._folder, COLUMNS, self._until_s)
        if len(fresh):
            self._until_s = float(fresh["time_s"].max())
            self._rows = pd.concat([self._rows, fresh], ignore_index=True) if len(self._rows) else fresh
            self._demands = demands(self._rows)
            self._bins = bins_of(self._demands)
        return self._demands

    def bins(self) -> tuple[LiveBin, ...]:
        """Stretches of what ``rows`` gave last, made once for each change."""
        return self._bins


def bins_of(rows: pd.DataFrame) -> tuple[LiveBin, ...]:
    """Stretches of equal, round length, at most ``MOST_BINS``, each of ``LEAST_REQUESTS`` on average.

    Those without a request are left out.

    >>> bins_of(pd.DataFrame(columns=list(COLUMNS)))
    ()
    """
    if not len(rows):
        return ()
    times_s = rows["time_s"].to_numpy(dtype=float)
    span_s = float(times_s[-1] - times_s[0])
    most = max(1.0, min(MOST_BINS, len(rows) / LEAST_REQUESTS))
    step_s = next((step for step in STEPS if span_s / step <= most), STEPS[-1])
    index = np.floor(times_s / step_s).astype(np.int64)
    blocked = (rows["outcome"] == "blocked").to_numpy()
    fallback = (rows["decided_by"] == "fallback").to_numpy()
    found = []
    for number in np.unique(index):
        mine = index == number
        share = Share(int(blocked[mine].sum()), int(mine.sum()))
        low, high = share.ci95
        begin_s = float(number * step_s)
        counts = share.whole, share.part, int(fallback[mine].sum())
        found.append(LiveBin(begin_s, begin_s + step_s, *counts, share.value, low, high))
    return tuple(found)


def demand_of(rows: pd.DataFrame, node_names: tuple[str, ...], last: int) -> list[list[int]]:
    """(nodes, nodes) requests by source and destination, of the last so many rows."""
    place = {name: index for index, name in enumerate(node_names)}
    counts = np.zeros((len(node_names), len(node_names)), dtype=np.int64)
    late = rows.tail(last)
    for source, destination in zip(late["source"], late["destination"], strict=True):
        if source in place and destination in place:
            counts[place[source], place[destination]] += 1
    return [[int(value) for value in row] for row in counts]
