"""A whole training: what it leaves behind, and that a killed one goes on."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from agents.artefact import load_policy, read_manifest
from agents.folder import TrainingFolder, fingerprint_of
from agents.lessons import Lessons, Start
from agents.spec import RaySpec, SearchSpec, TrainingError, TrainPoint, TrainSpec
from agents.train import train
from agents.validation import validation_set
from envs.traffic import PoissonTraffic


def test_a_training_finds_a_policy_better_than_every_baseline(local_ray, five_node, small_spec, tmp_path):
    plant, traffic = five_node
    points: list[TrainPoint] = []
    result = train(small_spec, plant, Lessons(traffic), tmp_path, points.append)
    assert result.gain_ci95[0] > 0
    assert result.validation[result.chosen_candidate] == min(result.validation.values())
    assert not result.resumed
    # What is returned is what was measured.
    policy = load_policy(result.policy_folder)
    validation = validation_set(
        plant, Lessons(traffic), small_spec.warmup_requests, small_spec.seed, sizes=small_spec.validation
    )
    assert validation.mean_blocking(policy) == result.validation[result.chosen_candidate]
    assert read_manifest(result.policy_folder).metadata["topology_hash"] == plant.topology.content_hash
    # The lines for followers are the points reported.
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [TrainPoint(**line) for line in lines] == points == list(result.curve)
    assert {point.stage for point in points} == {"search", "ppo", "choice"}
    assert [point.elapsed_s for point in points] == sorted(point.elapsed_s for point in points)
    assert result.steps == small_spec.budget_requests
    assert result.search_requests > 0
    json.dumps(result.to_json())
    # Done is done: asked again, the same answer at once.
    repeated: list[TrainPoint] = []
    again = train(small_spec, plant, Lessons(traffic), tmp_path, repeated.append)
    assert again.resumed
    assert not repeated
    assert again.validation == result.validation


def test_without_search_the_best_baseline_is_the_teacher(local_ray, five_node, small_spec, tmp_path):
    plant, traffic = five_node
    search = replace(small_spec.search, enabled=False)
    result = train(
        replace(small_spec, budget_s=0.5, budget_requests=0, search=search), plant, Lessons(traffic), tmp_path
    )
    assert load_policy(result.teacher_folder).name == result.best_baseline
    assert result.search_requests == 0
    assert result.steps > 0


def test_the_search_may_be_all_that_a_training_does(five_node, small_spec, tmp_path):
    plant, traffic = five_node
    result = train(replace(small_spec, algorithm="search"), plant, Lessons(traffic), tmp_path)
    assert {point.stage for point in result.curve} == {"search", "choice"}
    assert result.chosen == "teacher"
    assert result.steps == 0
    assert load_policy(result.policy_folder) == load_policy(result.teacher_folder)


def test_another_training_does_not_continue_in_the_folder(five_node, small_spec, tmp_path):
    plant, traffic = five_node
    TrainingFolder.open(tmp_path, fingerprint_of(small_spec, plant, Lessons(traffic)))
    before = (tmp_path / "state.json").read_bytes()
    with pytest.raises(TrainingError, match="another training"):
        train(small_spec, plant, Lessons(replace(traffic, load_erlang=46.0)), tmp_path)
    with pytest.raises(TrainingError, match="another training"):
        train(replace(small_spec, gamma=0.9), plant, Lessons(traffic), tmp_path)
    assert (tmp_path / "state.json").read_bytes() == before


def test_where_ray_runs_does_not_make_another_training(five_node, small_spec):
    plant, lessons = five_node[0], Lessons(five_node[1])
    elsewhere = replace(small_spec, ray=RaySpec("host:6379", 64))
    assert fingerprint_of(elsewhere, plant, lessons) == fingerprint_of(small_spec, plant, lessons)


def test_a_killed_training_continues_from_its_checkpoint(five_node, small_spec, tmp_path):
    plant, traffic = five_node
    search = replace(small_spec.search, budget_requests=2 * 8 * 4000)
    spec = replace(small_spec, budget_requests=100 * 16 * 32, search=search)
    (tmp_path / "job").write_bytes(pickle.dumps((spec, plant, Lessons(traffic))))
    program = (
        "import pickle, sys; from agents.train import train; "
        "job = pickle.load(open(sys.argv[1], 'rb')); train(*job, sys.argv[2])"
    )
    folder = tmp_path / "training"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "job"), str(folder)], start_new_session=True
    )
    try:
        killed = wait_for_checkpoint(folder, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert killed["stage"] == "ppo"
    assert killed["ppo_steps"] > 0
    searched = (folder / "search.ckpt").read_bytes()
    result = train(spec, plant, Lessons(traffic), folder)
    assert result.resumed
    assert (folder / "search.ckpt").read_bytes() == searched  # the search was not done again
    assert result.steps > killed["ppo_steps"]
    state = json.loads((folder / "state.json").read_text())
    assert state["runs"] == 2
    assert state["ppo_steps"] == spec.budget_requests  # not the budget twice
    elapsed = [point.elapsed_s for point in result.curve]
    assert elapsed == sorted(elapsed)
    assert len(set(elapsed)) == len(elapsed)


def wait_for_checkpoint(folder, process) -> dict:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training ended before it was killed"
        try:
            state = json.loads((folder / "state.json").read_text())
        except OSError:
            state = {}
        if state.get("checkpoint"):
            return state
        time.sleep(0.05)
    raise AssertionError("no checkpoint within two minutes")


def test_a_line_cut_short_by_a_kill_is_skipped(tmp_path):
    folder, _ = TrainingFolder.open(tmp_path, "f")
    point = TrainPoint(1.0, "search", 10, 0.1, {"ksp_ff": 0.2}, 10.0, 0.5)
    folder.append(point)
    with (tmp_path / "progress.jsonl").open("a") as stream:
        stream.write('{"elapsed_s": 2.0, "sta')
    assert folder.points() == [point]
    folder.forget_after(0.5)
    assert folder.points() == []


def test_settings_that_make_no_sense_are_refused_with_their_names():
    with pytest.raises(TrainingError, match=r"training\.num_envs is 0"):
        TrainSpec(warmup_requests=0, num_envs=0)
    with pytest.raises(TrainingError, match="population is 2"):
        SearchSpec(population=2)
    with pytest.raises(TrainingError, match="algorithm is 'dqn'"):
        TrainSpec(warmup_requests=0, algorithm="dqn")  # type: ignore[arg-type]


def hot(traffic: PoissonTraffic, nodes: int) -> PoissonTraffic:
    """The same load, most of it between two nodes."""
    weights = np.ones((nodes, nodes))
    weights[0, 1] = weights[1, 0] = 20.0
    return replace(traffic, pair_weights=weights)


def test_kinds_of_traffic_take_turns(five_node):
    plant, traffic = five_node
    lessons = Lessons(hot(traffic, plant.num_nodes), (traffic,))
    shares = []
    for turn in range(4):
        trace = lessons.draw(plant, 2000, 5, turn)
        shares.append(float(((trace.source < 2) & (trace.destination < 2)).mean()))
    assert shares == [pytest.approx(40 / 58, abs=0.05), pytest.approx(2 / 20, abs=0.05)] * 2


def test_a_training_falls_back_to_what_it_began_with(local_ray, five_node, small_spec, tmp_path):
    """An agent that is far better than a search of one generation can find stays the outcome."""
    plant, traffic = five_node
    lessons = Lessons(traffic)
    searched = replace(small_spec, budget_requests=16 * 32)
    known = load_policy(train(searched, plant, lessons, tmp_path / "first").teacher_folder)
    short = replace(
        small_spec,
        budget_requests=16 * 32,
        search=replace(small_spec.search, enabled=False),
        baselines=("ksp_ff",),
    )
    begun = Lessons(traffic, starts=(Start("champion", known, "abc"),))
    result = train(short, plant, begun, tmp_path / "second")
    assert result.validation["teacher"] <= result.validation["ksp_ff"]
    assert read_manifest(result.teacher_folder).weights_sha256 == (
        read_manifest(tmp_path / "first" / "teacher").weights_sha256
    )


def test_a_network_known_before_is_the_outcome_where_nothing_beats_it(
    local_ray, five_node, small_spec, tmp_path
):
    plant, traffic = five_node
    search = replace(small_spec.search, budget_requests=2 * 8 * 4000)
    brief = replace(small_spec, budget_requests=4 * 16 * 32, search=search)
    trained = train(brief, plant, Lessons(traffic), tmp_path / "first")
    network = load_policy(tmp_path / "first" / "ppo-best")
    short = replace(small_spec, budget_requests=16 * 32, search=replace(small_spec.search, enabled=False))
    begun = Lessons(traffic, starts=(Start("champion", network, "abc"),))
    result = train(short, plant, begun, tmp_path / "second")
    assert result.validation["champion"] == trained.validation["ppo-best"]
    best = min(result.validation, key=lambda name: result.validation[name])
    assert result.chosen == {"champion": "start", "teacher": "teacher"}.get(best, "ppo")
    with pytest.raises(TrainingError, match="another training"):
        train(short, plant, Lessons(traffic), tmp_path / "second")
