"""Spectrum on the wire: slots to MHz and back. Not here: the grid itself (``topologies.grid``)."""

from __future__ import annotations

from typing import Any

from topologies.grid import frequency_slot

GRID = {"adjustment-granularity": "G_12_5GHZ", "grid-type": "FLEX"}
WIRE_MODULATIONS = frozenset({"BPSK", "QPSK", "8QAM", "16QAM"})  # of our formats, those the enumeration has


def spectrum(first_slot: int, num_slots: int) -> dict[str, Any]:
    """Lower and upper frequency in MHz with the grid they lie on; uint64 as strings (RFC 7951 6.1)."""
    slot = frequency_slot(first_slot, num_slots)
    return {
        "lower-frequency": str(slot.lower_mhz),
        "upper-frequency": str(slot.upper_mhz),
        "frequency-constraint": dict(GRID),
    }


def central_frequency(first_slot: int, num_slots: int) -> dict[str, Any]:
    """Central frequency in MHz with its grid."""
    slot = frequency_slot(first_slot, num_slots)
    return {"central-frequency": str(slot.centre_mhz), "frequency-constraint": dict(GRID)}


def runs(bits: int, num_slots: int) -> list[tuple[int, int]]:
    """``(first_slot, length)`` of each run of set bits among the lowest ``num_slots``.

    >>> runs(0b0110_1, 8)
    [(0, 1), (2, 2)]
    """
    found: list[tuple[int, int]] = []
    slot = 0
    while slot < num_slots:
        if bits >> slot & 1:
            first = slot
            while slot < num_slots and bits >> slot & 1:
                slot += 1
            found.append((first, slot - first))
        else:
            slot += 1
    return found


def pool(occupied_bits: int, num_slots: int) -> dict[str, Any]:
    """A media channel pool: supportable, available and occupied spectrum.

    Args:
        occupied_bits: bit i set = slot i taken.
        num_slots: slots of the band, which begins at 191.325 THz.
    """
    free = ~occupied_bits & ((1 << num_slots) - 1)
    return {
        "mc-pool": {
            "supportable-spectrum": [spectrum(0, num_slots)],
            "available-spectrum": [spectrum(*run) for run in runs(free, num_slots)],
            "occupied-spectrum": [spectrum(*run) for run in runs(occupied_bits, num_slots)],
        }
    }
