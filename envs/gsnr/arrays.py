"""A plant's noise as arrays for compiled code, made by ``qot_plant.py``. What is lit: ``carriers.py``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class QotArrays(NamedTuple):
    """The plant's noise for compiled code; ``num_channels`` is 0 where it knows none."""

    num_channels: int
    slots_per_channel: int
    scale: float  # whole numbers of noise to a ratio of 1 to the signal's power
    own: np.ndarray  # (num_units, num_channels) int64: ASE, ROADM and SPM of the whole unit
    cross: np.ndarray  # (num_kinds, num_channels k, num_channels i) int32: XPM on i of lit channel k
    kind: np.ndarray  # (num_units,) int32 row of ``cross``
    band_first: np.ndarray  # (num_bands,) int64 first channel, in the order of filling
    band_end: np.ndarray  # (num_bands,) int64 the channel after the last
    carrier_gbps: np.ndarray  # (num_formats,) float64 net bit rate of one carrier
    most_noise: (
        np.ndarray
    )  # (num_formats,) int64 noise that a carrier bears, margin and transceivers taken off
    transceiver_noise: float  # 1 / SNR of the two ends together
    first_on_unit: np.ndarray  # (num_units + 1,) int32 into ``path_on_unit``, see ``sharing.py``
    path_on_unit: np.ndarray  # int32, paths that cross each unit; of the best of each node pair
    value: np.ndarray  # (num_paths, num_formats) float64 what a carrier on all paths over its units is worth


def no_qot_arrays() -> QotArrays:
    """Of a plant without quality of transmission."""
    none, table = np.zeros(0, np.int64), np.zeros((0, 0), np.int64)
    cross, kind = np.zeros((0, 0, 0), np.int32), np.zeros(0, np.int32)
    return QotArrays(
        0, 1, 1.0, table, cross, kind, none, none, np.zeros(0), none, 0.0, kind, kind, np.zeros((0, 0))
    )
