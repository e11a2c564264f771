"""``lightloop energy pareto``: what it prints for scripts, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from agents.artefact import load_policy
from lightloop.main import app
from lightloop.output import Refusal


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


def test_a_scenario_without_a_power_model_is_refused() -> None:
    done = CliRunner().invoke(app, ["energy", "pareto", "--scenario", "five-node"])
    assert isinstance(done.exception, Refusal)
    assert "power_model: default" in str(done.exception)
