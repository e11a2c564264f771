"""A budget in requests: one seed gives one policy, whatever the clock says."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from agents.budget import Budget
from agents.lessons import Lessons
from agents.spec import SearchSpec, TrainingError, TrainResult, TrainSpec
from agents.train import train

UPDATE_REQUESTS = 16 * 32
CLOCK = ("elapsed_s", "steps_per_s")


@pytest.mark.parametrize("num_env_runners", [0, pytest.param(1, marks=pytest.mark.long)])
def test_one_seed_gives_identical_weights_twice(
    local_ray: None, five_node, small_spec: TrainSpec, tmp_path: Path, num_env_runners: int
) -> None:
    spec = replace(
        small_spec,
        budget_s=1e-3,  # ignored
        num_env_runners=num_env_runners,
        learning_rate=3e-3,
        search=replace(small_spec.search, budget_s=1e-3, budget_requests=6 * 8 * 4000, threads=1),
    )
    hurried = replace(spec, checkpoint_every_s=1e-3, evaluate_every_s=1e-3)

    plant, lessons = five_node[0], Lessons(five_node[1])
    first = train(spec, plant, lessons, tmp_path / "first", lambda _: time.sleep(0.2))
    second = train(hurried, plant, lessons, tmp_path / "second")
    other = train(replace(spec, seed=2), plant, lessons, tmp_path / "other")

    assert first.steps == second.steps == spec.budget_requests
    assert first.search_requests == second.search_requests > 0
    for name in ("teacher", "ppo-best", "ppo-last", "policy"):
        assert weights(tmp_path / "first" / name) == weights(tmp_path / "second" / name), name
    assert weights(tmp_path / "first" / "ppo-last") != weights(tmp_path / "other" / "ppo-last")
    assert weights(tmp_path / "first" / "teacher") != weights(tmp_path / "other" / "teacher")
    assert without_clock(first) == without_clock(second)
    assert (first.chosen_candidate, first.validation) == (second.chosen_candidate, second.validation)
    # PPO has moved away from its teacher, so that equal weights say something.
    assert first.validation["ppo-last"] != first.validation["teacher"]
    assert len({point.steps for point in first.curve if point.stage == "ppo"}) >= 8
    assert first.policy_name != ""
    assert other.steps == first.steps


def weights(folder: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(folder / "weights.safetensors").items()}


def without_clock(result: TrainResult) -> list[dict]:
    return [{k: v for k, v in asdict(point).items() if k not in CLOCK} for point in result.curve]


def test_requests_count_where_they_are_given_and_seconds_otherwise() -> None:
    assert Budget(10.0).share(5.0, 10**9) == 0.5
    assert Budget(10.0, 1000).share(1e9, 250) == 0.25
    assert Budget(10.0).apart(2.5, 4) == 0.25
    assert Budget(10.0, 1000).apart(2.5, 5) == 0.2
    assert (str(Budget(10.0)), str(Budget(1.0, 2000))) == ("10 s", "2,000 requests")


@pytest.mark.parametrize(
    ("stages", "requests", "seconds"),
    [
        ({}, (4, 3), (4.0, 3.0)),
        ({"algorithm": "search"}, (7, 0), (7.0, None)),
        ({"search": SearchSpec(enabled=False)}, (0, 7), (None, 7.0)),
    ],
)
def test_one_budget_is_shared_by_the_stages_that_there_are(
    small_spec: TrainSpec, stages: dict[str, Any], requests: tuple[int, int], seconds: tuple[Any, Any]
) -> None:
    own = replace(small_spec.search, budget_s=80.0)
    spec = replace(small_spec, **{"search": own, "budget_s": 60.0} | stages)
    within = spec.within_requests(7)
    assert (within.search.budget_requests, within.budget_requests) == requests
    within = within.within_seconds(7.0)
    assert (within.search.budget_requests, within.budget_requests) == (0, 0)
    for stage, expected in zip((within.search, within), seconds, strict=True):
        assert expected is None or stage.budget_s == pytest.approx(expected)


def test_a_training_without_a_stage_takes_no_budget_in_seconds(small_spec: TrainSpec) -> None:
    empty = replace(small_spec, algorithm="search", search=SearchSpec(enabled=False))
    with pytest.raises(TrainingError, match="no stage of the training has seconds"):
        empty.within_seconds(7.0)


def test_a_negative_budget_is_refused_by_name(small_spec: TrainSpec) -> None:
    with pytest.raises(TrainingError, match=r"training\.search\.budget_requests is -1"):
        replace(small_spec, search=replace(small_spec.search, budget_requests=-1))
