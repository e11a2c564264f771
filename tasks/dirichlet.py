"""Shares that vary around a centre by Dirichlet's law: how likely counts are, how much blocks vary.

Not here: what is counted, and what follows (``traffic_reference.py``, ``drift_test.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

TRIED = np.geomspace(10.0, 1e6, 51)


def smoothed(counts: np.ndarray) -> np.ndarray:
    """(cells,) float64, shares by counts, half a count more in every cell [Jeffreys 1946]."""
    return (counts + 0.5) / (counts.sum() + 0.5 * len(counts))


def log_likelihood(counts: np.ndarray, centre: np.ndarray, concentration: float) -> float:
    """Logarithm of the chance of a sequence with these counts, where shares are Dirichlet around a centre.

    Args:
        counts: (cells,) of the sequence.
        centre: (cells,) mean of the shares, none 0.
        concentration: sum of the law's parameters; the greater, the closer the shares are to the centre.
    """
    seen = counts > 0
    weights = concentration * centre[seen]
    total = counts.sum()
    return float(
        gammaln(concentration)
        - gammaln(concentration + total)
        + (gammaln(weights + counts[seen]) - gammaln(weights)).sum()
    )


def ordinary_concentration(counts: np.ndarray, blocks: Sequence[np.ndarray]) -> float:
    """The most likely concentration of the shares of blocks around the whole; infinite: only chance is seen.

    Args:
        counts: (cells,) of the whole.
        blocks: each (cells,); fewer than two say nothing.
    """
    if len(blocks) < 2:
        return float("inf")
    centre = smoothed(counts)
    found = [sum(log_likelihood(block, centre, tried) for block in blocks) for tried in TRIED]
    best = int(np.argmax(found))
    return float("inf") if best == len(TRIED) - 1 else float(TRIED[best])
