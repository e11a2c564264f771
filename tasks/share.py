"""A share of independent requests with its interval, and the difference of two such shares.

Intervals over runs: ``envs/evaluation.py``; over one sequence of requests: ``envs/batch_means.py``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from envs.evaluation import Interval


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's 95 % interval [Wilson 1927].

    The interval takes requests for independent. In a loaded network they are not quite: after one that was
    blocked the next is likelier to be. So it is somewhat too narrow.
    """

    part: int
    whole: int

    @property
    def value(self) -> float:
        """NaN of nothing."""
        return self.part / self.whole if self.whole else float("nan")

    @property
    def ci95(self) -> tuple[float, float]:
        """NaN of nothing."""
        return self.interval(0.95)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Wilson's interval; NaN of nothing."""
        if not self.whole:
            return float("nan"), float("nan")
        from scipy.stats import binomtest  # here: it loads for 0.6 s

        found = binomtest(self.part, self.whole).proportion_ci(confidence, "wilson")
        return float(found.low), float(found.high)


def share_difference(share: Share, other: Share, confidence: float) -> Interval:
    """A share less another of independent requests, with Newcombe's interval from Wilson's two [1].

    Both must be shares of something.

    [1] Newcombe 1998, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17(8), method 10.
    """
    (low, high), (other_low, other_high) = share.interval(confidence), other.interval(confidence)
    difference = share.value - other.value
    below = math.hypot(share.value - low, other_high - other.value)
    above = math.hypot(high - share.value, other.value - other_low)
    return Interval(difference, difference - below, difference + above)
