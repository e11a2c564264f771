"""``lightloop energy simulate``: what it prints for scripts and people, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.artefact import load_policy, save_policy
from configs.load import load_config
from envs.energy.model import DEFAULT_FILE, PowerModelError
from envs.policy import linear_policy
from lightloop.main import app
from lightloop.output import Refusal

RUN = ["energy", "simulate", "--topology", "five-node", "--k", "3", "--requests", "2000", "--runs", "4"]


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*RUN, *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_json_has_a_point_per_policy_and_load_whose_parts_add_up() -> None:
    policies = ["ksp_ff", "least_marginal_power", "most_used"]
    chosen = [word for name in policies for word in ("--policy", name)]
    document = json.loads(invoke(*chosen, "--load", "5", "--load", "20", "--json"))
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
        assert 0 <= point["request_blocking"] <= 1
    assert points[0]["energy_per_bit_vs_first_pj"] == 0
    difference = points[1]["energy_per_bit_pj"] - points[0]["energy_per_bit_pj"]
    assert points[1]["energy_per_bit_vs_first_pj"] == pytest.approx(difference)


def test_people_get_a_table_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "energy.svg"
    printed = invoke("--load", "5", "--load", "20", "--picture", str(picture))
    assert "pJ/bit" in printed
    assert "asleep" in printed
    assert "<svg" in picture.read_text()


def test_another_power_file_changes_the_watts(tmp_path: Path) -> None:
    file = tmp_path / "power.json"
    document = json.loads(DEFAULT_FILE.read_text())
    document["amplifier"]["site_w"] = 0
    file.write_text(json.dumps(document))
    printed = json.loads(invoke("--load", "5", "--power", str(file), "--json"))
    assert printed["mean_power_by_part_w"]["amplifiers"] == 0
    document["amplifier"]["site_w"] = -1
    file.write_text(json.dumps(document))
    with pytest.raises(PowerModelError, match="site_w"):
        invoke("--power", str(file))


def test_an_unknown_policy_is_refused_before_the_work() -> None:
    with pytest.raises(Refusal, match=r"greedy.*known: ksp_ff"):
        invoke("--policy", "ksp_ff", "--policy", "greedy", "--requests", "1000000000")


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="picture"):
        invoke("--picture", str(tmp_path / "energy.txt"))
    with pytest.raises(Refusal, match="no folder"):
        invoke("--picture", str(tmp_path / "nowhere" / "energy.png"))


def test_a_trained_policy_takes_part_by_its_folder(tmp_path: Path) -> None:
    folder = save_policy(linear_policy("frugal", marginal_power=-1.0, hops=-0.1), tmp_path / "frugal")
    document = json.loads(invoke("--policy", "ksp_ff", "--policy", str(folder), "--load", "5", "--json"))
    first, frugal = document["points"]
    assert frugal["policy"] == "frugal"
    assert frugal["energy_per_bit_vs_first_pj_ci95"][1] < 0
    assert frugal["energy_per_bit_pj"] < first["energy_per_bit_pj"]


def test_the_sweep_prints_weights_beside_baselines_and_keeps_the_policies(tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(
        "scenario: small\n"
        "plant: {topology: five-node, num_slots: 32, k_paths: 3, shared_spectrum: false,\n"
        "        power_model: default}\n"
        "traffic: {classes: [{name: all, share: 1, max_latency_ms: null}]}\n"
    )
    picture, kept = tmp_path / "pareto.svg", tmp_path / "policies"
    command = ["energy", "pareto", "--scenario", str(scenario), "--load", "12", "--weight", "0"]
    command += ["--weight", "0.1", "--search-s", "3", "--requests", "4000", "--runs", "4", "--warmup", "200"]
    command += ["--policies", str(kept), "--picture", str(picture), "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    points = {point["policy"]: point for point in json.loads(result.stdout)["points"]}
    assert list(points)[-2:] == ["weight-0", "weight-0.1"]
    assert points["weight-0.1"]["generations"] > 0
    assert points["weight-0.1"]["energy_per_bit_vs_first_pj_ci95"][1] < 0
    assert points["weight-0.1"]["energy_per_bit_pj"] < points["weight-0"]["energy_per_bit_pj"]
    assert points["ksp_ff"]["energy_per_bit_vs_first_pj"] == 0
    assert load_policy(kept / "weight-0.1").name == "weight-0.1"
    assert "<svg" in picture.read_text()


def test_the_scenario_brings_its_plant_and_power_model() -> None:
    command = [
        "energy",
        "simulate",
        "--scenario",
        "energy-rmsa",
        "--requests",
        "2000",
        "--runs",
        "2",
        "--json",
    ]
    result = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert (document["setting"], document["topology"]) == ("energy-rmsa", "nsfnet")
    assert document["power_model"]["name"] == "default"
    assert document["spectrum"] == "directed"
    config = load_config("energy-rmsa")
    assert config.gate.objective == "energy"
    assert {"ksp_ff", "least_marginal_power", "most_used"} <= set(config.evaluation.baselines)
    assert config.reward.energy > 0
    assert config.online.fallback_policy in config.evaluation.baselines
