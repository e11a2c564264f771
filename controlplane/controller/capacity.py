"""What a block of slots carries, by the plant's rule: is it wide enough, may its format be used.

Each use case has one rule; where GSNR decides, ``Quality`` tells how much of it a format needs. Not here:
routes, latencies and what is lit (``verify.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from controlplane.lightpath import Lightpath
from envs.gsnr.formats import CarrierFormat
from envs.gsnr.link_tables import LinkTables
from envs.modulation import ModulationFormat

TOLERANCE_DB = 0.001  # by which two computations of one GSNR may differ


class CapacityRule(Protocol):
    """How the plant decides whether a path may carry a bit rate."""

    @property
    def format_names(self) -> tuple[str, ...]:
        """Names of the modulation formats that the plant has."""

    def fault(self, path: Lightpath, bit_rate_gbps: float, length_km: float) -> str | None:
        """What is wrong with a path's format or width for a bit rate; None when nothing is."""

    def best_rate_gbps(self, num_slots: int) -> float:
        """What the most efficient format carries in so many slots, guard slots not counted; whole Gb/s."""


@dataclass(frozen=True)
class SlotsByReach:
    """A format reaches so many km, a slot carries 12.5 Gb/s per bit per symbol, and guard slots are added."""

    formats: tuple[ModulationFormat, ...]
    guard_slots: int

    @property
    def format_names(self) -> tuple[str, ...]:
        """As ``CapacityRule.format_names``."""
        return tuple(item.name for item in self.formats)

    def slots(self, bit_rate_gbps: float, used: ModulationFormat) -> int:
        """Slots that a bit rate needs with a format, guard slots among them."""
        return math.ceil(bit_rate_gbps / used.slot_capacity_gbps - 1e-9) + self.guard_slots

    def fault(self, path: Lightpath, bit_rate_gbps: float, length_km: float) -> str | None:
        """As ``CapacityRule.fault``."""
        used = next((item for item in self.formats if item.name == path.modulation_format), None)
        if used is None:
            return _unknown(path, self.format_names)
        if length_km > used.reach_km:
            return f"{used.name} reaches {used.reach_km:g} km; the path is {length_km:g} km long"
        needed = self.slots(bit_rate_gbps, used)
        if path.num_slots < needed:
            return (
                f"{path.num_slots} slots of {used.name} are too few for {bit_rate_gbps:g} Gb/s; "
                f"{needed} are needed"
            )
        return None

    def best_rate_gbps(self, num_slots: int) -> float:
        """As ``CapacityRule.best_rate_gbps``."""
        return float(math.floor(num_slots * max(item.slot_capacity_gbps for item in self.formats)))


@dataclass(frozen=True)
class ChannelsByQuality:
    """Carriers side by side, each as wide as its symbol rate needs; GSNR decides on formats (``quality.py``).

    Attributes:
        formats: with symbol rate, slots and net bit rate of a carrier.
        raster: slots from one place where a carrier may begin to the next.
    """

    formats: tuple[CarrierFormat, ...]
    raster: int

    @property
    def format_names(self) -> tuple[str, ...]:
        """As ``CapacityRule.format_names``."""
        return tuple(item.name for item in self.formats)

    def fault(self, path: Lightpath, bit_rate_gbps: float, length_km: float) -> str | None:
        """As ``CapacityRule.fault``."""
        used = next((item for item in self.formats if item.name == path.modulation_format), None)
        if used is None:
            return _unknown(path, self.format_names)
        carrier_slots = used.transceiver.slots
        if path.num_slots % carrier_slots or path.first_slot % self.raster:
            end = path.first_slot + path.num_slots - 1
            where = f", which begin on every {self.raster}. slot" if carrier_slots != self.raster else ""
            return f"slots {path.first_slot}..{end} are no whole channels of {carrier_slots} slots{where}"
        channels = path.num_slots // carrier_slots
        carried_gbps = channels * used.carrier_gbps
        if carried_gbps < bit_rate_gbps - 1e-6:
            return (
                f"{channels} channel(s) of {used.name} carry {carried_gbps:g} Gb/s, too few for "
                f"{bit_rate_gbps:g} Gb/s"
            )
        return None

    def best_rate_gbps(self, num_slots: int) -> float:
        """As ``CapacityRule.best_rate_gbps``; a channel begun counts whole, and the tightest fit counts."""
        fits = [(item, math.ceil(num_slots / item.transceiver.slots)) for item in self.formats]
        tightest = min(carriers * item.transceiver.slots for item, carriers in fits)
        most_gbps = max(
            carriers * item.carrier_gbps
            for item, carriers in fits
            if carriers * item.transceiver.slots == tightest
        )
        return float(math.floor(most_gbps + 1e-6))


@dataclass(frozen=True)
class Quality:
    """What lightpaths need and what disturbs them, in a plant with quality of transmission.

    Attributes:
        formats: by name.
        margin_db: how far above its format's threshold a lightpath must stay.
        raster: slots of a cell of the tables, cells counted through over the bands.
        tables: noise of each link.
    """

    formats: Mapping[str, CarrierFormat]
    margin_db: float
    raster: int
    tables: LinkTables

    def threshold_db(self, path: Lightpath) -> float:
        """The GSNR that a path's format needs."""
        return self.formats[path.modulation_format].modulation.threshold_db

    def margin_of(self, path: Lightpath, gsnr_db: float) -> float:
        """How far a GSNR lies above the threshold of a path's format, in dB."""
        return gsnr_db - self.threshold_db(path)

    def is_enough(self, path: Lightpath, gsnr_db: float) -> bool:
        """Whether a path may have a GSNR."""
        return self.margin_of(path, gsnr_db) >= self.margin_db - TOLERANCE_DB

    def cells(self, path: Lightpath) -> slice:
        """The cells that a path lights."""
        first = path.first_slot // self.raster
        return slice(first, first + path.num_slots // self.raster)

    def carriers(self, path: Lightpath) -> tuple[int, range]:
        """The row of a path's symbol rate in the tables, and the cells in which its carriers begin."""
        rate, lit = self.formats[path.modulation_format].rate, self.cells(path)
        return rate, range(lit.start, lit.stop, self.tables.rates[rate].cells)


def _unknown(path: Lightpath, known: tuple[str, ...]) -> str:
    return f"modulation format {path.modulation_format!r} is unknown; known: {', '.join(known)}"
