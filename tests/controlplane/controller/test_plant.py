"""The controller's plant is the twin's, made from the same configuration without the twin's code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from configs.bands import bands_of
from configs.build import plant_of
from configs.load import load_config
from controlplane.controller.capacity import BAUD_GBD, ChannelsByQuality, SlotsByReach
from controlplane.controller.network import REACH_TABLE, plant_view
from envs.gsnr import qot_plant
from envs.spec import PlantSpec
from topologies.grid import CHANNEL_SLOTS, c_band

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


def test_a_block_carries_what_the_twin_says_it_carries() -> None:
    config = load_config("latency-rsa", [*QUALITY, "plant.margin_db=1.5"])
    rule, twin = plant_view(config).capacity, plant_of(config)
    assert isinstance(rule, ChannelsByQuality)
    assert (rule.channel_slots, rule.baud_gbd) == (CHANNEL_SLOTS, BAUD_GBD)
    assert (CHANNEL_SLOTS, BAUD_GBD) == (qot_plant.SLOTS_PER_CHANNEL, qot_plant.BAUD_GBD)
    told = {
        item.name: (item.threshold_db, item.carrier_gbps_per_gbd * rule.baud_gbd) for item in rule.formats
    }
    known = zip(twin.formats, twin.thresholds_db, twin.arrays.parts.qot.carrier_gbps, strict=True)
    assert told == {item.name: (threshold_db, pytest.approx(gbps)) for item, threshold_db, gbps in known}


@pytest.mark.parametrize("part", ["controller", "elements"])
def test_the_process_loads_no_compiled_code(part: str) -> None:
    asked = f"import sys, controlplane.{part}.main; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
