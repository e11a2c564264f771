"""Modulation formats and how far they reach. Not here: GSNR, spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

from envs.errors import PlantError


@dataclass(frozen=True)
class ModulationFormat:
    """A format as the twin needs it.

    ``slot_capacity_gbps`` is what one 12.5 GHz slot carries: 12.5 x bits per symbol, or ``slot_gbps`` where
    the symbol rate says so.
    """

    name: str
    bits_per_symbol: int
    reach_km: float
    slot_gbps: float | None = None

    @property
    def slot_capacity_gbps(self) -> float:
        """Bit rate of one slot."""
        return 12.5 * self.bits_per_symbol if self.slot_gbps is None else self.slot_gbps


# Reach of the DeepRMSA family: Chen et al., "DeepRMSA", JLT 37(16), 2019, section V.
DEEPRMSA_FORMATS = (
    ModulationFormat("16QAM", 4, 625.0),
    ModulationFormat("8QAM", 3, 1250.0),
    ModulationFormat("QPSK", 2, 2500.0),
    ModulationFormat("BPSK", 1, math.inf),
)
# PtrNet-RSA counts demands in slots; distance does not matter.
FIXED_FORMAT = (ModulationFormat("BPSK", 1, math.inf),)

MODULATION_TABLES = {"deeprmsa": DEEPRMSA_FORMATS, "fixed": FIXED_FORMAT}


def modulation_table(name: str) -> tuple[ModulationFormat, ...]:
    """Formats from the most to the least efficient.

    Raises:
        PlantError: no table of that name.
    """
    try:
        return MODULATION_TABLES[name]
    except KeyError:
        known = ", ".join(MODULATION_TABLES)
        raise PlantError(f"unknown modulation table {name!r}; known: {known}") from None
