"""Slots to frequencies and back, against ITU-T G.694.1's own formula."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import topologies.grid
import topologies.importers.geography
from topologies.grid import (
    FIRST_EDGE_MHZ,
    SpectrumBand,
    band_of,
    block_between,
    c_band,
    frequency_slot,
    frequency_slot_of,
    slots_of,
    spectrum_bands,
)

THREE = spectrum_bands(("C", "S", "L"), 384)  # 96 channels of 50 GHz each


@given(first_slot=st.integers(0, 4000), num_slots=st.integers(1, 400))
def test_slots_come_back_from_their_edges(first_slot, num_slots):
    slot = frequency_slot(first_slot, num_slots)
    assert slots_of(slot.lower_mhz, slot.upper_mhz) == (first_slot, num_slots)
    # G.694.1: centre 193.1 THz + n x 6.25 GHz, width m x 12.5 GHz.
    assert slot.centre_mhz * 1_000_000 == 193_100_000_000_000 + slot.n * 6_250_000_000
    assert slot.upper_mhz - slot.lower_mhz == slot.m * 12_500
    assert slot.m == num_slots


@pytest.mark.parametrize(("first_slot", "num_slots"), [(-1, 1), (0, 0), (3, -2)])
def test_blocks_that_are_none_are_refused(first_slot, num_slots):
    with pytest.raises(ValueError, match=f"first_slot {first_slot}, num_slots {num_slots}"):
        frequency_slot(first_slot, num_slots)


def test_band_edges_off_the_raster_are_refused():
    with pytest.raises(ValueError, match="raster"):
        frequency_slot(0, 1, first_edge_mhz=191_325_001)


@pytest.mark.parametrize(
    ("lower_mhz", "upper_mhz"),
    [
        (191_325_001, 191_337_500),
        (191_325_000, 191_337_501),
        (191_337_500, 191_337_500),
        (191_312_500, 191_325_000),
    ],
)
def test_bands_that_are_no_slots_are_refused(lower_mhz, upper_mhz):
    with pytest.raises(ValueError, match=str(lower_mhz)):
        slots_of(lower_mhz, upper_mhz)


def test_bands_stand_in_order_of_frequency_and_number_their_slots_through():
    assert [(band.name, band.first_slot, band.end_slot) for band in THREE] == [
        ("L", 0, 384),
        ("C", 384, 768),
        ("S", 768, 1152),
    ]
    # the first channels' centres, 186.05, 191.35 and 196.65 THz, lie two slots above the bands' edges
    centres = [frequency_slot_of(THREE, band.first_slot, 4).centre_mhz for band in THREE]
    assert centres == [186_050_000, 191_350_000, 196_650_000]
    assert [band.end_edge_mhz for band in THREE] == [190_825_000, 196_125_000, 201_425_000]


@given(first_slot=st.integers(-3, 1160), num_slots=st.integers(-1, 800))
def test_a_block_has_a_frequency_exactly_where_it_lies_in_one_band(first_slot, num_slots):
    inside = [
        band
        for band in THREE
        if num_slots > 0
        and set(range(first_slot, first_slot + num_slots)) <= set(range(band.first_slot, band.end_slot))
    ]
    if not inside:
        with pytest.raises(ValueError, match=str(first_slot)):
            frequency_slot_of(THREE, first_slot, num_slots)
        return
    slot = frequency_slot_of(THREE, first_slot, num_slots)
    assert band_of(THREE, first_slot, num_slots) == inside[0]
    assert block_between(THREE, slot.lower_mhz, slot.upper_mhz) == (first_slot, num_slots)
    assert inside[0].first_edge_mhz <= slot.lower_mhz < slot.upper_mhz <= inside[0].end_edge_mhz
    assert slot.lower_mhz - inside[0].first_edge_mhz == (first_slot - inside[0].first_slot) * 12_500


@given(first_slot=st.integers(0, 3999), num_slots=st.integers(1, 400))
def test_in_the_c_band_alone_both_functions_agree(first_slot, num_slots):
    assert frequency_slot_of((c_band(4400),), first_slot, num_slots) == frequency_slot(first_slot, num_slots)


@pytest.mark.parametrize(
    ("lower_mhz", "upper_mhz"),
    [
        (190_800_000, 191_350_000),  # from L into C
        (190_900_000, 190_950_000),  # in the guard band
        (190_800_000, 190_850_000),  # beyond the edge of L
        (191_325_001, 191_337_501),
        (191_350_000, 191_350_000),
    ],
)
def test_frequencies_that_are_no_block_of_one_band_are_refused(lower_mhz, upper_mhz):
    with pytest.raises(ValueError, match=str(lower_mhz)):
        block_between(THREE, lower_mhz, upper_mhz)


@pytest.mark.parametrize(
    ("names", "slots", "why"),
    [
        ((), 4, "none"),
        (("C", "C"), 4, "once"),
        (("C", "X"), 4, "X"),
        (("C",), 0, "at least 1"),
        (("C", "S"), 425, "C reaches into S"),
    ],
)
def test_bands_that_cannot_be_are_refused(names, slots, why):
    with pytest.raises(ValueError, match=why):
        spectrum_bands(names, slots)


def test_one_band_of_three_is_itself():
    assert spectrum_bands(("C",), 100) == (c_band(100),)
    assert spectrum_bands(("S",), 8) == (SpectrumBand("S", 0, 8, FIRST_EDGE_MHZ["S"]),)


@pytest.mark.parametrize("module", [topologies.grid, topologies.importers.geography])
def test_examples_in_docstrings_hold(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert not outcome.failed
