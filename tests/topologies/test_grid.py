"""Slots to frequencies and back, against ITU-T G.694.1's own formula."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import topologies.grid
import topologies.importers.geography
from topologies.grid import frequency_slot, slots_of


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


@pytest.mark.parametrize("module", [topologies.grid, topologies.importers.geography])
def test_examples_in_docstrings_hold(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert not outcome.failed
