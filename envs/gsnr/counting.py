"""What is counted where quality of transmission decides: margins, bands, throughput. Figures: ``figures.py``.

Compiled; the arrays belong to ``envs.statistics.Statistics`` and are empty for a plant without bands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import block_mask, population
from envs.compiled import inlined, records
from envs.gsnr.arrays import QotArrays

MARGIN_STEP_DB = 0.002
SAMPLED = 8
MARGIN_STEPS = 20_000  # so up to 40 dB
BY_BAND = np.dtype(
    [
        ("lightpaths", np.int64),  # set up
        ("channels", np.int64),  # of those, one for each carrier
        ("used_slots", np.float64),  # slots taken summed over units, as every ``SAMPLED``th arrival sees it
    ]
)
FLOW = np.dtype(
    [
        ("arrivals", np.int64),
        ("samples", np.int64),  # of the bands' slots
        ("first_s", np.float64),  # arrival of the first counted request
        ("last_s", np.float64),
        ("carried_gbit", np.float64),  # bit rate times holding time of the lightpaths set up
        ("audited", np.int64),  # standing lightpaths looked at, and those with too much noise: ``audit.py``
        ("too_noisy", np.int64),
    ]
)


class QotCounts(NamedTuple):
    """Of N networks; empty where reach decides. Bands in the order of filling."""

    margins: np.ndarray  # (N, MARGIN_STEPS) int32
    by_band: np.ndarray  # (N, num_bands) BY_BAND
    flow: np.ndarray  # (N,) FLOW


def new_qot_counts(qot: QotArrays, num_networks: int) -> QotCounts:
    """All zeros."""
    steps = MARGIN_STEPS if qot.num_channels else 0
    return QotCounts(
        margins=np.zeros((num_networks, steps), np.int32),
        by_band=records((num_networks, len(qot.band_first)), BY_BAND),
        flow=records(num_networks, FLOW),
    )


@inlined
def count_qot(qot, free, counts, candidates, n, action, asked):
    """Count one request of network ``n`` before it is carried as candidate ``action``; -1: blocked.

    Args:
        qot: QotArrays.
        free: (num_units, num_words) uint64 of the network, as the request finds it.
        counts: QotCounts; row ``n`` is written.
        candidates: CandidateArrays.
        n: row of both.
        action: see above.
        asked: the request, ``request.Asked``.
    """
    margins, by_band, flow = counts.margins[n], counts.by_band[n], counts.flow[n : n + 1]
    step = qot.slots_per_channel
    if flow[0].arrivals == 0:
        flow[0].first_s = asked.now_s
    sampled = flow[0].arrivals % SAMPLED == 0
    flow[0].samples += sampled
    flow[0].arrivals += 1
    flow[0].last_s = asked.now_s
    for b in range(len(by_band)):
        low, size = qot.band_first[b] * step, (qot.band_end[b] - qot.band_first[b]) * step
        if sampled:
            free_slots = 0
            for word in range(low >> 6, ((low + size - 1) >> 6) + 1):
                inside = block_mask(low, size, word)
                for unit in range(free.shape[0]):
                    free_slots += population(free[unit, word] & inside)
            by_band[b].used_slots += free.shape[0] * size - free_slots
        if action >= 0:
            first_slot = candidates.first_slot[n, action]
            if low <= first_slot < low + size:
                by_band[b].lightpaths += 1
                carrier_slots = step * qot.carrier_channels[candidates.format[n, action]]
                by_band[b].channels += candidates.num_slots[n, action] // carrier_slots
    if action >= 0:
        flow[0].carried_gbit += asked.bit_rate_gbps * asked.holding_s
        most = qot.most_noise[candidates.format[n, action]] / qot.scale + qot.transceiver_noise
        margin_db = 10.0 * np.log10(most / candidates.noise[n, action])
        margins[min(max(np.int64(margin_db / MARGIN_STEP_DB), 0), len(margins) - 1)] += 1
