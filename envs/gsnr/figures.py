"""Figures of one network where quality of transmission decides: throughput, margins, where in the spectrum.

What is counted for them: ``counting.py``. Over several runs: ``summary.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from envs.gsnr.counting import MARGIN_STEP_DB, QotCounts
from envs.gsnr.qot_plant import BAND_ORDER

if TYPE_CHECKING:
    from envs.plant import Plant

MARGIN_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class QotResult:
    """One network over one trace, from its first counted request to its last."""

    throughput_gbps: float  # bit rate times holding time of what was carried, over the counted time
    mean_channels: float  # per lightpath set up; NaN if none
    margin_db: dict[float, float]  # quantile: worst carrier over its threshold at set-up; NaN if none
    lightpath_share: dict[str, float]  # per band, of the lightpaths set up; 0 everywhere if none
    spectrum_used: dict[str, float]  # per band, of its slots on all units, as some arrivals see it
    audited: int  # lightpaths whose noise was added up anew while they stood; 0 where nobody did
    too_noisy: int  # of those, below their format's threshold and the plant's margin: must stay 0


def qot_result(counts: QotCounts, n: int, plant: Plant) -> QotResult | None:
    """The figures of row ``n``; None where the plant knows no quality of transmission."""
    margins, by_band, flow = counts.margins[n], counts.by_band[n], counts.flow[n]
    if not plant.thresholds_db or not int(flow["arrivals"]):
        return None
    names = [name for name in BAND_ORDER if name in {band.name for band in plant.bands}]
    slots = {band.name: band.num_slots * plant.num_units for band in plant.bands}
    lightpaths = int(by_band["lightpaths"].sum())
    span_s = float(flow["last_s"] - flow["first_s"])
    order = {name: row for row, name in enumerate(names)}
    used = by_band["used_slots"] / int(flow["samples"])
    return QotResult(
        throughput_gbps=float(flow["carried_gbit"]) / span_s if span_s > 0 else float("nan"),
        mean_channels=float(by_band["channels"].sum()) / lightpaths if lightpaths else float("nan"),
        margin_db=_quantiles(margins, plant.spec.margin_db),
        lightpath_share={
            band.name: int(by_band["lightpaths"][order[band.name]]) / max(1, lightpaths)
            for band in plant.bands
        },
        spectrum_used={band.name: float(used[order[band.name]]) / slots[band.name] for band in plant.bands},
        audited=int(flow["audited"]),
        too_noisy=int(flow["too_noisy"]),
    )


def _quantiles(margins: np.ndarray, kept_db: float) -> dict[float, float]:
    """Quantiles of a histogram as ``numpy.quantile`` has them, to half a step; the least is rounded down."""
    upto = np.cumsum(margins)
    count = int(upto[-1])
    if not count:
        return dict.fromkeys(MARGIN_QUANTILES, float("nan"))
    found = {}
    for quantile in MARGIN_QUANTILES:
        place = quantile * (count - 1)
        below, above = np.searchsorted(upto, [np.floor(place), np.ceil(place)], side="right")
        steps = below + (above - below) * (place - np.floor(place)) + (0.5 if quantile else 0.0)
        found[quantile] = kept_db + MARGIN_STEP_DB * float(steps)
    return found
