"""The plant as the controller needs it, and which slots are lit. Bits in Python integers, no compiled code.

On purpose not the twin's code: the controller checks what the path computation element, which is built on the
twin, proposes. Not here: services and their order (``state.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from configs.bands import bands_of
from configs.schema import Config, PlantSection
from controlplane.controller.capacity import CapacityRule, ChannelsByQuality, Quality, SlotsByReach
from controlplane.tapi.errors import invalid
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import hops_of
from envs.gsnr.formats import carrier_formats
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import build_link_tables
from envs.gsnr.rates import cells_of, rates_of
from envs.latency import LatencyModel, load_latency_model
from envs.modulation import modulation_table
from envs.transceivers import raster_slots
from topologies.catalogue import load_topology
from topologies.grid import CHANNEL_SLOTS, SLOT_WIDTH_GHZ, SpectrumBand
from topologies.model import Topology

Unit = tuple[str, str]
REACH_TABLE = "deeprmsa"  # the modulation table of the twin's `PlantSpec`, which would load compiled code


@dataclass(frozen=True)
class PlantView:
    """Topology, spectrum, what a block carries, and latencies."""

    topology: Topology
    bands: tuple[SpectrumBand, ...]  # in order of frequency
    shared_spectrum: bool
    capacity: CapacityRule
    latency_model: LatencyModel
    quality: Quality | None = None  # None where reach decides

    @property
    def num_slots(self) -> int:
        """Slots of a spectrum unit, all bands together."""
        return self.bands[-1].end_slot

    @property
    def naming(self) -> Naming:
        """The topology's UUIDs."""
        return Naming(self.topology)

    @property
    def identity(self) -> str:
        """What a stored state belongs to: topology, grid, bands (where not just C) and sharing."""
        shared = "shared" if self.shared_spectrum else "directed"
        names = "".join(band.name for band in self.bands)
        grid = f"{self.num_slots}" if names == "C" else f"{names}{self.num_slots}"
        return f"{self.topology.name}/{self.topology.content_hash}/{grid}/{shared}"

    def unit(self, here: str, there: str) -> Unit:
        """The row of slots from one node to its neighbour: the fibre pair where both directions share."""
        return (min(here, there), max(here, there)) if self.shared_spectrum else (here, there)

    def units(self, nodes: tuple[str, ...]) -> list[Unit]:
        """The rows of slots along a route."""
        return [self.unit(here, there) for here, there in hops_of(nodes)]

    def length_km(self, nodes: tuple[str, ...]) -> float:
        """Length of a route.

        Raises:
            TopologyError: unknown nodes, or two that are no neighbours.
        """
        links = [self.topology.link_index(here, there) for here, there in hops_of(nodes)]
        return float(self.topology.link_length_km[links].sum())

    def channel_rate_gbps(self, width_ghz: float) -> float:
        """The bit rate that a channel of a width asks for: what the most efficient format carries in it.

        A path on which another format is used gets a wider block for that rate, so no block is narrower than
        the width asked for.

        Raises:
            ValueError: no band is that wide.
        """
        widest_ghz = max(band.num_slots for band in self.bands) * SLOT_WIDTH_GHZ
        if width_ghz > widest_ghz:
            raise ValueError(
                f"a channel of {width_ghz:g} GHz is wider than a band, which has {widest_ghz:g} GHz"
            )
        return self.capacity.best_rate_gbps(math.ceil(width_ghz / SLOT_WIDTH_GHZ))

    def latency_ms(self, nodes: tuple[str, ...]) -> float:
        """One-way latency of a route."""
        model = self.latency_model
        fibre_us = model.line_us_per_km * self.length_km(nodes)
        return (fibre_us + model.node_us * len(nodes) + 2 * model.transponder_us) / 1000.0


def plant_view(config: Config) -> PlantView:
    """The plant of a configuration.

    Raises:
        TopologyError: an unknown topology, or a file that cannot be read.
        GsnrError: bands that overlap, or a number out of range.
    """
    plant = config.plant
    capacity: CapacityRule = (
        ChannelsByQuality(carrier_formats(plant.transceivers), raster_slots(plant.transceivers))
        if plant.bands
        else SlotsByReach(modulation_table(REACH_TABLE), plant.guard_slots)
    )
    topology = load_topology(plant.topology)
    return PlantView(
        topology=topology,
        bands=bands_of(config),
        shared_spectrum=plant.shared_spectrum,
        capacity=capacity,
        latency_model=load_latency_model(),
        quality=_quality(plant, topology) if plant.bands else None,
    )


def link_ends(plant: PlantView, nodes: Sequence[str]) -> tuple[str, str]:
    """The ends of a link in the topology's order.

    Raises:
        TapiError: 400, there is no such link.
    """
    for fibre in plant.topology.fibres:
        if sorted((fibre.node_a, fibre.node_b)) == sorted(nodes):
            return fibre.node_a, fibre.node_b
    raise invalid(f"there is no link between {' and '.join(map(repr, nodes))}")


def _quality(plant: PlantSection, topology: Topology) -> Quality:
    line = load_line_parameters()
    slots_per_band = plant.channels_per_band * CHANNEL_SLOTS
    comb = cells_of(line, plant.bands, slots_per_band, plant.launch_dbm, plant.transceivers)
    tables = build_link_tables(
        topology,
        line,
        comb,
        transceiver_snr_db=plant.transceiver_snr_db,
        roadm_loss_db=plant.roadm_loss_db,
        real_spans=plant.real_spans,
        rates=rates_of(plant.transceivers),
    )
    formats = {item.name: item for item in carrier_formats(plant.transceivers)}
    return Quality(formats, plant.margin_db, raster_slots(plant.transceivers), tables)


def block(first_slot: int, num_slots: int) -> int:
    """Bits of a block of slots.

    >>> bin(block(1, 3))
    '0b1110'
    """
    return ((1 << num_slots) - 1) << first_slot


class Occupied(Protocol):
    """What knows which slots are taken."""

    def clash(self, nodes: tuple[str, ...], first_slot: int, num_slots: int) -> Unit | None:
        """The first unit along a route where a slot of the block is taken; None when all are free."""


class SpectrumMap:
    """Which slots are lit, by spectrum unit."""

    def __init__(self, plant: PlantView) -> None:
        self._plant = plant
        self._lit: dict[Unit, int] = {}

    def clash(self, nodes: tuple[str, ...], first_slot: int, num_slots: int) -> Unit | None:
        """The first unit along a route where a slot of the block is lit; None when all are free."""
        wanted = block(first_slot, num_slots)
        return next((unit for unit in self._plant.units(nodes) if self._lit.get(unit, 0) & wanted), None)

    def light(self, nodes: tuple[str, ...], first_slot: int, num_slots: int) -> None:
        """Allocate a block along a route.

        Raises:
            RuntimeError: a slot is lit already; the state is broken, nothing is changed.
        """
        unit = self.clash(nodes, first_slot, num_slots)
        if unit is not None:
            raise RuntimeError(f"slots {first_slot}+{num_slots} on {unit} are lit twice")
        for unit in self._plant.units(nodes):
            self._lit[unit] = self._lit.get(unit, 0) | block(first_slot, num_slots)

    def release(self, nodes: tuple[str, ...], first_slot: int, num_slots: int) -> None:
        """Release a block along a route."""
        for unit in self._plant.units(nodes):
            self._lit[unit] = self._lit.get(unit, 0) & ~block(first_slot, num_slots)

    def by_link(self) -> dict[tuple[str, str], int]:
        """Lit slots of each directed link that has some, by its ends; shared by both directions or not."""
        lit: dict[tuple[str, str], int] = {}
        for fibre in self._plant.topology.fibres:
            for ends in ((fibre.node_a, fibre.node_b), (fibre.node_b, fibre.node_a)):
                lit[ends] = self._lit.get(self._plant.unit(*ends), 0)
        return lit

    def by_port(self) -> dict[tuple[str, str], int]:
        """Lit slots towards a neighbour, by ``(node, neighbour)``; both directions of a pair together."""
        lit: dict[tuple[str, str], int] = {}
        for fibre in self._plant.topology.fibres:
            a, b = fibre.node_a, fibre.node_b
            both = self._lit.get(self._plant.unit(a, b), 0) | self._lit.get(self._plant.unit(b, a), 0)
            lit[a, b] = lit[b, a] = both
        return lit
