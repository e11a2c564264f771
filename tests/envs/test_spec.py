"""What a plant may be: bounds of its fields, also of those that may be left out."""

from __future__ import annotations

from typing import Any

import pytest

from envs.errors import PlantError
from envs.spec import PlantSpec


@pytest.mark.parametrize(
    "wrong", [{"transceiver_snr_db": -1.0}, {"roadm_loss_db": 0.0}, {"k_paths": 0}, {"margin_db": -0.1}]
)
def test_a_value_out_of_its_bounds_is_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(PlantError, match=f"{name} is"):
        PlantSpec(**wrong)


def test_bands_have_as_many_slots_as_their_channels_take() -> None:
    PlantSpec(bands=("C", "L"), channels_per_band=10)
    PlantSpec(bands=("C", "L"), channels_per_band=10, num_slots=80)
    with pytest.raises(PlantError, match=r"num_slots is 90, but 10 channels .* C, L take 80"):
        PlantSpec(bands=("C", "L"), channels_per_band=10, num_slots=90)
