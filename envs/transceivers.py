"""What transceivers send: symbol rates, and the slots that a carrier of each takes. Nothing compiled.

A plant that names none has carriers of 32 GBd in channels of 50 GHz. Which format a carrier has at its symbol
rate, and what it needs for it: ``gsnr/formats.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Le

from envs.errors import PlantError
from envs.fields import refuse_out_of_bounds
from topologies.grid import CHANNEL_SLOTS, SLOT_WIDTH_GHZ


@dataclass(frozen=True)
class Transceiver:
    """One symbol rate.

    Attributes:
        symbol_rate_gbd: of a carrier.
        slots: 12.5 GHz slots that it takes, its guard among them.
    """

    symbol_rate_gbd: Annotated[float, Ge(1), Le(400)]
    slots: Annotated[int, Ge(1), Le(32)]

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, PlantError, "transceivers.")
        if self.symbol_rate_gbd > self.slots * SLOT_WIDTH_GHZ:
            raise PlantError(
                f"transceivers: {self.symbol_rate_gbd:g} GBd do not fit into {self.slots} slots of "
                f"{SLOT_WIDTH_GHZ} GHz; give it more slots"
            )


STANDARD = Transceiver(32.0, CHANNEL_SLOTS)


def check_transceivers(given: Sequence[Transceiver], slots_per_band: int) -> None:
    """Return where a plant may have these.

    Raises:
        PlantError: two that do not rise in symbol rate and slots, or bands that their raster does not fill.
    """
    for slower, faster in pairwise(given):
        if faster.symbol_rate_gbd <= slower.symbol_rate_gbd or faster.slots <= slower.slots:
            raise PlantError(
                f"transceivers: {faster.symbol_rate_gbd:g} GBd in {faster.slots} slots stands after "
                f"{slower.symbol_rate_gbd:g} GBd in {slower.slots}; both must rise from one to the next"
            )
    raster = raster_slots(given)
    if slots_per_band % raster:
        raise PlantError(
            f"transceivers: carriers begin on every {raster}. slot, and a band has {slots_per_band} slots; "
            f"set channels_per_band so that it has a multiple of {raster}"
        )


def raster_slots(given: Sequence[Transceiver]) -> int:
    """Slots from one place where a carrier may begin to the next: what all widths are multiples of.

    >>> raster_slots((Transceiver(32.0, 4), Transceiver(64.0, 6)))
    2
    """
    return math.gcd(*(item.slots for item in given or (STANDARD,)))


def fullest_gbd_per_slot(given: Sequence[Transceiver]) -> float:
    """Symbol rate per slot of those that fill their slots most."""
    return max(item.symbol_rate_gbd / item.slots for item in given or (STANDARD,))
