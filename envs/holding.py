"""How long services of a class stay, from lives of which some have not ended yet.

The Kaplan-Meier estimate [1] by SciPy, carried on by an exponential beyond the last departure that was seen.
Not here: whose lives (``tasks/operation``), what a policy sees of it (``departures/times.py``).

[1] Kaplan and Meier 1958, Nonparametric estimation from incomplete observations, JASA 53.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

DEPARTURES_PER_AGE = 25  # that an age of the table of expected rests has behind it, at least
MOST_AGES = 8


@dataclass(frozen=True)
class ClassRest:
    """How long lives of a class are expected to go on, by age.

    Attributes:
        service_class: by name; empty: of all classes, for those that have no row of their own.
        ages_s: (A,) ascending, from 0.
        rest_s: (A,) above 0; expected rest of life at each age. The last one stands for all above.
    """

    service_class: str
    ages_s: tuple[float, ...]
    rest_s: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises ``ValueError``: lengths that differ, ages that do not ascend from 0, a rest not above 0."""
        ages_s, rest_s = np.array(self.ages_s), np.array(self.rest_s)
        if len(ages_s) != len(rest_s) or not len(ages_s) or ages_s[0] != 0 or (np.diff(ages_s) <= 0).any():
            raise ValueError(f"lives of {self.service_class!r}: ages must ascend from 0, a rest for each")
        if not (np.isfinite(ages_s).all() and np.isfinite(rest_s).all() and (rest_s > 0).all()):
            raise ValueError(f"lives of {self.service_class!r}: finite rests above 0 are needed")


@dataclass(frozen=True)
class HoldingTimes:
    """The distribution of a class's holding times.

    Attributes:
        times_s: (N,) float64, ascending; where the share that stays changes.
        stays: (N,) float64; share that stays longer than each of them.
        rate_per_s: of departures, beyond the last of ``times_s``: departures seen over time watched.
        num_departures, num_watched: lives that ended, and all.
    """

    times_s: np.ndarray = field(repr=False)
    stays: np.ndarray = field(repr=False)
    rate_per_s: float
    num_departures: int
    num_watched: int

    def survival(self, time_s: float) -> float:
        """The share that stays longer than ``time_s``."""
        index = int(np.searchsorted(self.times_s, time_s, side="right")) - 1
        share = float(self.stays[index]) if index >= 0 else 1.0
        beyond_s = time_s - float(self.times_s[-1]) if len(self.times_s) else time_s
        return share * math.exp(-self.rate_per_s * max(beyond_s, 0.0))

    def mean_rest_s(self, age_s: float) -> float:
        """How long those that reached ``age_s`` are expected to go on: the integral of survival beyond it.

        Where nobody was ever seen to reach the age, the exponential goes on from there.
        """
        reached = self.survival(age_s)
        if reached <= 0 or not len(self.times_s) or age_s >= self.times_s[-1]:
            return 1.0 / self.rate_per_s
        after = self.times_s > age_s
        edges_s = np.concatenate(([age_s], self.times_s[after]))
        stay = np.concatenate(([reached], self.stays[after]))
        area_s = float((np.diff(edges_s) * stay[:-1]).sum()) + float(stay[-1]) / self.rate_per_s
        return area_s / reached

    def rest(self, service_class: str) -> ClassRest:
        """The expected rest of life at a few ages: at 0 and where shares of the lives have ended."""
        count = min(MOST_AGES, self.num_departures // DEPARTURES_PER_AGE)
        wanted = [1.0 - k / (count + 1) for k in range(1, count + 1)]
        rows = (int(np.searchsorted(-self.stays, -share, side="left")) for share in wanted)
        ages_s = sorted({0.0, *(float(self.times_s[row]) for row in rows if row < len(self.times_s))})
        return ClassRest(service_class, tuple(ages_s), tuple(self.mean_rest_s(age_s) for age_s in ages_s))

    def at_speed(self, speed: float) -> HoldingTimes:
        """The same on a clock that runs ``speed`` times as fast."""
        return replace(self, times_s=self.times_s * speed, rate_per_s=self.rate_per_s / speed)

    def quantile(self, age_s: float, share: float) -> float:
        """Longer than this stays a ``share`` in (0, 1] of those who reached ``age_s``; above ``age_s``.

        Where nobody was ever seen to reach the age, the exponential goes on from there.
        """
        reached = self.survival(age_s)
        last_s = float(self.times_s[-1]) if len(self.times_s) else 0.0
        wanted = reached * share
        # The first time after the age at which no more than the wanted share stays.
        after = np.searchsorted(self.times_s, age_s, side="right")
        index = max(int(after), int(np.searchsorted(-self.stays, -wanted, side="left")))
        if reached > 0 and index < len(self.times_s):
            return float(self.times_s[index])
        beyond = wanted if reached > 0 else share
        left = self.survival(max(last_s, age_s)) if reached > 0 else 1.0
        tail_s = -math.log(min(beyond / left, 1.0)) / self.rate_per_s
        return max(last_s, age_s) + max(tail_s, 1e-6)


def fit_holding_times(ages_s: Sequence[float], has_departed: Sequence[bool]) -> HoldingTimes | None:
    """The holding times behind lives; None where there are no lives.

    With no departure at all nothing is known but that they stay: then the mean of the ages is taken for the
    mean holding time, as if one life had ended, on the average, where it was last seen.

    Args:
        ages_s: of each life, where it ended or was last seen; above 0.
        has_departed: whether it ended there.
    """
    ages, departed = np.asarray(ages_s, np.float64), np.asarray(has_departed, bool)
    if not len(ages):
        return None
    num_departures = int(departed.sum())
    if not num_departures:
        nothing = np.zeros(0)
        return HoldingTimes(nothing, nothing, 1.0 / float(ages.mean()), 0, len(ages))
    from scipy import stats  # here: whoever only reads a forecast does without

    estimate = stats.ecdf(stats.CensoredData(uncensored=ages[departed], right=ages[~departed])).sf
    steps = np.unique(ages[departed])
    stays = estimate.evaluate(steps)
    return HoldingTimes(
        steps, np.asarray(stays), num_departures / float(ages.sum()), num_departures, len(ages)
    )


def exponential(mean_s: float) -> HoldingTimes:
    """Holding times of which only a mean is known."""
    return HoldingTimes(np.zeros(0), np.zeros(0), 1.0 / mean_s, 0, 0)
