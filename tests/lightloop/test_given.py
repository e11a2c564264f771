"""No command ignores an option: it is followed on top of a scenario, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from configs.load import ConfigError
from lightloop.main import app
from lightloop.output import Refusal

QUICK = ["--requests", "400", "--runs", "2", "--warmup", "0", "--json"]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments])


def printed(*arguments: str) -> Any:
    done = run(*arguments)
    assert done.exit_code == 0, (done.stderr, done.exception)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "--scenario", "energy-rmsa", *QUICK],
        ["simulate", "--scenario", "latency-rsa", *QUICK],
        ["simulate", "--scenario", "qot-rmbsa", "--policy", "band_by_band", *QUICK],
    ],
)
def test_another_network_on_top_of_a_scenario_is_that_network(arguments: list[str]) -> None:
    assert printed(*arguments, "--topology", "five-node")["topology"] == "five-node"
    assert printed(*arguments)["topology"] == "nsfnet"


@pytest.mark.parametrize("base", [["--scenario", "five-node"], ["--setting", "maskrsa-nsfnet"]])
def test_further_options_on_top_of_a_scenario_or_setting_change_the_plant(base: list[str]) -> None:
    plain = printed("simulate", *base, *QUICK)
    for option in (
        ["--k", "1"],
        ["--slots", "40"],
        ["--power", "subcarriers"],
        ["--set", "plant.path_order=km"],
        ["--set", "plant.path_ties=reverse"],
        ["--set", "traffic.bit_rates_gbps=[50]"],
    ):
        changed = printed("simulate", *base, *QUICK, *option)
        assert changed["definition"] != plain["definition"], option


@pytest.mark.parametrize("base", [["--scenario", "five-node"], ["--setting", "maskrsa-nsfnet"]])
def test_bands_on_top_bring_their_own_slots(base: list[str]) -> None:
    found = printed("simulate", *base, "--set", "plant.bands=[C]", *QUICK)

    assert (found["definition"]["bands"], found["definition"]["num_slots"]) == (["C"], 384)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "plant={topology: nsfnet}"], "one key at a time"),
        (["--scenario", "qot-rmbsa", "--slots", "1152"], "--slots"),
        (["--scenario", "qot-rmbsa", "--set", "plant.guard_slots=1"], "plant.guard_slots"),
        (["--set", "plant.margin_db=2"], "plant.bands"),
        (["--set", "plant.shortlist_paths=2"], "plant.shortlist"),
        (["--set", "traffic.diurnal_swing=0.1"], "traffic.generator"),
        (["--set", "traffic.seed=5"], "--seed"),
        (["--set", "traffic.requests_per_trace=5"], "--requests"),
        (["--set", "training.budget_s=5"], "plant and traffic"),
        (["--cut", "CA1-WA:500:600"], "200 requests"),
    ],
)
def test_what_would_change_nothing_is_refused(arguments: list[str], words: str) -> None:
    done = run("simulate", *QUICK, *arguments)

    assert isinstance(done.exception, Refusal)
    assert words in str(done.exception)


def test_slots_that_are_not_those_of_the_bands_are_refused_with_the_right_number() -> None:
    done = run("simulate", *QUICK, "--scenario", "qot-rmbsa", "--slots", "99")

    assert isinstance(done.exception, ConfigError)
    assert "take 1152 slots" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "--scenario", "latency-rsa", "--setting", "deeprmsa-nsfnet"], "--setting"),
        (["simulate", "--k", "3", "--set", "plant.k_paths=4"], "--k"),
        (["simulate", "--scenario", "five-node", "--load", "3", "--set", "traffic.load_erlang=4"], "--load"),
        (["train", "--scenario", "five-node", "--setting", "deeprmsa-nsfnet"], "--scenario"),
        (["train", "--generalist", "--setting", "deeprmsa-nsfnet"], "--setting"),
        (["train", "--generalist", "--scenario", "five-node"], "--scenario"),
        (["train", "--setting", "deeprmsa-nsfnet", "--set", "plant.k_paths=9"], "plant.k_paths"),
        (["train", "--generalist", "--set", "traffic.load_erlang=9"], "traffic.load_erlang"),
        (
            ["train", "--generalist", "--scenario", "qot-rmbsa", "--set", "plant.topology=cost239"],
            "plant.topology",
        ),
    ],
)
def test_options_that_exclude_each_other_are_refused_with_both_names(
    arguments: list[str], words: str
) -> None:
    done = run(*arguments)

    assert isinstance(done.exception, Refusal)
    assert "exclude each other" in str(done.exception)
    assert words in str(done.exception)


def test_two_budgets_are_refused() -> None:
    assert run("train", "--budget-s", "5", "--budget-requests", "500").exit_code == 2
