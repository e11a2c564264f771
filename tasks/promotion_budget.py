"""The chance of a false promotion in any year, and what every gate spends of it.

A budget that fills up over time, as tokens in a bucket: it holds at most a quarter of the year's chance; the
other three quarters flow in evenly over a year. Each gate spends a fifth of what is there, before its figures
are looked at, whether or not the challenger passes. So the gates of any 365 days, however many and however
timed, have spent at most the year's chance. By the union bound that is the chance that one of them promotes a
challenger that is no better [1]. A run judged twice against one champion spends once. Not here: the rules
(``gate.py``).

[1] Alpha spending over an unknown number of looks: Lan, DeMets 1983; Foster, Stine 2008.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

YEAR_S = 365 * 86_400.0
HELD = 0.25  # of the year's chance: how much the bucket holds
SPENT_AT_ONCE = 0.2  # of what is in it
LEAST_ALPHA = 1e-7


@dataclass(frozen=True)
class Spending:
    """What one gate spent; a line of the log.

    Attributes:
        model_name: budgets are those of a registered model.
        run_id: whose challenger was judged.
        champion: version it was judged against; empty: there was none.
        alpha: one-sided chance that this gate promotes a challenger that is no better.
        time_s: since 1970-01-01 UTC.
    """

    model_name: str
    run_id: str
    champion: str
    alpha: float
    time_s: float


@dataclass(frozen=True)
class BudgetState:
    """What people are shown.

    Attributes:
        yearly: chance of a false promotion in any 365 days that is allowed.
        spent: in the last 365 days.
        num_gates: in the last 365 days.
        next_alpha: what the next gate may spend.
    """

    yearly: float
    spent: float
    num_gates: int
    next_alpha: float


def spend(
    file: Path, model_name: str, run_id: str, champion: str, yearly: float, now_s: float | None = None
) -> float:
    """The one-sided level at which this gate may promote; on disk when this returns.

    Args:
        file: the log, ``serving/promotion-budget.jsonl``.
        model_name: whose budget.
        run_id: whose challenger is judged.
        champion: whom it is judged against.
        yearly: chance of a false promotion in any 365 days.
        now_s: since 1970-01-01 UTC.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # two gates at once must not spend the same
        earlier = read_spending(file, model_name)
        for entry in reversed(earlier):
            if (entry.run_id, entry.champion) == (run_id, champion):
                return entry.alpha
        when_s = time.time() if now_s is None else now_s
        alpha = max(LEAST_ALPHA, SPENT_AT_ONCE * left(earlier, yearly, when_s))
        entry = Spending(model_name, run_id, champion, alpha, when_s)
        # A line that a kill cut short is closed first, or this one would be lost with it.
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(json.dumps(asdict(entry)).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    return alpha


def left(spendings: Sequence[Spending], yearly: float, now_s: float) -> float:
    """What is in the bucket at a time, after what was spent before it.

    >>> left([], 0.05, 0.0)
    0.0125
    """
    holds, flow_per_s = HELD * yearly, (1 - HELD) * yearly / YEAR_S
    inside, at_s = holds, None
    for entry in spendings:
        if at_s is not None:
            inside = min(holds, inside + flow_per_s * max(0.0, entry.time_s - at_s))
        inside, at_s = max(0.0, inside - entry.alpha), entry.time_s
    return inside if at_s is None else min(holds, inside + flow_per_s * max(0.0, now_s - at_s))


def budget_state(file: Path, model_name: str, yearly: float, now_s: float | None = None) -> BudgetState:
    """What was spent in the last 365 days, and what the next gate may spend."""
    when_s = time.time() if now_s is None else now_s
    entries = read_spending(file, model_name)
    recent = [entry.alpha for entry in entries if entry.time_s > when_s - YEAR_S]
    next_alpha = max(LEAST_ALPHA, SPENT_AT_ONCE * left(entries, yearly, when_s))
    return BudgetState(yearly, sum(recent), len(recent), next_alpha)


def read_spending(file: Path, model_name: str) -> tuple[Spending, ...]:
    """Whole lines of one model, oldest first; what a kill cut short is left out."""
    if not file.exists():
        return ()
    entries = []
    for line in file.read_text().splitlines():
        try:
            entry = Spending(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if entry.model_name == model_name:
            entries.append(entry)
    return tuple(entries)
