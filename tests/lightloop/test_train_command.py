"""``lightloop train``: one JSON object, a policy folder, and a chart that shows who is better."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import agents.generalist
import envs.settings
from agents.artefact import load_policy
from agents.generalist import SMALLEST_COST, VALIDATION_SEED, VALIDATION_TRACES
from agents.shipped import QOT_FOLDER
from agents.spec import TrainingError, TrainPoint
from configs.build import plant_of, traffic_of
from configs.load import load_config
from envs.evaluation import replay
from envs.heuristics import baseline
from envs.search import linear_costs_on
from envs.traffic import make_trace
from lightloop.commands.train import curve_chart
from lightloop.main import app

SMALL = (
    "search.requests_per_candidate=1000",
    "validation.curve_traces=2",
    "validation.curve_requests=500",
    "validation.validation_traces=2",
    "validation.validation_requests=1000",
)


def run(*arguments: str) -> subprocess.CompletedProcess:
    """The command as a process, whose stdout has to be one object whatever Ray's processes write."""
    program = "import sys; from lightloop.main import main; sys.argv[0] = 'lightloop'; main()"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=540)


def test_train_prints_one_object_and_leaves_a_policy(tmp_path):
    output = tmp_path / "training"
    budget = ("--budget-requests", "24000", *(f"--set=training.{item}" for item in SMALL))
    done = run("train", "--scenario", "five-node", *budget, "--output", str(output), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    costs, made = document["validation_cost"], ("teacher", "ppo-best", "ppo-last")
    assert (document["search_requests"], document["steps"] // 1024) == (12_000, -(-12_000 // 1024))
    assert costs[document["chosen_candidate"]] == min(costs[name] for name in made)
    assert document["policy_folder"] == str(output / "policy")
    assert load_policy(output / "policy").name == document["policy_name"]


def test_one_energy_score_is_searched_on_several_loads_from_the_rule_on(tmp_path, monkeypatch):
    monkeypatch.setattr(envs.settings, "ENERGY_TOPOLOGIES", ("five-node",))
    monkeypatch.setattr(envs.settings, "ENERGY_LOADS_ERLANG", (5.0, 9.0))
    sizes = ("training.search.requests_per_candidate=300", "evaluation.warmup_requests=50")
    sizes = [*sizes, "training.search.population=4", "training.search.threads=1"]
    options = ["--budget-requests", "4000", *(f"--set={item}" for item in sizes), "--output", str(tmp_path)]
    command = ["train", "--generalist", "--scenario", "energy-rmsa", *options, "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)

    document, found = json.loads(done.stdout), load_policy(tmp_path)
    assert document["settings"] == ["five-node, 5 Erlang", "five-node, 9 Erlang"]
    costs = document["validation_cost"]
    rule = baseline("growing_backbone")
    assert (found.weights == rule.weights) == (costs["start"] <= costs["searched"])
    # The start's cost is what a replay of the same validation traces says: blocking and energy together.
    config = load_config("energy-rmsa", ["plant.topology=five-node"])
    plant, expected = plant_of(config), []
    for index, load in enumerate((5.0, 9.0)):
        traffic = replace(traffic_of(config), load_erlang=load)
        seeds = [VALIDATION_SEED + 97 * index + k for k in range(VALIDATION_TRACES)]
        traces = [make_trace(traffic, plant, 350, seed) for seed in seeds]
        cost = linear_costs_on(plant, traces, np.array([rule.weights]), 50, config.reward)[0]
        assert cost > 0.05  # nothing is blocked, but watts are drawn
        expected.append(math.log(cost + SMALLEST_COST))
    assert costs["start"] == pytest.approx(np.mean(expected))


def test_one_score_for_networks_with_bands_goes_on_from_a_steady_state(tmp_path, monkeypatch):
    lessons = (("five-node", 30.0), ("five-node", 60.0))
    monkeypatch.setattr(envs.settings, "QOT_LESSONS", lessons)
    filled, costs_of = [], agents.generalist.costs_from_steady_state

    def watched(plant, trace, weights, mean, before, *others):
        filled.append((trace.num_requests, before, len(weights)))
        return costs_of(plant, trace, weights, mean, before, *others)

    monkeypatch.setattr(agents.generalist, "costs_from_steady_state", watched)
    search = ("requests_per_candidate=200", "steady_state_requests=150", "population=4", "threads=1")
    sizes = [f"--set=training.search.{item}" for item in search]
    sizes += ["--set=plant.channels_per_band=8", "--set=evaluation.warmup_requests=100"]
    options = ["--budget-requests", "7000", *sizes, "--output", str(tmp_path)]
    command = ["train", "--generalist", "--scenario", "qot-rmbsa", *options, "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)

    # A generation is 150 requests of the mean and 200 of each of four scores, on two networks; half of the
    # budget is the search's.
    assert filled == [(350, 150, 4)] * (2 * -(-3500 // (2 * (150 + 4 * 200))))
    document, found = json.loads(done.stdout), load_policy(tmp_path)
    assert document["settings"] == [f"five-node, {load:g} Erlang" for _, load in lessons]
    costs, start = document["validation_cost"], load_policy(QOT_FOLDER)
    assert (found.weights == start.weights) == (costs["start"] <= costs["searched"])
    # Each validation trace begins with an empty network.
    config = load_config("qot-rmbsa", ["plant.topology=five-node", "plant.channels_per_band=8"])
    plant, expected = plant_of(config), []
    for index, (_, load) in enumerate(lessons):
        traffic = replace(traffic_of(config), load_erlang=load)
        seeds = [VALIDATION_SEED + 97 * index + k for k in range(VALIDATION_TRACES)]
        traces = [make_trace(traffic, plant, 300, seed) for seed in seeds]
        blocked = [replay(plant, [trace], start, 100)[0].request_blocking for trace in traces]
        expected.append(math.log(np.mean(blocked) + SMALLEST_COST))
    assert max(expected) > math.log(0.01)
    assert costs["start"] == pytest.approx(np.mean(expected))


def test_two_budgets_are_refused(tmp_path):
    both = ["--budget-s", "4", "--budget-requests", "9000"]
    done = CliRunner().invoke(app, ["train", *both, "--output", str(tmp_path / "t")])
    assert done.exit_code != 0
    assert "one budget" in " ".join(done.stderr.split())
    assert not (tmp_path / "t").exists()


def test_a_folder_of_another_training_is_refused_with_the_reason(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"fingerprint": "0123456789abcdef"}))
    done = CliRunner().invoke(app, ["train", "--scenario", "five-node", "--output", str(tmp_path), "--json"])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert isinstance(done.exception, TrainingError)
    assert "another training" in str(done.exception)


def points(*blocking: float) -> list[TrainPoint]:
    return [
        TrainPoint(
            float(i), "search" if i < 2 else "ppo", i, value, {"ksp_ff": 0.05, "ff_ksp": 0.04}, 1.0, 0.5
        )
        for i, value in enumerate(blocking)
    ]


def test_the_chart_draws_the_curve_against_the_best_baseline():
    rows = curve_chart(points(0.06, 0.03, 0.02), width=21, height=10).plain.splitlines()
    line = next(i for i, row in enumerate(rows) if "---" in row)
    above = "".join(rows[:line])
    below = "".join(rows[line + 1 :])
    assert above.count("s") == 1  # 6 % is worse than the best baseline's 4 %
    assert below.count("s") == 1 + 2  # 3 %, and the "s" of the two times on the axis
    assert below.count("*") == 1


@pytest.mark.parametrize("blocking", [0.0, 1.0])
def test_the_chart_bears_extremes(blocking):
    flat = [TrainPoint(0.0, "ppo", 0, blocking, {"ksp_ff": blocking}, 0.0, 1.0)]
    assert curve_chart(flat).plain
