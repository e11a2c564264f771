"""``lightloop simulate`` as a person and a script meet it: slots, quality of transmission, power."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.artefact import save_policy
from configs.load import load_config
from envs.energy.model import DEFAULT_FILE, PowerModelError
from envs.errors import PolicyError, TrafficError
from envs.forecast import ForecastError, forecast_from
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.policy import linear_policy
from envs.settings import SETTINGS
from envs.spec import PlantSpec
from envs.traffic import make_trace
from lightloop.main import app
from lightloop.output import Refusal
from lightloop.simulated import plant_for, published
from topologies.catalogue import load_topology

SHORT = ["--requests", "1200", "--warmup", "100", "--runs", "3"]
POWER = ["--topology", "five-node", "--k", "3", "--requests", "2000", "--runs", "4", "--power", "default"]
QOT = ["--scenario", "qot-rmbsa", "--topology", "five-node", "--k", "2", *SHORT, "--load", "30"]
QOT += ["--set", "plant.channels_per_band=8", "--set", "plant.launch_dbm=[8, 8, 8]"]
BY_BAND = [word for name in ("band_by_band", "max_margin", "qot_mscl") for word in ("--policy", name)]


def printed(*options: str) -> str:
    done = CliRunner().invoke(app, ["simulate", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def simulated(*options: str) -> Any:
    return json.loads(printed(*options, "--json"))


def without_times(document: Any) -> Any:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in document["points"]]


def test_bounds_of_slots_and_of_several_bands() -> None:
    few = ["--requests", "2000", "--runs", "2", "--warmup", "500", "--bounds"]
    slots = simulated("--policy", "ksp_ff", *few)
    assert [point["policy"] for point in slots["points"]] == ["ksp_ff", "defragmentation"]
    bands = simulated("--scenario", "qot-rmbsa", "--policy", "band_by_band", *few)
    assert [point["policy"] for point in bands["points"]] == ["band_by_band"]
    for document in (slots, bands):
        (cut,) = document["cut_set_bound"]
        assert 0.0 <= cut["request_blocking"] <= document["request_blocking"] + 1e-9


def test_the_plant_decides_which_figures_there_are() -> None:
    slots = simulated("--topology", "five-node", *SHORT)
    both = simulated(*QOT, "--power", "default")
    assert not {"mean_power_w", "throughput_gbps"} & set(slots)
    assert {"mean_power_w", "throughput_gbps", *slots} <= set(both)
    assert both["definition"]["bands"] == ["L", "C", "S"]
    assert both["definition"]["power_model"]["name"] == "default"
    assert not {"bands", "power_model"} & set(slots["definition"])


def test_json_has_a_point_per_policy_and_load_whose_watts_add_up() -> None:
    policies = ["ksp_ff", "least_marginal_power", "most_used"]
    chosen = [word for name in policies for word in ("--policy", name)]
    document = simulated(*POWER, *chosen, "--load", "5", "--load", "20")
    points = document["points"]
    assert [(p["load_erlang"], p["policy"]) for p in points] == [(e, p) for e in (5, 20) for p in policies]
    assert document["energy_per_bit_pj"] == points[0]["energy_per_bit_pj"]
    for point in points:
        low, high = point["energy_per_bit_pj_ci95"]
        assert low < point["energy_per_bit_pj"] < high
        assert point["mean_power_w"] == pytest.approx(sum(point["mean_power_by_part_w"].values()))
        assert 0 <= point["sleeping_share"] <= 1
        rough_pj = 1000 * point["mean_power_w"] / point["carried_gbps"]
        assert point["energy_per_bit_pj"] == pytest.approx(rough_pj, rel=0.05)
    for one in (0, 3):
        assert points[one]["energy_per_bit_vs_first_pj"] == 0
        difference = points[one + 1]["energy_per_bit_pj"] - points[one]["energy_per_bit_pj"]
        assert points[one + 1]["energy_per_bit_vs_first_pj"] == pytest.approx(difference)


def test_figures_of_transmission_have_intervals_and_follow_the_seed() -> None:
    first, again, other = (simulated(*QOT, *BY_BAND, "--seed", seed) for seed in ("1", "1", "2"))
    assert without_times(first) == without_times(again) != without_times(other)
    for row in first["points"]:
        for name in ("request_blocking", "bit_rate_blocking", "throughput_gbps", "mean_channels"):
            low, high = row[f"{name}_ci95"]
            assert low <= row[name] <= high
        assert 0 < row["request_blocking"] < 0.5
        assert sum(row["lightpath_share"].values()) == pytest.approx(1.0)
        assert row["margin_db"]["0.0"] >= 1.0
        assert set(row["spectrum_used"]) == set(row["spectrum_used_ci95"]) == {"L", "C", "S"}
    alone = simulated(*QOT, "--policy", "max_margin")
    assert without_times(alone) == without_times(first)[1:2]


def test_processes_share_the_runs_and_change_nothing() -> None:
    one, two = (simulated(*POWER, "--load", "5", "--processes", count) for count in ("1", "2"))
    assert without_times(one) == without_times(two)


@pytest.mark.parametrize(
    ("options", "told", "panels"),
    [
        (["--topology", "five-node", *SHORT, "--bounds"], ["blocked %", "cut-set bound"], 1),
        (POWER, ["pJ/bit", "asleep", "vs first", "power model 'default'"], 3),
        ([*QOT, *BY_BAND], ["Tb/s", "least", "of spectrum used", "bands L, C, S of 8 channels"], 3),
    ],
)
def test_people_get_tables_and_a_picture(
    options: list[str], told: list[str], panels: int, tmp_path: Path
) -> None:
    picture = tmp_path / "figures.svg"
    text = " ".join(printed(*options, "--load", "40", "--load", "20", "--picture", str(picture)).split())
    for words in told:
        assert words in text
    drawn = picture.read_text()
    assert drawn.count('<g id="axes_') == panels


def test_a_trained_policy_takes_part_by_its_folder(tmp_path: Path) -> None:
    frugal = save_policy(linear_policy("frugal", marginal_power=-1.0, hops=-0.1), tmp_path / "frugal")
    points = simulated(*POWER, "--policy", "ksp_ff", "--policy", str(frugal), "--load", "5")["points"]
    assert points[1]["policy"] == "frugal"
    assert points[1]["energy_per_bit_vs_first_pj_ci95"][1] < 0
    # On the same requests: stored, a baseline decides as it does by name.
    folder = save_policy(replace(baseline("max_margin"), name="stored"), tmp_path / "policy")
    by_name, stored = without_times(simulated(*QOT, "--policy", "max_margin", "--policy", str(folder)))
    assert stored == by_name | {"policy": "stored"}


def test_a_trained_policy_brings_its_forecast_and_is_refused_on_another_network(tmp_path: Path) -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(k_paths=2))
    forecast = forecast_from(make_trace(SETTINGS["deeprmsa-nsfnet"].traffic, plant, 200, 1), plant)
    folder = save_policy(replace(baseline("ksp_ff"), name="stored"), tmp_path / "policy", forecast=forecast)
    assert plant_for(str(folder), plant).forecast == forecast
    assert plant_for("ksp_ff", plant) is plant
    with pytest.raises(ForecastError, match="'nsfnet' has"):
        printed("--policy", str(folder), "--k", "2", *SHORT)


def test_another_power_file_changes_the_watts(tmp_path: Path) -> None:
    file = tmp_path / "power.json"
    document = json.loads(DEFAULT_FILE.read_text())
    document["amplifier"]["site_w"] = 0
    file.write_text(json.dumps(document))
    found = simulated(*POWER, "--load", "5", "--power", str(file))
    assert found["mean_power_by_part_w"]["amplifiers"] == 0
    document["amplifier"]["site_w"] = -1
    file.write_text(json.dumps(document))
    with pytest.raises(PowerModelError, match="site_w"):
        printed(*POWER, "--power", str(file))


def test_the_scenario_brings_its_plant_and_power_model() -> None:
    document = simulated("--scenario", "energy-rmsa", "--requests", "2000", "--runs", "2")
    assert (document["setting"], document["topology"]) == ("energy-rmsa", "nsfnet")
    assert document["definition"]["power_model"]["name"] == "default"
    assert document["definition"]["spectrum"] == "directed"
    config = load_config("energy-rmsa")
    assert config.gate.objective == "energy"
    assert {"ksp_ff", "least_marginal_power", "most_used"} <= set(config.evaluation.baselines)
    assert config.reward.energy > 0
    assert config.online.fallback_policy in config.evaluation.baselines


@pytest.mark.parametrize("name", SETTINGS)
def test_a_published_setting_is_as_published_until_it_is_overridden(name: str) -> None:
    chosen = SETTINGS[name]
    _, topology, spec, traffic = published(name, [])
    assert (topology, spec, traffic) == (load_topology(chosen.topology), chosen.plant, chosen.traffic)
    _, _, spec, traffic = published(name, ["plant.k_paths=7", "traffic.load_erlang=9"])
    assert spec == replace(chosen.plant, k_paths=7)
    assert traffic == replace(chosen.traffic, load_erlang=9)


@pytest.mark.parametrize(
    ("options", "refusal", "named"),
    [
        (["--policy", "ksp_ff", "--policy", "greedy"], Refusal, "'greedy'; known: ksp_ff"),
        (["--policy", "/nowhere/policy"], Refusal, "/nowhere/policy"),
        (["--load", "-1"], TrafficError, "-1.0"),
        (["--load", "5", "--load", "nan"], TrafficError, "nan"),
        (["--topology", "atlantis"], ValueError, "atlantis"),
        (["--picture", "figures.txt"], Refusal, "picture"),
        (["--picture", "nowhere/figures.png"], Refusal, "no folder"),
        (["--cut", "Utrecht"], Refusal, "write A-B:FROM:TO"),
        (["--bounds", "--cut", "CA1-WA:1:2"], PolicyError, "cut fibres"),
        (["--set", "plant.path_order=luck"], ValueError, "plant.path_order"),
        (["--scenario", "qot-rmbsa", "--policy", "mscl_ksp"], PolicyError, "mscl_ksp"),
        (["--scenario", "qot-rmbsa", "--set", "plant.bands=[C, X]"], ValueError, "'X'"),
        (["--scenario", "qot-rmbsa", "--set", "plant.bands=[C]"], ValueError, "3 launch powers"),
        (["--scenario", "qot-rmbsa", "--set", "plant.margin_db=-1"], ValueError, "-1"),
        (["--scenario", "qot-rmbsa", "--set", "traffic.bit_rates_gbps=[fast]"], ValueError, "fast"),
        (["--power", "default", "--set", "traffic.generator=diurnal"], TrafficError, "constant rate"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_the_work(
    options: list[str], refusal: type[Exception], named: str
) -> None:
    with pytest.raises(refusal) as told:
        printed("--requests", "1000000000", *options)
    assert named in str(told.value)
