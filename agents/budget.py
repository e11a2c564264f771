"""How long a stage of a training goes on: for seconds, or for requests; and how much of that is spent.

Requests, where they are given, are what counts, and the seconds beside them are ignored: the stage then does
the same on every machine, so that one seed gives one policy. Not here: which stages there are (``train.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

REPORTS = 10  # points of the curve that a budget of requests gives
CHECKPOINTS = 5


@dataclass(frozen=True)
class Budget:
    """Seconds, or requests where they are not 0; the generation or update under way is always finished."""

    seconds: float
    requests: int = 0

    def share(self, elapsed_s: float, requests: int) -> float:
        """How much is spent; 1 and more: the stage is over."""
        return requests / self.requests if self.requests else elapsed_s / self.seconds

    def apart(self, every_s: float, times: int) -> float:
        """The share that lies between two of something done every ``every_s``.

        Under a budget of requests it is done ``times`` times instead: when must not depend on the clock.
        """
        return 1.0 / times if self.requests else every_s / self.seconds

    def __str__(self) -> str:
        return f"{self.requests:,} requests" if self.requests else f"{self.seconds:.0f} s"


__all__ = ["CHECKPOINTS", "REPORTS", "Budget"]
