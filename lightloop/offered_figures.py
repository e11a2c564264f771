"""Figures of an offer: blocking with its interval beside the twin's, answer times, reasons.

Not here: sending (``offering.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightloop.offered_twin import Promise
from lightloop.offering import BLOCKED, CARRIED, FAILED, NOT_ASKED, Offer, Played
from tasks.share import Share


@dataclass(frozen=True)
class OfferCounts:
    """What became of the requests so far."""

    offered: int
    carried: int
    blocked: int
    failed: int
    deleted: int
    standing: int

    @property
    def blocking(self) -> Share:
        """Blocked of those that were answered; a failure is no answer."""
        return Share(self.blocked, self.carried + self.blocked)


def counts_of(played: Played) -> OfferCounts:
    """OfferCounts of an offer, also while it is played."""
    outcome = played.outcome
    return OfferCounts(
        offered=int((outcome != NOT_ASKED).sum()),
        carried=int((outcome == CARRIED).sum()),
        blocked=int((outcome == BLOCKED).sum()),
        failed=int((outcome == FAILED).sum()),
        deleted=int(played.deleted.sum()),
        standing=int(((outcome == CARRIED) & ~played.deleted).sum()),
    )


def twin_so_far(played: Played, promise: Promise) -> Share | None:
    """What the twin blocks of the very requests answered so far; None where it did not play them."""
    if promise.blocked is None:
        return None
    answered = (played.outcome == CARRIED) | (played.outcome == BLOCKED)
    return Share(int(promise.blocked[answered].sum()), int(answered.sum()))


def document_of(offer: Offer, played: Played, promise: Promise) -> dict[str, Any]:
    """What ``lightloop offer --json`` prints, but for what was cleared."""
    counts = counts_of(played)
    beside = twin_so_far(played, promise)
    return {
        "trace": offer.trace.id,
        "started": offer.started,
        "requests": offer.num_requests,
        "speed": offer.speed,
        "clients": offer.num_clients,
        "is_complete": not played.stopped,
        "played_s": played.time_s,
        "took_s": played.took_s,
        "offered": counts.offered,
        "carried": counts.carried,
        "blocked": counts.blocked,
        "blocked_reasons": reasons_of(played, BLOCKED),
        "failed": counts.failed,
        "failed_reasons": reasons_of(played, FAILED),
        "deleted": counts.deleted,
        "deletions_failed": len(played.deletion_failures),
        "deletion_failures": grouped(played.deletion_failures.values()),
        "standing": counts.standing,
        "request_blocking": counts.blocking.value,
        "ci95": counts.blocking.ci95,
        "twin": promise.document
        | ({"request_blocking": beside.value, "blocked": beside.part} if beside else {}),
        "answer_ms": percentiles(played.answer_ms[np.isfinite(played.answer_ms)]),
        "deletion_ms": percentiles(np.array(played.deletion_ms)),
        "behind_s": {"most": played.most_behind_s, "at_end": played.behind_s},
    }


def reasons_of(played: Played, outcome: int) -> list[dict[str, Any]]:
    """Why requests were blocked, or failed: the most frequent first."""
    return grouped(reason for row, reason in played.reasons.items() if played.outcome[row] == outcome)


def grouped(reasons: Iterable[str]) -> list[dict[str, Any]]:
    """Reasons that begin alike, counted, each with an example."""
    found: dict[str, dict[str, Any]] = {}
    for reason in reasons:
        entry = found.setdefault(
            kind_of(reason), {"reason": kind_of(reason), "requests": 0, "example": reason}
        )
        entry["requests"] += 1
    return sorted(found.values(), key=lambda entry: -entry["requests"])


def kind_of(reason: str) -> str:
    """A reason up to where it begins to speak of one request.

    >>> kind_of("no spectrum for 100 Gb/s from A to D: none of 3 path(s) has ...")
    'no spectrum'
    """
    return re.split(r" (?:for|from|of|within|at|carries) |[:;(]", reason)[0].strip()[:80]


def percentiles(values_ms: np.ndarray) -> Mapping[str, float]:
    """``p50``, ``p99`` and ``max``; NaN of nothing."""
    if not values_ms.size:
        return dict.fromkeys(("p50", "p99", "max"), float("nan"))
    p50, p99 = np.percentile(values_ms, [50, 99])
    return {"p50": float(p50), "p99": float(p99), "max": float(values_ms.max())}
