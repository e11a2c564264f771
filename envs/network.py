"""One network's spectrum, for the online side: lightpaths come and go by name of route, not by clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from envs.bits import block_mask, taken_slots, words_of
from envs.blocks import Block
from envs.blueprint import Room
from envs.energy.meter import mark_start
from envs.errors import SpectrumError
from envs.forecast import life_row
from envs.gsnr.carriers import follow_from_python, light_from_python
from envs.parts import clear_parts, new_part_states
from envs.plant import Plant
from topologies.detours import NOTHING, Avoided

if TYPE_CHECKING:
    from envs.forecast import DemandForecast
    from envs.listed import CandidateArrays
    from envs.trace import Trace


@dataclass(frozen=True)
class ServiceLife:
    """What is known of how long a lightpath's service stays, on the clock that requests are observed on.

    Attributes:
        began_s: when the service was set up first.
        told_end_s: as its client told it; infinite: not told.
        service_class: by name.
    """

    began_s: float = 0.0
    told_end_s: float = math.inf
    service_class: str = ""


UNTOLD = ServiceLife()


def life_of_row(trace: Trace, row: int) -> ServiceLife:
    """What a trace tells of how long the service of a row stays."""
    arrival_s = float(trace.arrival_s[row])
    told_end_s = math.inf if trace.told_s is None else arrival_s + float(trace.told_s[row])
    return ServiceLife(arrival_s, told_end_s, trace.class_names[trace.service_class[row]])


class Network:
    """The spectrum of one network. Every change is checked first; a refused change changes nothing.

    Attributes:
        avoided: the failed fibre pairs, which no path may cross.
        revision: grows with every change, so that two looks can tell whether there was one in between.
        listing: room for listing candidates, made at the first request and kept; see ``candidates.observe``.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.free = np.tile(
            plant.arrays.full, (plant.num_units, 1)
        )  # (num_units, num_words) uint64, 1 = free
        room = Room(1, plant.num_units, plant.spec.num_slots, plant.arrays.num_words, 0)
        self.parts = new_part_states(plant.arrays.parts, room)
        clear_parts(self.parts, plant.arrays.full, 0)
        self._failed: set[int] = set()
        self.avoided = NOTHING
        self._lives: dict[tuple[int, int], tuple[ServiceLife, tuple[int, ...], int]] = {}
        self._forecast: DemandForecast | None = None  # that tells the rows of the lives
        self.revision = 0
        self.listing: CandidateArrays | None = None

    def provision(
        self,
        nodes: Sequence[int],
        first_slot: int,
        num_slots: int,
        modulation_format: str = "",
        life: ServiceLife = UNTOLD,
    ) -> None:
        """Take a block of slots along a route.

        Args:
            nodes: the route.
            first_slot: of the block.
            num_slots: of the block.
            modulation_format: by name; needed where quality of transmission decides, ignored elsewhere.
            life: of its service; ignored where the plant does not look at departures.

        Raises:
            SpectrumError: slots outside the band, already taken, or on a failed link; or, where quality of
                transmission decides, an unknown format or slots that are no whole channels of one band.
            TopologyError: two consecutive nodes are not neighbours.
        """
        units = self._units(nodes, first_slot, num_slots)
        for unit in units:
            if unit in self._failed:
                raise SpectrumError(f"{self._where(nodes)}: spectrum unit {unit} belongs to a failed link")
        if not self._all(units, first_slot, num_slots, free=True):
            raise SpectrumError(
                f"{self._where(nodes)}: slots {first_slot}+{num_slots} are not free on every link"
            )
        if self.plant.thresholds_db:
            self._light(units, first_slot, num_slots, modulation_format)
        self._mark(units, first_slot, num_slots, free=False)
        if self.plant.power is not None:
            mark_start(self.parts.energy.starts, 0, Block(np.array(units, np.int32), first_slot, num_slots))
        if self.plant.spec.departures_known:
            self._lives[units[0], first_slot] = life, units, num_slots
            self._note(life, units, first_slot, num_slots)
        self.revision += 1

    def release(self, nodes: Sequence[int], first_slot: int, num_slots: int) -> None:
        """Give a block of slots along a route back. Units of a failed link stay unusable.

        Raises:
            SpectrumError: slots outside the band, or not taken.
            TopologyError: two consecutive nodes are not neighbours.
        """
        units = self._units(nodes, first_slot, num_slots)
        if not self._all(units, first_slot, num_slots, free=False):
            raise SpectrumError(f"{self._where(nodes)}: slots {first_slot}+{num_slots} are not all taken")
        self._mark(units, first_slot, num_slots, free=True)
        self._lives.pop((units[0], first_slot), None)
        self._follow()  # also on units of a failed link, where the lightpath was lit until now
        self._mark([unit for unit in units if unit in self._failed], first_slot, num_slots, free=False)
        self.revision += 1

    def know_lives_by(self, forecast: DemandForecast | None) -> None:
        """Let a forecast tell the lives of what stands from now on; None: what clients told alone."""
        if forecast is self._forecast:
            return
        self._forecast = forecast
        for (_, first_slot), (life, units, num_slots) in self._lives.items():
            self._note(life, units, first_slot, num_slots)

    def is_free(self, nodes: Sequence[int], first_slot: int, num_slots: int) -> bool:
        """True where the block is free on every link of the route and no link has failed."""
        return self._all(self._units(nodes, first_slot, num_slots), first_slot, num_slots, free=True)

    def gsnr_db(self, nodes: Sequence[int], first_slot: int, num_slots: int) -> float:
        """GSNR of the worst carrier of a lightpath that stands; NaN where the plant knows none."""
        qot = self.plant.arrays.parts.qot
        if not qot.num_channels:
            return math.nan
        first_unit = self._units(nodes, first_slot, num_slots)[0]
        step, carriers = qot.slots_per_channel, self.parts.qot
        channels = slice(first_slot // step, (first_slot + num_slots) // step)
        noise = carriers.noise[0, carriers.owner[0, first_unit, channels]].max()
        return float(-10.0 * np.log10(noise / qot.scale + qot.transceiver_noise))

    def fail_link(self, node_a: int, node_b: int) -> None:
        """Make both directions of a fibre pair unusable; lightpaths over it are for the caller to release."""
        for unit in self._both_directions(node_a, node_b):
            self._failed.add(unit)
            self.free[unit] = 0
        self.avoided = Avoided(self.avoided.fibres | {self._fibre(node_a, node_b)})
        self.revision += 1

    def repair_link(self, node_a: int, node_b: int) -> None:
        """Make a failed fibre pair usable again, empty."""
        for unit in self._both_directions(node_a, node_b):
            if unit in self._failed:
                self._failed.remove(unit)
                self.free[unit] = self.plant.arrays.full
        self.avoided = Avoided(self.avoided.fibres - {self._fibre(node_a, node_b)})
        self.revision += 1

    def occupied(self) -> np.ndarray:
        """(num_units, num_slots) bool, True where a slot is taken or its link has failed."""
        return taken_slots(self.free, self.plant.spec.num_slots)

    def _fibre(self, node_a: int, node_b: int) -> int:
        names = self.plant.topology.node_names
        return self.plant.topology.link_index(names[node_a], names[node_b]) // 2

    def _both_directions(self, node_a: int, node_b: int) -> set[int]:
        return set(self.plant.units_of_nodes((node_a, node_b)) + self.plant.units_of_nodes((node_b, node_a)))

    def _units(self, nodes: Sequence[int], first_slot: int, num_slots: int) -> tuple[int, ...]:
        if first_slot < 0 or num_slots < 1 or first_slot + num_slots > self.plant.spec.num_slots:
            raise SpectrumError(
                f"slots {first_slot}+{num_slots} lie outside the band of {self.plant.spec.num_slots} slots"
            )
        return self.plant.units_of_nodes(nodes)

    def _all(self, units: Sequence[int], first_slot: int, num_slots: int, free: bool) -> bool:
        for word in words_of(first_slot, num_slots):
            mask = np.uint64(block_mask(first_slot, num_slots, word))
            wanted = mask if free else np.uint64(0)
            if any(self.free[unit, word] & mask != wanted for unit in units):
                return False
        return True

    def _mark(self, units: Sequence[int], first_slot: int, num_slots: int, free: bool) -> None:
        for word in words_of(first_slot, num_slots):
            mask = np.uint64(block_mask(first_slot, num_slots, word))
            for unit in units:
                self.free[unit, word] = (
                    self.free[unit, word] | mask if free else self.free[unit, word] & ~mask
                )

    def _note(self, life: ServiceLife, units: Sequence[int], first_slot: int, num_slots: int) -> None:
        lives, slots = self.parts.departures, slice(first_slot, first_slot + num_slots)
        for unit in units:
            lives.began_s[0, unit, slots] = life.began_s
            lives.told_end_s[0, unit, slots] = life.told_end_s
            lives.row[0, unit, slots] = life_row(self._forecast, life.service_class)

    def _light(self, units: Sequence[int], first_slot: int, num_slots: int, modulation_format: str) -> None:
        names = [item.name for item in self.plant.formats]
        if modulation_format not in names:
            raise SpectrumError(f"unknown modulation format {modulation_format!r}; known: {', '.join(names)}")
        qot = self.plant.arrays.parts.qot
        inside = any(
            band.first_slot <= first_slot and first_slot + num_slots <= band.end_slot
            for band in self.plant.bands
        )
        row = names.index(modulation_format)
        carrier_slots = int(qot.carrier_channels[row]) * qot.slots_per_channel
        if first_slot % qot.slots_per_channel or num_slots % carrier_slots or not inside:
            raise SpectrumError(
                f"slots {first_slot}+{num_slots} are not whole channels of {carrier_slots} slots in one "
                f"band, which begin on every {qot.slots_per_channel}. slot"
            )
        block = Block(np.array(units, np.int32), first_slot, num_slots)
        light_from_python(qot, self.parts.qot, 0, block, row)

    def _follow(self) -> None:
        if self.plant.thresholds_db:
            follow_from_python(self.plant.arrays.parts.qot, self.parts.qot, 0, self.free)

    def _where(self, nodes: Sequence[int]) -> str:
        return "-".join(self.plant.topology.node_names[node] for node in nodes)
