"""A plant's bands, formats and noise tables: what quality of transmission adds to ``envs.plant``.

Slots stay 12.5 GHz; a carrier takes four, or as many as its transceiver says. Several bands share one
numbering of slots, in order of frequency. Not here: how the tables come about (``link_tables.py``), what is
lit (``carriers.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from envs.blueprint import Grid
from envs.gsnr.arrays import QotArrays, no_qot_arrays
from envs.gsnr.carriers import SEGMENT
from envs.gsnr.errors import GsnrError
from envs.gsnr.formats import CarrierFormat, carrier_formats
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import LinkTables, build_link_tables
from envs.gsnr.rates import cells_from, cells_of, met_by_carriers, rates_of
from envs.modulation import ModulationFormat
from envs.transceivers import raster_slots
from topologies.grid import CHANNEL_SLOTS, spectrum_bands
from topologies.model import Topology

if TYPE_CHECKING:
    from envs.spec import PlantSpec

BAND_ORDER = ("C", "L", "S")  # in which bands fill up


def qot_grid(topology: Topology, unit_of_link: np.ndarray, spec: PlantSpec) -> Grid:
    """Bands, formats and noise of a plant with quality of transmission.

    Args:
        topology: the network.
        unit_of_link: (num_links,) spectrum unit of each directed link; both directions of a pair are alike.
        spec: with bands.

    Raises:
        GsnrError: see ``make_comb``; or a margin, or a number of launch powers, that does not fit.
    """
    names, launch_dbm, margin_db = spec.bands, spec.launch_dbm, spec.margin_db
    if not (math.isfinite(margin_db) and margin_db >= 0):
        raise GsnrError(f"margin is {margin_db} dB; give 0 or more")
    if len(launch_dbm) not in (0, len(names)):
        raise GsnrError(f"{len(launch_dbm)} launch powers for {len(names)} bands; give one per band, or none")
    parameters, slots_per_band = load_line_parameters(), spec.channels_per_band * CHANNEL_SLOTS
    comb = cells_of(parameters, names, slots_per_band, launch_dbm, spec.transceivers)
    tables = build_link_tables(
        topology,
        parameters,
        comb,
        transceiver_snr_db=spec.transceiver_snr_db,
        roadm_loss_db=spec.roadm_loss_db,
        real_spans=spec.real_spans,
        rates=rates_of(spec.transceivers),
    )
    first_link = np.array([int(np.argmax(unit_of_link == unit)) for unit in range(unit_of_link.max() + 1)])
    formats = carrier_formats(spec.transceivers)
    order = [name for name in BAND_ORDER if name in comb.band_names]
    ranges = [comb.channels_of(name) for name in order]
    arrays = _with_formats(
        _noise_arrays(tables, first_link, spec.planned_at_full_load), tables, formats, margin_db
    )
    return Grid(
        bands=spectrum_bands(names, slots_per_band),
        formats=tuple(
            ModulationFormat(
                item.name,
                item.modulation.bits_per_symbol,
                math.inf,
                item.carrier_gbps / item.transceiver.slots if spec.transceivers else None,
            )
            for item in formats
        ),
        slots_per_channel=raster_slots(spec.transceivers),
        thresholds_db=tuple(item.modulation.threshold_db for item in formats),
        qot=arrays._replace(
            slots_per_channel=raster_slots(spec.transceivers),
            band_first=np.array([item.start for item in ranges], np.int64),
            band_end=np.array([item.stop for item in ranges], np.int64),
        ),
    )


def _noise_arrays(tables: LinkTables, first_link: np.ndarray, planned: bool) -> QotArrays:
    """The tables in whole numbers; ``first_link`` (num_units,) stands for each unit's."""
    comb, floats = tables.comb, tables.arrays
    # The largest power of two at which all XPM of a channel together is a 32-bit integer.
    most_xpm = float(floats.cross.sum(axis=1, dtype=np.float64).max())
    scale = 2.0 ** math.floor(math.log2((2**31 - 1 - comb.num_channels) / most_xpm))
    own = np.rint(floats.own[first_link].swapaxes(0, 1) * scale).astype(np.int64)
    cross = np.rint(floats.cross.astype(np.float64) * scale).astype(np.int32)
    kind = floats.kind[first_link]
    if planned:  # what all channels together add is there from the start, and never grows
        lit = np.ones(comb.num_channels, bool)
        for row, rate in enumerate(tables.rates):
            own[row] += np.stack([met_by_carriers(comb, rate, each, lit) for each in cross])[kind]
        cross = np.zeros((len(cross), 0, 0), np.int32)
    # A channel by itself: as one of the carrier that begins there, or of the last in its band that does.
    fullest = int(np.argmax([rate.baud_gbd / rate.cells for rate in tables.rates]))
    begins = cells_from(comb, tables.rates[fullest])[0]
    last = np.maximum.accumulate(np.where(begins, np.arange(comb.num_channels), 0))
    return no_qot_arrays()._replace(
        num_channels=comb.num_channels,
        scale=scale,
        own=np.ascontiguousarray(own),
        own_of_channel=np.ascontiguousarray(own[fullest][:, last]),
        cross=cross,
        cross_most=most_in_segments(cross),
        kind=kind,
        transceiver_noise=tables.transceiver_noise,
    )


def most_in_segments(cross: np.ndarray) -> np.ndarray:
    """(num_kinds, num_channels, num_segments) the most that a lit channel adds to any of a segment."""
    begins = np.arange(0, cross.shape[2], SEGMENT)
    return np.maximum.reduceat(cross, begins, axis=2) if len(begins) else cross


def least_noise(qot: QotArrays, units: np.ndarray, hops: np.ndarray) -> np.ndarray:
    """(num_paths, num_rates, num_bands) int64 noise that a carrier has at the least where nothing is lit.

    Args:
        qot: with the noise of units and the bands.
        units: (num_paths, max_hops) of each path, anything behind the last.
        hops: (num_paths,).
    """
    least = np.empty((len(units), len(qot.own), len(qot.band_first)), np.int64)
    bands = list(zip(qot.band_first.tolist(), qot.band_end.tolist(), strict=True))
    for path, (row, count) in enumerate(zip(units, hops.tolist(), strict=True)):
        of_path = qot.own[:, row[:count]].sum(axis=1)
        least[path] = np.stack([of_path[:, first:end].min(axis=1) for first, end in bands], axis=1)
    return least


def _with_formats(
    arrays: QotArrays, tables: LinkTables, formats: Sequence[CarrierFormat], margin_db: float
) -> QotArrays:
    """With what carriers of each format carry and bear."""
    needed_db = np.array([item.modulation.threshold_db for item in formats]) + margin_db
    most_noise = np.floor((10.0 ** (-needed_db / 10.0) - tables.transceiver_noise) * arrays.scale).astype(
        np.int64
    )
    channels = np.array([tables.rates[item.rate].cells for item in formats], np.int64)
    carrier_gbps = np.array([item.carrier_gbps for item in formats])
    by_modulation = len(tables.rates)  # the fullest symbol rate of each comes first
    return arrays._replace(
        carrier_gbps=carrier_gbps,
        carrier_channels=channels,
        rate=np.array([item.rate for item in formats], np.int64),
        most_noise=most_noise,
        most_by_modulation=most_noise[::by_modulation].copy(),
        channel_gbps=(carrier_gbps / channels)[::by_modulation].copy(),
    )
