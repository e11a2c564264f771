"""Symbol rates on a raster: cells, and the carriers of each rate that begin at one.

A *cell* is the step from one place where a carrier may begin to the next, 50 GHz where every carrier takes
that. Every lit cell is counted as full as the fullest symbol rate fills its own, so carriers of any rates
side by side make no more noise for others than the tables say. Launch power goes with the symbol rate: power
per GBd is the same for all. Not here: the noise (``link_tables.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from envs.gsnr.bands import Comb, make_comb
from envs.gsnr.line import LineParameters
from envs.transceivers import STANDARD, Transceiver, fullest_gbd_per_slot, raster_slots
from topologies.grid import CHANNEL_SLOTS, SLOT_WIDTH_GHZ


@dataclass(frozen=True)
class Rate:
    """Carriers of one symbol rate."""

    baud_gbd: float
    cells: int  # side by side that one takes


def rates_of(transceivers: Sequence[Transceiver]) -> tuple[Rate, ...]:
    """The symbol rates of a plant, from the slowest."""
    raster = raster_slots(transceivers)
    return tuple(Rate(item.symbol_rate_gbd, item.slots // raster) for item in transceivers or (STANDARD,))


def cells_of(
    parameters: LineParameters,
    band_names: Sequence[str],
    slots_per_band: int,
    launch_dbm: Sequence[float],
    transceivers: Sequence[Transceiver],
) -> Comb:
    """The cells of a plant's bands, as channels that are as full as the fullest symbol rate makes them.

    Args:
        parameters: of the bands.
        band_names: in any order.
        slots_per_band: a multiple of the raster.
        launch_dbm: of a carrier of 32 GBd, one for each band; empty: 0 dBm.
        transceivers: of the plant; empty: 32 GBd in four slots.

    Raises:
        GsnrError: see ``make_comb``.
    """
    raster = raster_slots(transceivers)
    baud_gbd, width_ghz = raster * fullest_gbd_per_slot(transceivers), raster * SLOT_WIDTH_GHZ
    more_db = 10.0 * math.log10(baud_gbd / STANDARD.symbol_rate_gbd)
    below_thz = 1e-3 * (CHANNEL_SLOTS * SLOT_WIDTH_GHZ - width_ghz) / 2  # both begin at the band's lower edge
    known = [parameters.band(name) for name in band_names]
    bands = [replace(item, first_channel_thz=item.first_channel_thz - below_thz) for item in known]
    powers_dbm = launch_dbm or [0.0] * len(known)
    power_dbm = {item.name: each_dbm + more_db for item, each_dbm in zip(known, powers_dbm, strict=True)}
    return make_comb(bands, slots_per_band // raster, width_ghz, baud_gbd, power_dbm)


def cells_from(comb: Comb, rate: Rate) -> tuple[np.ndarray, np.ndarray]:
    """(num_channels,) whether a carrier that begins in a cell stays in its band; (num_channels, cells) which.

    The cells of one that leaves its band are any.
    """
    last = comb.num_channels - 1
    cells = np.arange(comb.num_channels)[:, None] + np.arange(rate.cells)
    inside = (cells[:, -1] <= last) & (comb.band[np.minimum(cells[:, -1], last)] == comb.band)
    return inside, np.minimum(cells, last)


def carriers_of(comb: Comb, rate: Rate) -> Comb:
    """The carrier of a rate that begins in each cell, as if it were a channel of its own."""
    cells = cells_from(comb, rate)[1]
    return replace(
        comb,
        baud_gbd=rate.baud_gbd,
        spacing_ghz=rate.cells * comb.spacing_ghz,
        frequency_thz=comb.frequency_thz[cells].mean(axis=1),
        launch_dbm=comb.launch_dbm + 10.0 * math.log10(rate.baud_gbd / comb.baud_gbd),
    )


def met_by_carriers(comb: Comb, rate: Rate, cross: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """(num_channels,) what lit cells do to the carrier of a rate that begins in each cell.

    The mean over its own cells, each met by all that is lit but the carrier itself. Whole numbers are rounded
    up.

    Args:
        comb: the cells.
        rate: of the carriers.
        cross: (num_channels k, num_channels i) on cell i by lit cell k.
        lit: (num_channels,) bool; what is lit of a carrier's own cells does not count.
    """
    cells = cells_from(comb, rate)[1]
    kind = np.int64 if np.issubdtype(cross.dtype, np.integer) else np.float64
    total = cross[lit].sum(axis=0, dtype=kind)[cells].sum(axis=1)
    for own in cells.T:
        for other in cells.T:
            total -= cross[own, other] * lit[own]
    return -(-total // rate.cells) if kind is np.int64 else total / rate.cells
