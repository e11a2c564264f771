"""Spectrum and signals on the wire: slots to MHz, formats to TAPI's names. Not here: the grid itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from topologies.grid import SpectrumBand, frequency_slot_of

GRID = {"adjustment-granularity": "G_12_5GHZ", "grid-type": "FLEX"}
WIRE_MODULATIONS = frozenset({"BPSK", "QPSK", "8QAM", "16QAM"})  # of our formats, those the enumeration has

Bands = Sequence[SpectrumBand]


def spectrum(bands: Bands, first_slot: int, num_slots: int) -> dict[str, Any]:
    """Lower and upper frequency in MHz with the grid they lie on; uint64 as strings (RFC 7951 6.1).

    Raises:
        ValueError: the block lies outside the bands or across two.
    """
    slot = frequency_slot_of(bands, first_slot, num_slots)
    return {
        "lower-frequency": str(slot.lower_mhz),
        "upper-frequency": str(slot.upper_mhz),
        "frequency-constraint": dict(GRID),
    }


def central_frequency(bands: Bands, first_slot: int, num_slots: int) -> dict[str, Any]:
    """Central frequency in MHz with its grid.

    Raises:
        ValueError: as ``spectrum``.
    """
    slot = frequency_slot_of(bands, first_slot, num_slots)
    return {"central-frequency": str(slot.centre_mhz), "frequency-constraint": dict(GRID)}


def wire_modulation(modulation_format: str) -> str | None:
    """The enumeration's name of a format; None where it has none, as for 32QAM and 64QAM.

    That a format is polarisation-multiplexed goes without saying there, and it tells no symbol rate.

    >>> wire_modulation("PM-16QAM"), wire_modulation("PM-QPSK-130GBd"), wire_modulation("PM-64QAM")
    ('16QAM', 'QPSK', None)
    """
    name = modulation_format.removeprefix("PM-").split("-")[0]
    return name if name in WIRE_MODULATIONS else None


def runs(bits: int, first_slot: int, num_slots: int) -> list[tuple[int, int]]:
    """``(first_slot, length)`` of each run of set bits among ``num_slots`` from ``first_slot`` on.

    >>> runs(0b0110_1, 0, 8), runs(0b0110_1, 3, 5)
    ([(0, 1), (2, 2)], [(3, 1)])
    """
    found: list[tuple[int, int]] = []
    slot, end = first_slot, first_slot + num_slots
    while slot < end:
        if bits >> slot & 1:
            first = slot
            while slot < end and bits >> slot & 1:
                slot += 1
            found.append((first, slot - first))
        else:
            slot += 1
    return found


def pool(bands: Bands, occupied_bits: int) -> dict[str, Any]:
    """A media channel pool: supportable spectrum (a range per band), available and occupied.

    Args:
        bands: of the spectrum unit; a run of slots ends where its band ends.
        occupied_bits: bit i set = slot i taken.
    """

    def told(bits: int) -> list[dict[str, Any]]:
        return [
            spectrum(bands, *run) for band in bands for run in runs(bits, band.first_slot, band.num_slots)
        ]

    return {
        "mc-pool": {
            "supportable-spectrum": [spectrum(bands, band.first_slot, band.num_slots) for band in bands],
            "available-spectrum": told(~occupied_bits),
            "occupied-spectrum": told(occupied_bits),
        }
    }
