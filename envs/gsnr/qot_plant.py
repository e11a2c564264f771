"""A plant's bands, formats and noise tables: what quality of transmission adds to ``envs.plant``.

Slots stay 12.5 GHz; a carrier takes a channel of four. Several bands share one numbering of slots, in order
of frequency. Not here: how the tables come about (``link_tables.py``), what is lit (``carriers.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from envs.blueprint import Grid
from envs.gsnr.arrays import no_qot_arrays
from envs.gsnr.bands import make_comb
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import load_formats
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import build_link_tables
from envs.modulation import ModulationFormat
from topologies.grid import SLOT_WIDTH_GHZ, SpectrumBand
from topologies.model import Topology

if TYPE_CHECKING:
    from envs.spec import PlantSpec

BAND_ORDER = ("C", "L", "S")  # in which bands fill up
CHANNEL_GHZ = 50.0
BAUD_GBD = 32.0
SLOTS_PER_CHANNEL = round(CHANNEL_GHZ / SLOT_WIDTH_GHZ)


def bands_of(names: Sequence[str], channels: int) -> tuple[SpectrumBand, ...]:
    """The bands of a plant in order of frequency, their slots numbered through.

    Raises:
        GsnrError: an unknown band, one named twice, or bands that overlap.
    """
    known = load_line_parameters()
    comb = make_comb([known.band(name) for name in names], channels, CHANNEL_GHZ, BAUD_GBD)
    size = channels * SLOTS_PER_CHANNEL
    return tuple(
        SpectrumBand(
            name, index * size, size, round(1e6 * known.band(name).first_channel_thz - 500 * CHANNEL_GHZ)
        )
        for index, name in enumerate(comb.band_names)
    )


def qot_grid(topology: Topology, unit_of_link: np.ndarray, spec: PlantSpec) -> Grid:
    """Bands, formats and noise of a plant with quality of transmission.

    Args:
        topology: the network.
        unit_of_link: (num_links,) spectrum unit of each directed link; both directions of a pair are alike.
        spec: with bands.

    Raises:
        GsnrError: see ``make_comb``; or a margin, or a number of launch powers, that does not fit.
    """
    names, channels, launch_dbm = spec.bands, spec.channels_per_band, spec.launch_dbm
    margin_db = spec.margin_db
    if not (math.isfinite(margin_db) and margin_db >= 0):
        raise GsnrError(f"margin is {margin_db} dB; give 0 or more")
    if len(launch_dbm) not in (0, len(names)):
        raise GsnrError(f"{len(launch_dbm)} launch powers for {len(names)} bands; give one per band, or none")
    parameters = load_line_parameters()
    power_dbm = dict(zip(names, launch_dbm, strict=True)) if launch_dbm else 0.0
    chosen = [parameters.band(name) for name in names]
    comb = make_comb(chosen, channels, CHANNEL_GHZ, BAUD_GBD, power_dbm)
    tables = build_link_tables(
        topology,
        parameters,
        comb,
        transceiver_snr_db=spec.transceiver_snr_db,
        roadm_loss_db=spec.roadm_loss_db,
        real_spans=spec.real_spans,
    )
    formats = tuple(reversed(load_formats()))
    first_link = np.array([int(np.argmax(unit_of_link == unit)) for unit in range(unit_of_link.max() + 1)])
    # The largest power of two at which all XPM of a channel together is a 32-bit integer.
    most_xpm = float(tables.arrays.cross.sum(axis=1, dtype=np.float64).max())
    scale = 2.0 ** math.floor(math.log2((2**31 - 1 - comb.num_channels) / most_xpm))
    own = np.rint(tables.arrays.own[first_link] * scale).astype(np.int64)
    cross = np.rint(tables.arrays.cross.astype(np.float64) * scale).astype(np.int32)
    kind = tables.arrays.kind[first_link]
    if spec.planned_at_full_load:  # what all channels together add is there from the start, and never grows
        own, cross = own + cross.sum(axis=1, dtype=np.int64)[kind], np.zeros_like(cross)
    needed_db = np.array([item.threshold_db for item in formats]) + margin_db
    order = [name for name in BAND_ORDER if name in comb.band_names]
    ranges = [comb.channels_of(name) for name in order]
    arrays = no_qot_arrays()._replace(
        num_channels=comb.num_channels,
        slots_per_channel=SLOTS_PER_CHANNEL,
        scale=scale,
        own=own,
        cross=cross,
        kind=kind,
        band_first=np.array([item.start for item in ranges], np.int64),
        band_end=np.array([item.stop for item in ranges], np.int64),
        carrier_gbps=np.array([item.carrier_gbps_per_gbd * BAUD_GBD for item in formats]),
        most_noise=np.floor((10.0 ** (-needed_db / 10.0) - tables.transceiver_noise) * scale).astype(
            np.int64
        ),
        transceiver_noise=tables.transceiver_noise,
    )
    return Grid(
        bands=bands_of(names, channels),
        formats=tuple(ModulationFormat(item.name, item.bits_per_symbol, math.inf) for item in formats),
        slots_per_channel=SLOTS_PER_CHANNEL,
        thresholds_db=tuple(item.threshold_db for item in formats),
        qot=arrays,
    )
