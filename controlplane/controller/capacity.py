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
from envs.gsnr.formats import GsnrFormat
from envs.gsnr.link_tables import LinkTables
from envs.modulation import ModulationFormat

BAUD_GBD = 32.0  # symbol rate of a carrier in a 50 GHz channel
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
    """Carriers side by side, each a channel of fixed width; GSNR decides about the format (``quality.py``).

    Attributes:
        formats: with the net bit rate of a carrier per GBd.
        channel_slots: slots of a channel; a block is whole channels, on the raster of channels.
        baud_gbd: symbol rate of a carrier.
    """

    formats: tuple[GsnrFormat, ...]
    channel_slots: int
    baud_gbd: float

    @property
    def format_names(self) -> tuple[str, ...]:
        """As ``CapacityRule.format_names``."""
        return tuple(item.name for item in self.formats)

    def fault(self, path: Lightpath, bit_rate_gbps: float, length_km: float) -> str | None:
        """As ``CapacityRule.fault``."""
        used = next((item for item in self.formats if item.name == path.modulation_format), None)
        if used is None:
            return _unknown(path, self.format_names)
        if path.num_slots % self.channel_slots or path.first_slot % self.channel_slots:
            end = path.first_slot + path.num_slots - 1
            return f"slots {path.first_slot}..{end} are no whole channels of {self.channel_slots} slots"
        channels = path.num_slots // self.channel_slots
        carried_gbps = channels * used.carrier_gbps_per_gbd * self.baud_gbd
        if carried_gbps < bit_rate_gbps - 1e-6:
            return (
                f"{channels} channel(s) of {used.name} carry {carried_gbps:g} Gb/s, too few for "
                f"{bit_rate_gbps:g} Gb/s"
            )
        return None

    def best_rate_gbps(self, num_slots: int) -> float:
        """As ``CapacityRule.best_rate_gbps``; a channel begun counts whole."""
        most_gbps = max(item.carrier_gbps_per_gbd for item in self.formats) * self.baud_gbd
        return float(math.floor(math.ceil(num_slots / self.channel_slots) * most_gbps + 1e-6))


@dataclass(frozen=True)
class Quality:
    """What lightpaths need and what disturbs them, in a plant with quality of transmission.

    Attributes:
        formats: by name.
        margin_db: how far above its format's threshold a lightpath must stay.
        channel_slots: slots of a channel, channels counted through over the bands.
        tables: noise of each link.
    """

    formats: Mapping[str, GsnrFormat]
    margin_db: float
    channel_slots: int
    tables: LinkTables

    def margin_of(self, path: Lightpath, gsnr_db: float) -> float:
        """How far a GSNR lies above the threshold of a path's format, in dB."""
        return gsnr_db - self.formats[path.modulation_format].threshold_db

    def is_enough(self, path: Lightpath, gsnr_db: float) -> bool:
        """Whether a path may have a GSNR."""
        return self.margin_of(path, gsnr_db) >= self.margin_db - TOLERANCE_DB

    def channels(self, path: Lightpath) -> slice:
        """The channels that a path lights."""
        first = path.first_slot // self.channel_slots
        return slice(first, first + path.num_slots // self.channel_slots)


def _unknown(path: Lightpath, known: tuple[str, ...]) -> str:
    return f"modulation format {path.modulation_format!r} is unknown; known: {', '.join(known)}"
