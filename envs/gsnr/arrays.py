"""A plant's noise as arrays for compiled code, made by ``qot_plant.py``. What is lit: ``carriers.py``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class QotArrays(NamedTuple):
    """The plant's noise for compiled code; ``num_channels`` is 0 where it knows none."""

    num_channels: int  # cells, of ``rates.py``
    slots_per_channel: int
    scale: float  # whole numbers of noise to a ratio of 1 to the signal's power
    # (num_rates, num_units, num_channels) int64: ASE, ROADM and SPM of the whole unit, of the carrier of each
    # symbol rate that begins in a channel
    own: np.ndarray
    # (num_units, num_channels) int64: of the fullest symbol rate, for ``sharing.py``
    own_of_channel: np.ndarray
    # (num_kinds, num_channels k, num_channels i) int32: XPM on i of lit channel k; (num_kinds, 0, 0) where it
    # all stands in ``own`` from the start, and nobody adds any
    cross: np.ndarray
    # (num_kinds, num_channels k, num_segments) int32: the most of ``cross`` in each segment of channels i
    cross_most: np.ndarray
    kind: np.ndarray  # (num_units,) int32 row of ``cross``
    band_first: np.ndarray  # (num_bands,) int64 first channel, in the order of filling
    band_end: np.ndarray  # (num_bands,) int64 the channel after the last
    carrier_gbps: np.ndarray  # (num_formats,) float64 net bit rate of one carrier
    carrier_channels: np.ndarray  # (num_formats,) int64 channels side by side that one carrier takes
    rate: np.ndarray  # (num_formats,) int64 row of ``own``
    most_noise: np.ndarray  # (num_formats,) int64 that a carrier bears, margin and transceivers taken off
    transceiver_noise: float  # 1 / SNR of the two ends together
    first_on_unit: np.ndarray  # (num_units + 1,) int32 into ``path_on_unit``, see ``sharing.py``
    path_on_unit: np.ndarray  # int32, paths that cross each unit; of the best of each node pair
    most_by_modulation: np.ndarray  # (num_modulations,) int64 ``most_noise`` of each, from the most efficient
    channel_gbps: np.ndarray  # (num_modulations,) float64 the most that one channel carries of a bit rate
    value: np.ndarray  # (num_paths, num_modulations) float64 of a channel on all paths over the same units
    # (num_paths, num_rates, num_bands) int64: the least that a carrier has on a path where nothing is lit
    least_noise: np.ndarray


def no_qot_arrays() -> QotArrays:
    """Of a plant without quality of transmission."""
    none, table = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    own, cross = np.zeros((0, 0, 0), np.int64), np.zeros((0, 0, 0), np.int32)
    kind, numbers = np.zeros(0, np.int32), np.zeros(0)
    return QotArrays(
        num_channels=0,
        slots_per_channel=1,
        scale=1.0,
        own=own,
        own_of_channel=table,
        cross=cross,
        cross_most=cross,
        kind=kind,
        band_first=none,
        band_end=none,
        carrier_gbps=numbers,
        carrier_channels=none,
        rate=none,
        most_noise=none,
        transceiver_noise=0.0,
        first_on_unit=kind,
        path_on_unit=kind,
        most_by_modulation=none,
        channel_gbps=numbers,
        value=np.zeros((0, 0)),
        least_noise=own,
    )
