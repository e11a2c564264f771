"""What the last decisions were taken on, kept in memory so that a person can ask why.

The decision log keeps what replay and training need, which is one candidate of each decision; here are all of
them, of a few decisions. Not here: the answer (``why.py``).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from controlplane.pce.decide import Choice
from controlplane.pce.decision_record import DecisionRecord
from controlplane.pce.look import Look

KEPT = 200


@dataclass(frozen=True)
class Considered:
    """One decision: what was logged of it, what was seen, and the choice (None: nothing could be chosen)."""

    record: DecisionRecord
    look: Look
    choice: Choice | None


class LastConsidered:
    """The last decisions by their id.

    Args:
        keep: so many; the oldest goes first.
    """

    def __init__(self, keep: int = KEPT) -> None:
        self._keep = keep
        self._by_id: OrderedDict[str, Considered] = OrderedDict()

    def add(self, considered: Considered) -> None:
        """Keep one more."""
        self._by_id[considered.record.decision_id] = considered
        while len(self._by_id) > self._keep:
            self._by_id.popitem(last=False)

    def of(self, decision_id: str) -> Considered | None:
        """A decision; None where it was not taken here, or too long ago."""
        return self._by_id.get(decision_id)
