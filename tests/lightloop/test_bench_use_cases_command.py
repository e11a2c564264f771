"""``lightloop bench energy``: figures by network, load and policy, for scripts and for people."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from configs.build import plant_of, traffic_of
from configs.load import load_config
from envs.simulation import simulate
from lightloop.main import app
from lightloop.output import Refusal

COMMAND = ["bench", "energy", "--topology", "five-node", "--load", "12", "--requests", "1000"]


def test_figures_are_those_of_a_simulation_and_the_agent_stands_beside_the_best_rule() -> None:
    done = CliRunner().invoke(app, [*COMMAND, "--json"], catch_exceptions=False)

    document = json.loads(done.stdout)
    by_policy = document["pj_per_bit"]["five-node"]["12"]
    rules = ["ksp_ff", "least_marginal_power", "least_amplifier_share", "growing_backbone"]
    assert list(by_policy) == [*rules, "agent"]
    config = load_config("energy-rmsa", ["plant.topology=five-node", "traffic.load_erlang=12"])
    alone = simulate(plant_of(config), traffic_of(config), "ksp_ff", 1000, 20261130, warmup=2000)
    assert alone.power is not None
    assert by_policy["ksp_ff"] == pytest.approx(alone.power.energy_per_bit_pj.mean)
    first = document["difference_pj_per_bit"]["five-node"]["12"]["agent"]["ksp_ff"]["mean"]
    assert first == pytest.approx(by_policy["agent"] - by_policy["ksp_ff"])
    # Every node of a small network is busy nearly always, and then its tree is lit at least.
    assert 0.9 * document["tree_pj_per_bit"]["five-node"]["12"] < min(by_policy.values())
    best = min(value for name, value in by_policy.items() if name != "agent")
    against = [row.get("energy_per_bit_vs_first_pj") for row in document["rows"]]
    assert against == [*(None for _ in rules), pytest.approx(by_policy["agent"] - best)]


def test_a_table_for_people_and_a_policy_that_does_not_exist() -> None:
    done = CliRunner().invoke(app, [*COMMAND, "--policy", "most_used"], catch_exceptions=False)
    assert "most_used" in done.stdout
    assert "agent" not in done.stdout

    refused = CliRunner().invoke(app, [*COMMAND, "--policy", "least_of_all"])
    assert isinstance(refused.exception, Refusal)
    assert "least_of_all" in str(refused.exception)


def test_amplifiers_that_stay_awake_draw_more_and_fewer_set_ups_wait() -> None:
    longer = ["--set", "traffic.mean_holding_time_s=100", "--wake-time-s", "5"]
    command = [*COMMAND, "--policy", "ksp_ff", *longer]

    def row(*more: str) -> dict:
        (found,) = json.loads(CliRunner().invoke(app, [*command, *more, "--json"]).stdout)["rows"]
        return found

    at_once, held = row(), row("--sleep-after-s", "50")

    assert at_once["held_w"] == 0 < held["held_w"]
    assert held["energy_per_bit_pj"] > at_once["energy_per_bit_pj"]
    assert 0 < held["waiting_share"] < at_once["waiting_share"]
    assert 0 < at_once["mean_wait_s"] <= 5
    assert "waited" in CliRunner().invoke(app, command).stdout
