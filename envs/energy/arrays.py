"""The power model on a plant, as arrays for compiled code. Not here: reading them (``meter.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.energy.backbone import joins_from_slots
from envs.energy.model import DIRECTION, SUBCARRIER, PowerModel
from envs.errors import PlantError
from envs.modulation import ModulationFormat
from topologies.grid import SpectrumBand

if TYPE_CHECKING:
    from envs.blueprint import Blueprint


class PowerArrays(NamedTuple):
    """Watts of what can be lit. A *switch* is what sleeps as a whole, in each band for itself.

    Without a power model there are no switches and every array is empty.
    """

    switch_of_unit: np.ndarray  # (num_units,) int32
    switch_units: np.ndarray  # (num_switches, 2) int32, the same twice where it has one unit
    switch_w: np.ndarray  # (num_switches,) float64 of one band, on above asleep
    joins_from: np.ndarray  # (num_switches,) float64 slots taken from which on it is of the backbone
    fibre_units: np.ndarray  # (num_fibres, 2) int32, the same twice where both directions share spectrum
    first_of_node: np.ndarray  # (num_nodes + 1,) int32, into node_units
    node_units: np.ndarray  # int32 spectrum units that touch each node
    node_w: np.ndarray  # (num_nodes,) float64, busy above idle
    path_nodes: np.ndarray  # (num_paths, max_hops + 1) int32
    band_words: np.ndarray  # (num_bands, num_words) uint64, bits of the band's slots
    band_begin: np.ndarray  # (num_bands,) int32 first slot
    lightpath_w: np.ndarray  # (num_formats,) float64 transponders of a lightpath, whatever its rate
    per_gbps_w: np.ndarray  # (num_formats,) float64 for each Gb/s that it carries
    subcarrier_w: np.ndarray  # (num_formats,) float64 for each slot that its rate takes
    slots_per_gbps: np.ndarray  # (num_formats,) float64
    asleep_w: float  # all amplifiers asleep
    idle_w: float  # all nodes idle


def no_power() -> PowerArrays:
    """Arrays of a plant without a power model."""
    none, numbers = np.zeros(0, np.int32), np.zeros(0)
    pairs, words = np.zeros((0, 2), np.int32), np.zeros((0, 0), np.uint64)
    return PowerArrays(
        switch_of_unit=none,
        switch_units=pairs,
        switch_w=numbers,
        joins_from=numbers,
        fibre_units=pairs,
        first_of_node=none,
        node_units=none,
        node_w=numbers,
        path_nodes=pairs,
        band_words=words,
        band_begin=none,
        lightpath_w=numbers,
        per_gbps_w=numbers,
        subcarrier_w=numbers,
        slots_per_gbps=numbers,
        asleep_w=0.0,
        idle_w=0.0,
    )


def power_arrays(model: PowerModel, blueprint: Blueprint) -> PowerArrays:
    """The model's watts on a network.

    Raises:
        PlantError: directions that sleep by themselves on a plant whose directions share one spectrum, where
            what is lit does not tell them apart; or watts of a format that the plant does not have.
    """
    topology, unit_of_link, table = blueprint.topology, blueprint.unit_of_link, blueprint.table
    bands, formats, slots_per_gbps = blueprint.grid.bands, blueprint.grid.formats, blueprint.slots_per_gbps
    shared = blueprint.num_units < topology.num_links
    fibre_units = np.stack([unit_of_link[::2], unit_of_link[1::2]], axis=1).astype(np.int32)
    site_w = model.amplifier.site_w * model.amplifier.sites(topology.link_length_km)
    if model.amplifier.switched_by == DIRECTION:
        if shared:
            raise PlantError(
                "amplifier.switched_by is 'direction', but both directions share one spectrum; "
                "set shared_spectrum to false or write 'fibre_pair'"
            )
        switch_of_unit = np.arange(topology.num_links, dtype=np.int32)
        switch_units, full_w = np.stack([switch_of_unit, switch_of_unit], axis=1), site_w / 2
    else:
        switch_of_unit = np.arange(blueprint.num_units, dtype=np.int32) // (1 if shared else 2)
        switch_units, full_w = fibre_units, site_w[::2]
    node_w = model.node.node_w(np.bincount(topology.link_source, minlength=topology.num_nodes))
    touching = [
        sorted({int(unit_of_link[link]) for link in np.flatnonzero(ends)})
        for ends in (
            (topology.link_source == node) | (topology.link_destination == node)
            for node in range(topology.num_nodes)
        )
    ]
    awake_share = 1 - model.amplifier.sleep_share
    joins_from = joins_from_slots(blueprint, site_w[::2] * awake_share)
    end_w, per_gbps_w = _transponders(model, formats)
    by_subcarrier = model.transponder.per == SUBCARRIER
    return PowerArrays(
        switch_of_unit=switch_of_unit,
        switch_units=switch_units.astype(np.int32),
        switch_w=full_w * awake_share,
        joins_from=np.repeat(joins_from, len(full_w) // len(joins_from)),
        fibre_units=fibre_units,
        first_of_node=np.cumsum([0, *(len(units) for units in touching)]).astype(np.int32),
        node_units=np.concatenate([np.array(units, np.int32) for units in touching]),
        node_w=node_w * (1 - model.node.idle_share),
        path_nodes=table.path_nodes.astype(np.int32),
        band_words=np.stack([_words(band, max(b.end_slot for b in bands)) for band in bands]),
        band_begin=np.array([band.first_slot for band in bands], np.int32),
        lightpath_w=np.zeros_like(end_w) if by_subcarrier else end_w,
        per_gbps_w=np.zeros_like(end_w) if by_subcarrier else per_gbps_w,
        subcarrier_w=end_w + per_gbps_w / slots_per_gbps if by_subcarrier else np.zeros_like(end_w),
        slots_per_gbps=slots_per_gbps,
        asleep_w=float(full_w.sum() * len(bands) * model.amplifier.sleep_share),
        idle_w=float(node_w.sum() * model.node.idle_share),
    )


def _transponders(model: PowerModel, formats: Sequence[ModulationFormat]) -> tuple[np.ndarray, np.ndarray]:
    """``(fixed W, W per Gb/s)`` of both ends together, for each format."""
    transponder = model.transponder
    known = {item.name for item in formats}
    for name in transponder.formats:
        if name not in known:
            raise PlantError(
                f"power model {model.name!r}: transponder.formats names {name!r}; "
                f"the plant has {', '.join(sorted(known))}"
            )
    each = [transponder.line(item.name) for item in formats]
    return (
        transponder.ends * np.array([fixed_w for fixed_w, _ in each], np.float64),
        transponder.ends * np.array([per_gbps_w for _, per_gbps_w in each], np.float64),
    )


def _words(band: SpectrumBand, num_slots: int) -> np.ndarray:
    """(num_words,) uint64 with the bits of a band's slots."""
    bits = np.zeros(-(-num_slots // 64) * 64, np.uint8)
    bits[band.first_slot : band.end_slot] = 1
    return np.packbits(bits, bitorder="little").view(np.uint64)
