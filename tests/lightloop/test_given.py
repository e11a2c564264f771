"""No command ignores an option: it is followed on top of a scenario, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

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
        ["energy", "simulate", "--scenario", "energy-rmsa", "--policy", "ksp_ff", *QUICK],
        ["simulate", "--scenario", "latency-rsa", *QUICK],
        ["gsnr", "simulate", "--scenario", "qot-rmbsa", "--policy", "band_by_band", *QUICK],
    ],
)
def test_another_network_on_top_of_a_scenario_is_that_network(arguments: list[str]) -> None:
    assert printed(*arguments, "--topology", "five-node")["topology"] == "five-node"
    assert printed(*arguments)["topology"] == "nsfnet"


def test_further_options_on_top_of_a_scenario_change_the_plant() -> None:
    base = ["simulate", "--scenario", "five-node", *QUICK]

    plain = printed(*base)
    for option in (["--k", "1"], ["--path-order", "km"], ["--path-ties", "reverse"], ["--slots", "40"]):
        changed = printed(*base, *option)
        assert changed["definition"] != plain["definition"], option


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "--scenario", "latency-rsa", "--setting", "deeprmsa-nsfnet"], "--setting"),
        (["simulate", "--scenario", "qot-rmbsa", "--slots", "99"], "--slots"),
        (["energy", "simulate", "--scenario", "energy-rmsa", "--setting", "deeprmsa-nsfnet"], "--setting"),
        (["train", "--scenario", "five-node", "--setting", "deeprmsa-nsfnet"], "--scenario"),
        (["train", "--generalist", "--setting", "deeprmsa-nsfnet"], "--setting"),
        (["train", "--generalist", "--scenario", "five-node"], "--scenario"),
        (["train", "--setting", "deeprmsa-nsfnet", "--set", "plant.k_paths=9"], "plant.k_paths"),
        (["train", "--generalist", "--set", "traffic.load_erlang=9"], "traffic.load_erlang"),
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
