"""The file of a power model: what it means in watts, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from envs.energy.model import (
    DEFAULT_FILE,
    SHIPPED_FILES,
    PowerModelError,
    load_power_model,
    power_model_named,
)
from envs.errors import PlantError
from envs.modulation import DEEPRMSA_FORMATS
from envs.plant import build_plant
from envs.spec import PlantSpec
from topologies.catalogue import load_topology

MODEL = load_power_model()


def test_a_transponder_draws_by_bit_rate_in_the_default_model() -> None:
    for item in DEEPRMSA_FORMATS:
        assert MODEL.transponder.lightpath_w(100.0, item) == pytest.approx(2 * (91.333 + 168.3))


def test_a_subcarrier_draws_what_its_format_carries_in_one_slot() -> None:
    """Vizcaino et al. 2012: 112.4, 133.4, 154.4 and 175.5 W for BPSK to 16QAM."""
    transponder = load_power_model(SHIPPED_FILES["subcarriers"]).transponder
    one_w = {
        item.name: transponder.lightpath_w(item.slot_capacity_gbps, item) / 2 for item in DEEPRMSA_FORMATS
    }
    assert {name: round(watts, 1) for name, watts in one_w.items()} == {
        "BPSK": 112.4,
        "QPSK": 133.4,
        "8QAM": 154.4,
        "16QAM": 175.5,
    }
    bpsk = DEEPRMSA_FORMATS[-1]
    assert transponder.lightpath_w(100.0, bpsk) == pytest.approx(2 * 8 * one_w["BPSK"])


def test_formats_may_have_watts_of_their_own(tmp_path: Path) -> None:
    document = json.loads(DEFAULT_FILE.read_text())
    document["transponder"]["formats"] = {"QPSK": {"fixed_w": 10, "per_gbps_w": 0.5}}
    file = tmp_path / "power.json"
    file.write_text(json.dumps(document))
    model = power_model_named(str(file))
    assert model is not None
    watts = {item.name: model.transponder.lightpath_w(100.0, item) for item in DEEPRMSA_FORMATS}
    assert watts["QPSK"] == 2 * (10 + 50)
    assert watts["16QAM"] == MODEL.transponder.lightpath_w(100.0, DEEPRMSA_FORMATS[0])


def test_what_a_plant_cannot_be_charged_for_is_refused(tmp_path: Path) -> None:
    document = json.loads(DEFAULT_FILE.read_text())
    file = tmp_path / "power.json"

    def build(**spec: bool) -> None:
        file.write_text(json.dumps(document))
        build_plant(load_topology("five-node"), PlantSpec(k_paths=1, power_model=str(file), **spec))

    document["amplifier"]["switched_by"] = "direction"
    with pytest.raises(PlantError, match="shared_spectrum"):
        build(shared_spectrum=True)
    document["transponder"]["formats"] = {"256QAM": {"fixed_w": 10, "per_gbps_w": 0.5}}
    with pytest.raises(PlantError, match="256QAM"):
        build()
    document["transponder"]["formats"] = {"QPSK": {"fixed_w": 10}}
    with pytest.raises(PowerModelError, match=r"transponder\.formats\.QPSK"):
        build()


def test_sites_count_inline_amplifiers_and_both_ends() -> None:
    assert MODEL.amplifier.sites(np.array([10.0, 80.0, 81.0, 800.0])).tolist() == [2, 2, 3, 11]


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("transponder", "fixed_w", -1, "transponder.fixed_w is -1; it cannot be negative"),
        ("transponder", "per", "node", "transponder.per is 'node'; write 'lightpath' or 'subcarrier'"),
        ("transponder", "formats", 3, "transponder.formats is 3; an object"),
        ("transponder", "ends", 1.5, "transponder.ends is 1.5; a whole number"),
        ("amplifier", "sleep_share", 1.2, "amplifier.sleep_share is 1.2; a share"),
        ("amplifier", "span_km", 0, "amplifier.span_km is 0; a positive length"),
        ("amplifier", "switched_by", "band", "amplifier.switched_by is 'band'"),
        ("node", "fixed_w", "150", "node.fixed_w is '150'; a finite number"),
        ("node", "fixed_w", True, "node.fixed_w is True"),
        ("node", "fixed_w", math.inf, "node.fixed_w is inf"),
        ("node", "idle_w", 3, "node.idle_w is unknown"),
        ("node", "idle_share", None, "node.idle_share is missing"),
        ("node", None, None, "node is None; an object"),
    ],
)
def test_a_bad_power_file_is_refused_by_file_key_and_value(
    tmp_path: Path, section: str, key: str | None, value: object, says: str
) -> None:
    document = json.loads(DEFAULT_FILE.read_text())
    if key is None:
        del document[section]
    elif value is None:
        del document[section][key]
    else:
        document[section][key] = value
    file = tmp_path / "power.json"
    file.write_text(json.dumps(document))
    with pytest.raises(PowerModelError) as refusal:
        load_power_model(file)
    assert str(refusal.value).startswith(f"{file}: {says}")


def test_unreadable_power_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "power.json"
    with pytest.raises(PowerModelError, match="cannot be read"):
        load_power_model(file)
    file.write_text("{")
    with pytest.raises(PowerModelError, match="not JSON"):
        load_power_model(file)
    file.write_text("[]")
    with pytest.raises(PowerModelError, match="is a list"):
        load_power_model(file)


def test_pluggables_draw_the_same_at_any_rate_and_a_sleeping_site_keeps_its_shelf() -> None:
    model = load_power_model(SHIPPED_FILES["pluggables"])
    watts = {model.transponder.lightpath_w(rate, DEEPRMSA_FORMATS[0]) for rate in (25.0, 100.0)}
    assert watts == {2 * 21.0}
    assert model.amplifier.site_w == 2 * 30.0 + 140.0
    assert model.amplifier.sleep_share * model.amplifier.site_w == pytest.approx(140.0)
