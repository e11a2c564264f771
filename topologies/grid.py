"""The flexible grid of ITU-T G.694.1: slots of 12.5 GHz to frequencies on the wire and back.

Inside, spectrum is slot indices (0-based, ``first_slot``, ``num_slots``); Hz exists on the wire only.
"""

from __future__ import annotations

from dataclasses import dataclass

SLOT_WIDTH_GHZ = 12.5
ANCHOR_THZ = 193.1  # G.694.1 (02/2012) 7: central frequencies are 193.1 THz + n x 6.25 GHz
C_BAND_FIRST_EDGE_MHZ = 191_325_000  # lower edge of slot 0


@dataclass(frozen=True)
class SpectrumBand:
    """An amplification band as a range of slots; several bands share one numbering, in order of frequency.

    Attributes:
        name: ``L``, ``C`` or ``S``.
        first_slot: its lowest slot.
        num_slots: how many; the next band begins at ``first_slot + num_slots``, at its own frequency.
        first_edge_mhz: lower edge of its lowest slot.
    """

    name: str
    first_slot: int
    num_slots: int
    first_edge_mhz: int

    @property
    def end_slot(self) -> int:
        """The slot after its last."""
        return self.first_slot + self.num_slots


def c_band(num_slots: int) -> SpectrumBand:
    """The C band alone, from slot 0."""
    return SpectrumBand("C", 0, num_slots, C_BAND_FIRST_EDGE_MHZ)


@dataclass(frozen=True)
class FrequencySlot:
    """``n`` and ``m`` of G.694.1 and RFC 7698: centre 193.1 THz + n 6.25 GHz, width m 12.5 GHz."""

    n: int
    m: int

    @property
    def centre_mhz(self) -> int:
        """Central frequency in MHz, exact."""
        return 193_100_000 + self.n * 6_250

    @property
    def lower_mhz(self) -> int:
        """Lower edge in MHz, exact."""
        return self.centre_mhz - self.m * 6_250

    @property
    def upper_mhz(self) -> int:
        """Upper edge in MHz, exact."""
        return self.centre_mhz + self.m * 6_250


def frequency_slot(
    first_slot: int, num_slots: int, first_edge_mhz: int = C_BAND_FIRST_EDGE_MHZ
) -> FrequencySlot:
    """The frequency slot of a block of slots.

    Raises:
        ValueError: an empty block, a negative start, or a band edge off the 6.25 GHz raster.

    >>> slot = frequency_slot(0, 4)
    >>> slot.lower_mhz, slot.upper_mhz
    (191325000, 191375000)
    """
    if first_slot < 0 or num_slots < 1:
        raise ValueError(f"first_slot {first_slot}, num_slots {num_slots}: at least 0 and 1 are needed")
    centre_mhz = first_edge_mhz + first_slot * 12_500 + num_slots * 6_250
    n, rest = divmod(centre_mhz - 193_100_000, 6_250)
    if rest:
        raise ValueError(f"band edge {first_edge_mhz} MHz is off the 6.25 GHz raster of G.694.1")
    return FrequencySlot(n=n, m=num_slots)


def slots_of(lower_mhz: int, upper_mhz: int, first_edge_mhz: int = C_BAND_FIRST_EDGE_MHZ) -> tuple[int, int]:
    """``(first_slot, num_slots)`` of a band between two frequencies.

    Raises:
        ValueError: an edge that is no slot boundary, or an empty band.

    >>> slots_of(191325000, 191375000)
    (0, 4)
    """
    first_slot, rest_low = divmod(lower_mhz - first_edge_mhz, 12_500)
    end_slot, rest_high = divmod(upper_mhz - first_edge_mhz, 12_500)
    if rest_low or rest_high:
        raise ValueError(f"{lower_mhz}..{upper_mhz} MHz: an edge is not on a 12.5 GHz slot boundary")
    if first_slot < 0 or end_slot <= first_slot:
        raise ValueError(f"{lower_mhz}..{upper_mhz} MHz: empty, or below the band's edge, {first_edge_mhz}")
    return first_slot, end_slot - first_slot
