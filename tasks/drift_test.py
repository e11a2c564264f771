"""A sequential test of whether requests still come as those of a reference. Arrays in, evidence out.

Every column has an e-value: how many times likelier what was seen is under "the traffic has changed" than
under "it is as it was". It starts at 1; where nothing has changed its mean stays 1, whenever one looks. The
chance that it ever reaches 1 / alpha is at most alpha [1]. The mean of such values over columns, and over
the requests at which the change may have come, is one again [2]. ``docs/drift.md`` states the assumptions.
Not here: where requests come from (``drift_source.py``), what is done about drift (``flows/``).

[1] Ville 1939; Ramdas et al. 2023, "Game-theoretic statistics and safe anytime-valid inference".
[2] Vovk, Wang 2021, "E-values: calibration, combination and applications"; Shin, Ramdas, Rinaldo 2024,
"E-detectors".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, logsumexp

from tasks.dirichlet import log_likelihood, smoothed
from tasks.offered import Offered
from tasks.traffic_reference import Rates, Shares, TrafficReference, ends_by_age, hours_between

SHARE_MOVED, TIMES_EXPECTED = "share moved", "times the expected"
STARTS = 10  # of a window, evenly: where a change may have come
WIDER = (4.0, 16.0, 64.0, 256.0)  # changed shares: so many times less concentrated than ordinary ones
CHANGED_SDS = (0.3, 2.0)  # changed rates: standard deviations of the logarithm of their ratio
BLOCKING = "blocking"  # name of its column
BLOCKING_CV = 0.1  # by how much the twin may ordinarily be wrong about blocking
SILENT_REQUESTS = 20.0  # so many would have come: network or clients were down (by chance once in 5e8 gaps)


@dataclass(frozen=True)
class ColumnEvidence:
    """What one column says.

    Attributes:
        name: of the column.
        log_e: natural logarithm of its e-value.
        measure: what is compared; ``share moved`` (total variation) or ``times the expected``.
        seen: that measure, since the request from which the evidence is greatest.
        ordinary: what it would be by chance and ordinary variation: its mean of a share, 1 of a ratio.
    """

    name: str
    log_e: float
    measure: str
    seen: float
    ordinary: float


@dataclass(frozen=True)
class Evidence:
    """What a window says.

    Attributes:
        num_requests: looked at.
        log_e: of the mean over columns.
        columns: each column's.
        since_request: from which of the requests on the evidence is greatest.
    """

    num_requests: int
    log_e: float
    columns: tuple[ColumnEvidence, ...]
    since_request: int

    def is_alarm(self, false_alarm_rate: float) -> bool:
        """Whether the evidence has reached 1 / rate."""
        return self.log_e >= -math.log(false_alarm_rate)

    def drifted(self, false_alarm_rate: float) -> tuple[str, ...]:
        """Columns whose own evidence has, the greatest first; none without an alarm."""
        if not self.is_alarm(false_alarm_rate):
            return ()
        ranked = sorted(self.columns, key=lambda column: -column.log_e)
        return tuple(column.name for column in ranked if column.log_e >= -np.log(false_alarm_rate))


@dataclass(frozen=True)
class _Seen:
    """One column from one start on."""

    log_e: float
    measure: str
    seen: float
    ordinary: float


def evidence(
    reference: TrafficReference,
    offered: Offered,
    window_requests: int,
    tolerance: float,
    only: tuple[str, ...] = (),
) -> Evidence:
    """What the requests of a window, so far, say against their being as the reference.

    Args:
        reference: what the champion learned from.
        offered: 1 to ``window_requests`` requests from the begin of the window on; nodes as the reference's.
        window_requests: at which the window ends and another begins; fixes where a change may have come.
        tolerance: relative deviation that is ordinary: rates within about two of it, and shares p within
            about two times sqrt(p (1 - p)) of it, are no drift however many requests say so.
        only: columns to look at; empty: all that are known.
    """
    tests = {name: test for name, test in COLUMNS.items() if not only or name in only}
    step = max(1, window_requests // STARTS)
    starts = [step * j for j in range(STARTS) if step * j < offered.num_requests]
    found: dict[str, dict[int, _Seen]] = {}  # by start; some rows tell nothing, e.g. where all are blocked
    for start in starts:
        rest = offered.rows(start)
        for name, test in tests.items():
            seen = test(reference, rest, tolerance)
            if seen is not None:
                found.setdefault(name, {})[start] = seen
    columns = tuple(_column(name, list(seen.values())) for name, seen in found.items())
    by_start = [
        logsumexp([seen[start].log_e if start in seen else 0.0 for seen in found.values()])
        for start in starts
    ]
    log_e = logsumexp([column.log_e for column in columns]) - np.log(len(columns)) if columns else 0.0
    since = starts[int(np.argmax(by_start))] if columns else 0
    return Evidence(offered.num_requests, float(log_e), columns, since)


def _column(name: str, seen: list[_Seen]) -> ColumnEvidence:
    # A start that has not come yet, or from which nothing is told, has an e-value of 1.
    logs = [item.log_e for item in seen] + [0.0] * (STARTS - len(seen))
    best = max(seen, key=lambda item: item.log_e)
    log_e = float(logsumexp(logs) - np.log(STARTS))
    return ColumnEvidence(name, log_e, best.measure, best.seen, best.ordinary)


def shares_evidence(counts: np.ndarray, shares: Shares, tolerance: float) -> _Seen:
    """Counts by cell against a reference's shares.

    Unchanged shares are Dirichlet around the reference's: as far from them as the reference's own number of
    requests, its blocks, and the tolerance allow. Changed ones are 4 to 256 times less concentrated.
    """
    stored = np.array(shares.counts)
    centre = smoothed(stored)
    unsure = tolerance**2 + 1.0 / max(stored.sum(), 1) + 1.0 / shares.concentration
    ordinary = 1.0 / unsure
    changed = [log_likelihood(counts, centre, ordinary / times) for times in WIDER]
    log_e = float(logsumexp(changed)) - np.log(len(WIDER)) - log_likelihood(counts, centre, ordinary)
    total = counts.sum()
    moved = 0.5 * float(np.abs(counts / total - centre).sum())
    spread = np.sqrt(centre * (1 - centre) * (unsure + 1.0 / total))
    return _Seen(log_e, SHARE_MOVED, moved, float(0.5 * np.sqrt(2 / np.pi) * spread.sum()))


def rates_evidence(counts: np.ndarray, exposure_s: np.ndarray, rates: Rates, tolerance: float) -> _Seen:
    """Events by bin against a reference's rates; bins that the reference has not seen are left out.

    Unchanged: each bin's rate is gamma around the reference's, all of them times one common ratio close to 1.
    Changed: the same with a common ratio that may be anything.
    """
    stored, stored_s = np.array(rates.counts, float), np.array(rates.exposure_s)
    known = (stored > 0) & (stored_s > 0) & (exposure_s > 0)
    seen, expected = counts[known], exposure_s[known] * stored[known] / stored_s[known]
    shape = 1.0 / (1.0 / stored[known] + rates.bin_cv**2)
    return _ratio_evidence(seen, expected, shape, np.hypot(tolerance, rates.common_cv))


def _ratio_evidence(seen: np.ndarray, expected: np.ndarray, shape: np.ndarray, ordinary_cv: float) -> _Seen:
    if not len(seen) or expected.sum() <= 0:
        return _Seen(0.0, TIMES_EXPECTED, 1.0, 1.0)
    fixed = float((gammaln(shape + seen) - gammaln(shape) + shape * np.log(shape)).sum())

    def marginal(log_ratio: np.ndarray, log_weight: np.ndarray) -> float:
        mean = np.exp(log_ratio)[:, None] * expected
        logs = seen * np.log(mean) - (shape + seen) * np.log(shape + mean)
        return fixed + float(logsumexp(logs.sum(axis=1) + log_weight))

    log_e = marginal(*_changed_ratios()) - marginal(*_ordinary_ratios(float(ordinary_cv)))
    return _Seen(log_e, TIMES_EXPECTED, float(seen.sum() / expected.sum()), 1.0)


@lru_cache(maxsize=8)
def _ordinary_ratios(cv: float) -> tuple[np.ndarray, np.ndarray]:
    points = np.linspace(-6.0, 6.0, 601)
    weights = -0.5 * points**2
    return cv * points, weights - logsumexp(weights)


@lru_cache(maxsize=1)
def _changed_ratios() -> tuple[np.ndarray, np.ndarray]:
    points = np.linspace(-7.0, 7.0, 1401)
    laws = [-0.5 * (points / sd) ** 2 - np.log(sd) for sd in CHANGED_SDS]
    weights = logsumexp(laws, axis=0)
    return points, weights - logsumexp(weights)


def _pairs(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen:
    num_nodes = len(reference.node_names)
    pair = offered.source * num_nodes + offered.destination
    # A node to itself is never asked for: without those cells the half counts stay where they belong.
    apart = ~np.eye(num_nodes, dtype=bool).ravel()
    stored = Shares(
        tuple(int(count) for count in np.array(reference.pairs.counts)[apart]), reference.pairs.concentration
    )
    return shares_evidence(np.bincount(pair, minlength=num_nodes**2)[apart], stored, tolerance)


def _bit_rates(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen:
    cells = reference.bit_rate_cells
    counts = np.bincount(cells.index(offered.bit_rate_gbps), minlength=cells.size)
    return shares_evidence(counts, reference.bit_rates, tolerance)


def _bounds(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen:
    cells = reference.bound_cells
    counts = np.bincount(cells.index(offered.max_latency_ms), minlength=cells.size)
    return shares_evidence(counts, reference.bounds, tolerance)


def _classes(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen | None:
    if offered.service_class is None:
        return None
    known = {name: index for index, name in enumerate(reference.class_names)}
    index = np.array([known.get(name, len(known)) for name in offered.class_names])
    named = offered.service_class[offered.service_class >= 0]
    if not len(named):
        return None
    counts = np.bincount(index[named], minlength=len(known) + 1)
    return shares_evidence(counts, reference.classes, tolerance)


def _arrivals(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen:
    # The first arrival starts the clock; the last one stops it. A silence and the arrival that ends it are
    # left out: nobody was there to be refused.
    arrival_s = offered.arrival_s
    silent = _is_silence(reference, arrival_s)
    exposure_s = hours_between(float(arrival_s[0]), float(arrival_s[-1]))
    for gap in np.flatnonzero(silent):
        exposure_s -= hours_between(float(arrival_s[gap]), float(arrival_s[gap + 1]))
    hours = (arrival_s[1:][~silent] // 3600.0).astype(np.int64) % 24
    return rates_evidence(
        np.bincount(hours, minlength=24), np.maximum(exposure_s, 0.0), reference.arrivals, tolerance
    )


def _holding(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen | None:
    if offered.held_s is None or offered.has_ended is None or np.isnan(offered.held_s).all():
        return None
    # Who is silent ends no service either: what stands when a silence begins was last seen then.
    arrival_s = offered.arrival_s
    until_s = max(float(np.nanmax(arrival_s + offered.held_s)), float(arrival_s[-1]))
    begins_s = arrival_s[_is_silence(reference, np.append(arrival_s, until_s))]
    next_s = np.append(begins_s, np.inf)[np.searchsorted(begins_s, arrival_s)]
    held_s = np.minimum(offered.held_s, next_s - arrival_s)
    has_ended = offered.has_ended & (offered.held_s <= next_s - arrival_s)
    ends, at_risk_s = ends_by_age(held_s, has_ended, reference.age_edges_s)
    return rates_evidence(ends, at_risk_s, reference.ends, tolerance)


def _is_silence(reference: TrafficReference, times_s: np.ndarray) -> np.ndarray:
    """(n - 1,) bool: between which times the reference would have had ``SILENT_REQUESTS`` arrivals."""
    exposure_s = np.array(reference.arrivals.exposure_s)
    rates = np.array(reference.arrivals.counts) / np.where(exposure_s > 0, exposure_s, np.inf)
    upto = np.append(0.0, np.cumsum(rates * 3600.0))  # of a day, by its hours
    hours, rest_s = np.divmod(times_s, 3600.0)
    days, hour = np.divmod(hours.astype(np.int64), 24)
    expected = days * upto[-1] + upto[hour] + rates[hour] * rest_s
    return np.diff(expected) >= SILENT_REQUESTS


def _blocking(reference: TrafficReference, offered: Offered, tolerance: float) -> _Seen | None:
    if offered.is_blocked is None or offered.expected_blocked is None:
        return None
    seen, expected = np.array([offered.is_blocked.sum()]), np.array([offered.expected_blocked.sum() + 0.5])
    return _ratio_evidence(seen, expected, np.array([BLOCKING_CV**-2]), np.hypot(tolerance, BLOCKING_CV))


ColumnTest = Callable[[TrafficReference, Offered, float], _Seen | None]
COLUMNS: Mapping[str, ColumnTest] = {
    "node pairs": _pairs,
    "bit rates": _bit_rates,
    "service classes": _classes,
    "latency bounds": _bounds,
    "arrival rate": _arrivals,
    "holding times": _holding,
    BLOCKING: _blocking,
}
