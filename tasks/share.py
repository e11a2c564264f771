"""A share of independent requests with its interval. Intervals over runs: ``envs/evaluation.py``."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest


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
        if not self.whole:
            return float("nan"), float("nan")
        found = binomtest(self.part, self.whole).proportion_ci(0.95, "wilson")
        return float(found.low), float(found.high)
