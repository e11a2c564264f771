"""What a run of a ``QotService`` amounts to: blocking, throughput, margins, and where in the spectrum.

Lightpaths are weighed by the time they stand inside the counted window, so nothing is sampled. Means and
intervals over several runs belong to the caller (``envs.evaluation.interval``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.gsnr.errors import GsnrError
from envs.gsnr.serve import Decisions, Demands, QotService

MARGIN_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class QotMetrics:
    """One run, from its first counted request to its last."""

    requests: int  # counted
    request_blocking: float
    bit_rate_blocking: float
    throughput_gbps: float  # carried, mean over the window
    margin_db: dict[float, float]  # quantile: GSNR above the threshold at set-up, worst carrier; nan if none
    lightpath_share: dict[str, float]  # per band, of the lightpaths set up; 0 everywhere if none
    spectrum_used: dict[str, float]  # per band, of its channels on all links, mean over the window
    mean_channels: float  # per lightpath set up


def measure(service: QotService, demands: Demands, decisions: Decisions, warmup: int = 0) -> QotMetrics:
    """The figures of a run that has been served to its end.

    Args:
        service: what served it.
        demands: all of them.
        decisions: one per request.
        warmup: requests at the start that are not counted; their lightpaths still take spectrum and carry
            traffic while they stand.

    Raises:
        GsnrError: fewer than two counted requests.
    """
    total = len(demands.arrival_s)
    if not 0 <= warmup <= total - 2:
        raise GsnrError(f"warm-up of {warmup} requests out of {total}; leave at least two to count")
    comb = service.tables.comb
    rate_gbps = service.bit_rates_gbps[demands.rate]
    served = decisions.path >= 0
    counted = np.arange(total) >= warmup
    new = served & counted
    begin_s, end_s = demands.arrival_s[warmup], demands.arrival_s[-1]
    stands_s = np.minimum(demands.departure_s, end_s) - np.maximum(demands.arrival_s, begin_s)
    share_of_time = np.where(served, np.clip(stands_s, 0.0, None), 0.0) / (end_s - begin_s)
    hops = service.paths.path_hops[np.where(served, decisions.path, 0)]
    lit = share_of_time * hops * decisions.width  # link channels, mean over the window
    band = comb.band[decisions.first_channel]
    channels = np.bincount(comb.band, minlength=len(comb.band_names)) * len(service.tables.link_spans)
    used = np.bincount(band, lit, len(comb.band_names)) / channels
    share = np.bincount(band[new], minlength=len(comb.band_names)) / max(1, int(new.sum()))
    return QotMetrics(
        requests=total - warmup,
        request_blocking=1.0 - float(new.sum()) / (total - warmup),
        bit_rate_blocking=1.0 - float(rate_gbps[new].sum() / rate_gbps[counted].sum()),
        throughput_gbps=float(share_of_time @ rate_gbps),
        margin_db=_quantiles(margins_db(service, decisions)[new]),
        lightpath_share={name: float(share[index]) for index, name in enumerate(comb.band_names)},
        spectrum_used={name: float(used[index]) for index, name in enumerate(comb.band_names)},
        mean_channels=float(decisions.width[new].mean()) if new.any() else float("nan"),
    )


def margins_db(service: QotService, decisions: Decisions) -> np.ndarray:
    """(T,) GSNR at set-up of each lightpath's worst carrier above its format's threshold; nan where blocked.

    The margin that the service keeps is part of it: no lightpath is below ``service.margin_db``.
    """
    threshold_db = np.array([item.threshold_db for item in service.formats])[decisions.format]
    served = decisions.path >= 0
    noise = np.where(served, decisions.noise + service.tables.transceiver_noise, np.nan)
    return -10.0 * np.log10(noise) - threshold_db


def _quantiles(values: np.ndarray) -> dict[float, float]:
    if not len(values):
        return dict.fromkeys(MARGIN_QUANTILES, float("nan"))
    found = np.quantile(values, MARGIN_QUANTILES)
    return dict(zip(MARGIN_QUANTILES, map(float, found), strict=True))
