"""The flexible grid of ITU-T G.694.1: slots of 12.5 GHz to frequencies on the wire and back.

Inside, spectrum is slot indices (0-based, ``first_slot``, ``num_slots``); Hz exists on the wire only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SLOT_WIDTH_GHZ = 12.5
CHANNEL_SLOTS = 4  # of a 50 GHz channel, which takes one carrier where quality of transmission decides
ANCHOR_THZ = 193.1  # G.694.1 (02/2012) 7: central frequencies are 193.1 THz + n x 6.25 GHz
C_BAND_FIRST_EDGE_MHZ = 191_325_000  # lower edge of slot 0
# Lower edge of each band's lowest slot; between them lie guard bands, where nothing is lit.
FIRST_EDGE_MHZ = {"L": 186_025_000, "C": C_BAND_FIRST_EDGE_MHZ, "S": 196_625_000}


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

    @property
    def end_edge_mhz(self) -> int:
        """Upper edge of its highest slot."""
        return self.first_edge_mhz + self.num_slots * 12_500


def c_band(num_slots: int) -> SpectrumBand:
    """The C band alone, from slot 0."""
    return SpectrumBand("C", 0, num_slots, C_BAND_FIRST_EDGE_MHZ)


def spectrum_bands(names: Sequence[str], slots_per_band: int) -> tuple[SpectrumBand, ...]:
    """Bands of equal width in order of frequency, numbered through from slot 0.

    Raises:
        ValueError: no band, an unknown one, one twice, or one so wide that it reaches into the next.

    >>> [(band.name, band.first_slot, band.end_edge_mhz) for band in spectrum_bands(("C", "L"), 384)]
    [('L', 0, 190825000), ('C', 384, 196125000)]
    """
    unknown = [name for name in names if name not in FIRST_EDGE_MHZ]
    if not names or unknown or len(set(names)) != len(names):
        raise ValueError(
            f"bands {', '.join(names) or '(none)'}: name each of {', '.join(FIRST_EDGE_MHZ)} once"
        )
    if slots_per_band < 1:
        raise ValueError(f"{slots_per_band} slots per band; at least 1 is needed")
    ordered = sorted(names, key=FIRST_EDGE_MHZ.__getitem__)
    bands = tuple(
        SpectrumBand(name, index * slots_per_band, slots_per_band, FIRST_EDGE_MHZ[name])
        for index, name in enumerate(ordered)
    )
    for low, high in pairwise(bands):
        if low.end_edge_mhz > high.first_edge_mhz:
            raise ValueError(f"{slots_per_band} slots per band: {low.name} reaches into {high.name}")
    return bands


def band_of(bands: Sequence[SpectrumBand], first_slot: int, num_slots: int) -> SpectrumBand:
    """The band that a block of slots lies in.

    Raises:
        ValueError: an empty block, one outside every band, or one across two.

    >>> band_of(spectrum_bands(("L", "C"), 384), 384, 4).name
    'C'
    """
    last_slot = first_slot + num_slots - 1
    for band in bands:
        if band.first_slot <= first_slot <= last_slot < band.end_slot:
            return band
    touched = [band.name for band in bands if first_slot < band.end_slot and band.first_slot <= last_slot]
    if len(touched) > 1:
        raise ValueError(f"slots {first_slot}..{last_slot} lie across the bands {' and '.join(touched)}")
    raise ValueError(
        f"slots {first_slot}..{last_slot} lie outside {bands[0].first_slot}..{bands[-1].end_slot - 1}"
    )


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


def frequency_slot_of(bands: Sequence[SpectrumBand], first_slot: int, num_slots: int) -> FrequencySlot:
    """The frequency slot of a block of slots in one of several bands.

    Raises:
        ValueError: as ``band_of``.

    >>> frequency_slot_of(spectrum_bands(("L", "C"), 384), 384, 4).lower_mhz
    191325000
    """
    band = band_of(bands, first_slot, num_slots)
    return frequency_slot(first_slot - band.first_slot, num_slots, band.first_edge_mhz)


def block_between(bands: Sequence[SpectrumBand], lower_mhz: int, upper_mhz: int) -> tuple[int, int]:
    """``(first_slot, num_slots)`` between two frequencies of one band; the way back of ``frequency_slot_of``.

    Raises:
        ValueError: an edge that is no slot boundary, an empty block, or one that is not inside one band.

    >>> block_between(spectrum_bands(("L", "C"), 384), 191325000, 191375000)
    (384, 4)
    """
    for band in bands:
        if band.first_edge_mhz <= lower_mhz and upper_mhz <= band.end_edge_mhz:
            first_slot, num_slots = slots_of(lower_mhz, upper_mhz, band.first_edge_mhz)
            return band.first_slot + first_slot, num_slots
    known = ", ".join(f"{band.name} {band.first_edge_mhz}..{band.end_edge_mhz}" for band in bands)
    raise ValueError(f"{lower_mhz}..{upper_mhz} MHz lie in no one band; there are {known}")
