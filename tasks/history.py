"""What served from when to when, why it came and why it went, and what it did meanwhile.

From the promotion log and the decision log; what was promised comes from MLflow. Not here: the logs' lines
(``promotions.py``, ``decisions.py``), where a version comes from (``lineage.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.decision_columns import read_columns
from tasks.promotions import Promotion
from tasks.share import Share

COLUMNS = ("time_s", "outcome", "decided_by", "cause")


@dataclass(frozen=True)
class Stretch:
    """One version in service, from one change of the champion to the next.

    Attributes:
        version, policy: what served.
        from_s, to_s: seconds since 1970-01-01 UTC; to: None while it serves.
        came, went: ``promote`` or ``rollback`` and its reason; of what serves nothing has made it go.
        successor: the version that came after it; empty while it serves.
        decisions: requests for a service that came in meanwhile.
        by_model, by_fallback: who decided them; the rest found no candidate.
        blocking: of them.
        promised: request blocking that the gate or the first evaluation had measured; None: not known.
    """

    version: str
    policy: str
    from_s: float
    to_s: float | None
    came: tuple[str, str]
    went: tuple[str, str] | None = None
    successor: str = ""
    decisions: int = 0
    by_model: int = 0
    by_fallback: int = 0
    blocking: Share = field(default_factory=lambda: Share(0, 0))
    promised: float | None = None

    def to_json(self, now_s: float) -> dict[str, Any]:
        """As scripts get it."""
        went = None
        if self.went:
            went = {"action": self.went[0], "reason": self.went[1], "successor": self.successor}
        return {
            "version": self.version,
            "policy": self.policy,
            "from": in_utc(self.from_s),
            "to": None if self.to_s is None else in_utc(self.to_s),
            "served_s": round((now_s if self.to_s is None else self.to_s) - self.from_s, 3),
            "came": {"action": self.came[0], "reason": self.came[1]},
            "went": went,
            "decisions": self.decisions,
            "by_model": self.by_model,
            "by_fallback": self.by_fallback,
            "blocked": self.blocking.part,
            "request_blocking": self.blocking.value,
            "ci95": self.blocking.ci95,
            "promised_request_blocking": self.promised,
        }


def stretches(promotions: Sequence[Promotion]) -> tuple[Stretch, ...]:
    """Who served, oldest first; a champion that is promoted again goes on.

    >>> log = [Promotion("promote", "m", v, "", "p", "why", t) for v, t in (("1", 5), ("1", 6), ("2", 9))]
    >>> [(item.version, item.from_s, item.to_s) for item in stretches(log)]
    [('1', 5, 9), ('2', 9, None)]
    """
    found: list[Stretch] = []
    for entry in promotions:
        if found and found[-1].version == entry.version:
            continue
        if found:
            found[-1] = replace(
                found[-1],
                to_s=entry.time_s,
                went=(entry.action, entry.reason),
                successor=entry.version,
            )
        came = (entry.action, entry.reason)
        found.append(Stretch(entry.version, entry.policy, entry.time_s, None, came))
    return tuple(found)


def history(
    promotions: Sequence[Promotion], decisions: Path, promised: Callable[[str], float | None]
) -> tuple[Stretch, ...]:
    """Every stretch with what was decided in it and what had been promised.

    Args:
        promotions: of one model, oldest first.
        decisions: folder of the decision log.
        promised: request blocking by version.
    """
    return history_of(promotions, demands(read_columns(decisions, COLUMNS)), promised)


def history_of(
    promotions: Sequence[Promotion], rows: pd.DataFrame, promised: Callable[[str], float | None]
) -> tuple[Stretch, ...]:
    """The same from decisions that have been read already, as ``demands`` gives them."""
    known: dict[str, float | None] = {}
    policies: dict[str, str] = {}
    told = []
    for item in stretches(promotions):
        if item.version not in known:
            known[item.version] = promised(item.version)
        policies.setdefault(item.version, item.policy)
        policy = item.policy or policies[item.version]  # a line of one that was stepped over names none
        told.append(replace(_counted(item, rows), policy=policy, promised=known[item.version]))
    return tuple(told)


def demands(rows: pd.DataFrame) -> pd.DataFrame:
    """The decisions on what somebody asked for: no restorations, no paths computed for nobody.

    Rows from before the log knew causes all count.
    """
    if not len(rows) or rows["cause"].isna().all():
        return rows
    knows_causes = rows.loc[rows["cause"].notna(), "time_s"].min()
    return rows[(rows["cause"] == "create") | (rows["time_s"] < knows_causes)]


def in_utc(time_s: float) -> str:
    """A time as people and scripts read it.

    >>> in_utc(0.0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _counted(item: Stretch, rows: pd.DataFrame) -> Stretch:
    if not len(rows):
        return item
    mine = rows[(rows["time_s"] >= item.from_s) & (rows["time_s"] < (item.to_s or float("inf")))]
    return replace(
        item,
        decisions=len(mine),
        by_model=int((mine["decided_by"] == "model").sum()),
        by_fallback=int((mine["decided_by"] == "fallback").sum()),
        blocking=Share(int((mine["outcome"] == "blocked").sum()), len(mine)),
    )
