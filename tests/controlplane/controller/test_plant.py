"""The controller's plant is the twin's, made from the same configuration without the twin's code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.bands import bands_of
from configs.build import plant_of
from configs.load import load_config
from controlplane.controller.capacity import ChannelsByQuality, SlotsByReach
from controlplane.controller.network import REACH_TABLE, plant_view
from controlplane.lightpath import Lightpath
from envs.spec import PlantSpec
from topologies.grid import CHANNEL_SLOTS, SLOT_WIDTH_GHZ, c_band

QUALITY = ("plant.topology=five-node", "plant.bands=[L,C,S]", "plant.channels_per_band=10")


@pytest.mark.parametrize("names", [("L", "C", "S"), ("C",), ("C", "L"), ("S", "C"), ("S",)])
def test_bands_are_those_of_the_twin(names: tuple[str, ...]) -> None:
    asked = ["plant.topology=five-node", f"plant.bands=[{','.join(names)}]", "plant.channels_per_band=12"]
    config = load_config("latency-rsa", asked)
    assert bands_of(config) == plant_of(config).bands
    assert plant_view(config).num_slots == 48 * len(names)


def test_without_named_bands_it_is_the_c_band_by_reach() -> None:
    config = load_config("five-node", [])
    view, twin = plant_view(config), plant_of(config)
    assert view.bands == twin.bands == (c_band(config.plant.num_slots),)
    assert isinstance(view.capacity, SlotsByReach)
    assert view.capacity.formats == twin.formats
    assert view.capacity.guard_slots == twin.spec.guard_slots
    assert PlantSpec().modulation == REACH_TABLE


@pytest.mark.parametrize("overrides", [(), QUALITY])
def test_no_block_is_narrower_than_the_channel_that_was_asked_for(overrides: tuple[str, ...]) -> None:
    view = plant_view(load_config("latency-rsa" if overrides else "five-node", list(overrides)))
    raster = CHANNEL_SLOTS if overrides else 1
    for width_ghz in range(1, 401):
        gbps = view.channel_rate_gbps(width_ghz)
        wide_enough = 0
        for name in view.capacity.format_names:
            for num_slots in range(raster, 33, raster):
                path = Lightpath("p", ("A", "B"), 0, num_slots, name, 0.0, "model", "x")
                if view.capacity.fault(path, gbps, 1.0) is None:
                    assert num_slots * SLOT_WIDTH_GHZ >= width_ghz
                    wide_enough += 1
        assert wide_enough or width_ghz > 387  # the guard slot
    with pytest.raises(ValueError, match="wider than a band"):
        view.channel_rate_gbps(10_000)


RATES = (
    "plant.transceivers=[{symbol_rate_gbd: 32, slots: 4}, {symbol_rate_gbd: 64, slots: 6}]",
    "plant.planned_at_full_load=true",
)


@pytest.mark.parametrize("more", [(), RATES], ids=["32 GBd", "two symbol rates"])
def test_a_block_carries_what_the_twin_says_it_carries(more: tuple[str, ...]) -> None:
    config = load_config("latency-rsa", [*QUALITY, "plant.margin_db=1.5", *more])
    rule, twin = plant_view(config).capacity, plant_of(config)
    assert isinstance(rule, ChannelsByQuality)
    qot = twin.arrays.parts.qot
    assert rule.raster == qot.slots_per_channel == (2 if more else CHANNEL_SLOTS)
    told = {
        item.name: (item.modulation.threshold_db, item.transceiver.slots, item.carrier_gbps)
        for item in rule.formats
    }
    slots = qot.slots_per_channel * qot.carrier_channels
    known = zip(twin.formats, twin.thresholds_db, slots, qot.carrier_gbps, strict=True)
    assert told == {
        item.name: (threshold_db, wide, pytest.approx(gbps)) for item, threshold_db, wide, gbps in known
    }


@pytest.mark.parametrize("part", ["controller", "elements"])
def test_the_process_loads_no_compiled_code(part: str) -> None:
    asked = f"import sys, controlplane.{part}.main; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
