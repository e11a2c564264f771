"""Intervals for outcomes that stand in one sequence and resemble their neighbours: batch means.

Whether a request is blocked says something of the next one, so the requests of one window are no independent
sample. The means of long stretches nearly are [1]. The rule: ``NUM_BATCHES`` consecutive stretches, as equal
in length as can be, and Student's t over their means. A stretch must be long beside the time for which
lightpaths stand; where it is not, the interval is too narrow: ``docs/replay.md``.

[1] Law and Kelton, Simulation Modeling and Analysis, 9.5.3.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, stdtrit

from envs.evaluation import Interval

NUM_BATCHES = 20


def batch_means(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Mean of a sequence and its interval; one of fewer than ``NUM_BATCHES`` values has no finite interval.

    Args:
        values: (num_requests,) in order of arrival.
        confidence: of the interval.

    Raises:
        ValueError: no values.
    """
    sequence = np.asarray(values, np.float64)
    if sequence.size == 0:
        raise ValueError("an interval needs at least one value")
    mean = float(sequence.mean())
    if sequence.size < NUM_BATCHES:
        return Interval(mean, -np.inf, np.inf)
    means = np.array([batch.mean() for batch in np.array_split(sequence, NUM_BATCHES)])
    half = stdtrit(NUM_BATCHES - 1, 0.5 + confidence / 2) * means.std(ddof=1) / np.sqrt(NUM_BATCHES)
    return Interval(mean, mean - float(half), mean + float(half))


def blocking_interval(blocked: np.ndarray, confidence: float = 0.95) -> Interval:
    """Share of blocked requests and its interval: batch means, but never narrower than independent trials.

    The exact interval of independent trials (Clopper and Pearson) is what remains where none, or next to
    none, was blocked and the batches differ in nothing.

    Args:
        blocked: (num_requests,) bool, in order of arrival.
        confidence: of the interval.
    """
    from scipy.stats import binomtest  # here: it loads for 0.6 s

    found = batch_means(blocked, confidence)
    exact = binomtest(int(np.sum(blocked)), len(blocked)).proportion_ci(confidence, method="exact")
    low, high = min(found.low, exact.low), max(found.high, exact.high)
    return Interval(found.mean, max(float(low), 0.0), min(float(high), 1.0))


def difference_interval(blocked: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> Interval:
    """Blocking less that of a reference on the same requests, with its interval; negative: fewer blocked.

    Batch means of the difference request by request, but never narrower than what independent requests give
    [2], which is what remains where next to no request ends differently.

    [2] Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24(5): half a request is added to each cell of the two-by-two table.

    Args:
        blocked: (num_requests,) bool, in order of arrival.
        reference: (num_requests,) bool, of the same requests.
        confidence: of the interval.
    """
    difference = blocked.astype(np.float64) - reference
    found = batch_means(difference, confidence)
    size = len(difference) + 2
    centre, discordant = difference.sum() / size, np.abs(difference).sum() + 1
    half = ndtri(0.5 + confidence / 2) * np.sqrt(discordant - size * centre**2) / size
    low, high = min(found.low, float(centre - half)), max(found.high, float(centre + half))
    return Interval(found.mean, low, high)
