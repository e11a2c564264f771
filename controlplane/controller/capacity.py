"""What a block of slots carries, by the plant's rule: is it wide enough, may its format be used.

Each use case has one rule. Not here: routes, latencies and what is lit (``verify.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from controlplane.tapi.path_body import ComputedPath
from envs.gsnr.formats import GsnrFormat
from envs.modulation import ModulationFormat

BAUD_GBD = 32.0  # symbol rate of a carrier in a 50 GHz channel


class CapacityRule(Protocol):
    """How the plant decides whether a path may carry a bit rate."""

    @property
    def format_names(self) -> tuple[str, ...]:
        """Names of the modulation formats that the plant has."""

    def fault(self, path: ComputedPath, bit_rate_gbps: float, length_km: float) -> str | None:
        """What is wrong with a path's format or width for a bit rate; None when nothing is."""


@dataclass(frozen=True)
class SlotsByReach:
    """A format reaches so many km, a slot carries 12.5 Gb/s per bit per symbol, and guard slots are added."""

    formats: tuple[ModulationFormat, ...]
    guard_slots: int

    @property
    def format_names(self) -> tuple[str, ...]:
        """As ``CapacityRule.format_names``."""
        return tuple(item.name for item in self.formats)

    def fault(self, path: ComputedPath, bit_rate_gbps: float, length_km: float) -> str | None:
        """As ``CapacityRule.fault``."""
        used = next((item for item in self.formats if item.name == path.modulation_format), None)
        if used is None:
            return _unknown(path, self.format_names)
        if length_km > used.reach_km:
            return f"{used.name} reaches {used.reach_km:g} km; the path is {length_km:g} km long"
        needed = math.ceil(bit_rate_gbps / used.slot_capacity_gbps - 1e-9) + self.guard_slots
        if path.num_slots < needed:
            return (
                f"{path.num_slots} slots of {used.name} are too few for {bit_rate_gbps:g} Gb/s; "
                f"{needed} are needed"
            )
        return None


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

    def fault(self, path: ComputedPath, bit_rate_gbps: float, length_km: float) -> str | None:
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


def _unknown(path: ComputedPath, known: tuple[str, ...]) -> str:
    return f"modulation format {path.modulation_format!r} is unknown; known: {', '.join(known)}"
