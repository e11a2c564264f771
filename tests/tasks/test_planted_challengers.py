"""Challengers that must not become champion, each refused for its own reason; and one that must.

Where a rule decides, results made by hand go through the real gate at the level of the real budget. Where the
border decides, real artefacts go through the real check, registry and slot.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.artefact import GENERALIST_FOLDER, MANIFEST_FILE, WEIGHTS_FILE, load_policy, save_policy
from envs.features import FEATURE_NAMES
from envs.forecast import forecast_from
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy, PolicyError
from envs.traffic import PoissonTraffic, make_trace
from tasks.evaluate import contender_baseline, contender_in, measure
from tasks.gate import GateReport, judge
from tasks.limits import GateLimits
from tasks.lived_rules import not_worse_on_window
from tasks.promotion_budget import spend
from tasks.provision import demand_same_weights, stage
from tasks.registry import RECORDED_FILE, ModelVersion, Registry
from tasks.results import Evaluation, Failure, PolicyResult
from tasks.serving_target import ProvisionError, owning_slots
from tests.live_network import live_through
from tests.tasks.slots import Serving
from tests.tasks.test_gate import by_class

LIMITS = GateLimits(confidence=0.95, latency_budget_ms=50.0)
NUM_TRACES, NOISE = 10, 0.0001  # of a paired difference on 470,000 requests


def drawn(policy: str, urgent: float, rest: float, seed: int) -> PolicyResult:
    """Blocking by class on the same traces, with the noise of a paired difference."""
    shared = 0.001 * np.random.default_rng(1).standard_normal(NUM_TRACES)
    own = NOISE * np.random.default_rng(seed).standard_normal((2, NUM_TRACES))
    return by_class(policy, urgent=tuple(urgent + shared + own[0]), rest=tuple(rest + shared + own[1]))


CHAMPION = drawn("champion", 0.012, 0.012, 2)
HEURISTIC = drawn("heuristic", 0.016, 0.016, 3)
BETTER = drawn("agent", 0.0105, 0.0105, 4)


def judged(challenger: PolicyResult, folder: Path, p99_ms: float = 5.0, cut: float = 0.02) -> GateReport:
    rivals = (drawn("heuristic", 0.03, 0.03, 5), drawn("champion", 0.021, 0.021, 6))
    failures = (Failure("without A-B", drawn("agent", cut, cut, 7), rivals),)
    evaluation = Evaluation(challenger, CHAMPION, (HEURISTIC,), ("t",), failures)
    alpha = spend(folder / "budget.jsonl", "m", "run", "1", LIMITS.false_promotions_per_year, 0.0)
    return judge(evaluation, p99_ms, LIMITS, alpha)


def broken(report: GateReport) -> set[str]:
    return {rule.rule for rule in report.rules if not rule.passed}


def test_a_better_one_passes(tmp_path: Path) -> None:
    report = judged(BETTER, tmp_path)

    assert broken(report) == set()
    assert report.passed


def test_a_worse_one_is_not_better(tmp_path: Path) -> None:
    assert "better request blocking than the champion" in broken(
        judged(drawn("agent", 0.014, 0.014, 4), tmp_path)
    )


def test_an_equal_one_is_not_better(tmp_path: Path) -> None:
    for seed in range(20, 40):
        report = judged(drawn("agent", 0.012, 0.012, seed), tmp_path)
        assert "better request blocking than the champion" in broken(report)


def test_one_that_is_worse_for_a_class_is_refused_for_that_alone(tmp_path: Path) -> None:
    report = judged(drawn("agent", 0.016, 0.005, 4), tmp_path)

    assert broken(report) == {"no traffic slice worse"}
    assert "urgent" in report.verdict


def test_one_that_is_worse_under_a_cut_is_refused_for_that_alone(tmp_path: Path) -> None:
    report = judged(BETTER, tmp_path, cut=0.026)

    assert broken(report) == {"survives failures"}
    assert "of champion" in report.verdict  # better than the heuristic even so


def test_a_slow_one_is_refused_for_that_alone(tmp_path: Path) -> None:
    assert broken(judged(BETTER, tmp_path, p99_ms=80.0)) == {"answers in time"}


def linear(name: str, weight: float) -> LinearPolicy:
    return LinearPolicy(name, tuple([weight] + [0.5] * (len(FEATURE_NAMES) - 1)))


def test_what_is_exported_must_be_what_was_evaluated_to_the_last_bit(tmp_path: Path) -> None:
    judged_folder = save_policy(linear("agent", 1.0), tmp_path / "judged")

    demand_same_weights(save_policy(linear("agent", 1.0), tmp_path / "same"), judged_folder)
    nearly = save_policy(linear("agent", 1.0 + 1e-9), tmp_path / "nearly")
    with pytest.raises(ProvisionError, match="weights_sha256"):
        demand_same_weights(nearly, judged_folder)
    with pytest.raises(ProvisionError, match="kind baseline, the evaluated one linear"):
        demand_same_weights(save_policy(baseline("ksp_ff"), tmp_path / "other"), judged_folder)


def test_a_corrupted_export_is_refused(tmp_path: Path) -> None:
    folder = save_policy(linear("agent", 1.0), tmp_path / "agent")
    whole = save_policy(linear("agent", 1.0), tmp_path / "whole")
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(bytes(content))

    with pytest.raises(ProvisionError, match="not sound"):
        demand_same_weights(folder, whole)


def test_an_export_of_another_schema_is_refused(tmp_path: Path) -> None:
    folder = save_policy(linear("agent", 1.0), tmp_path / "agent")
    whole = save_policy(linear("agent", 1.0), tmp_path / "whole")
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest | {"feature_schema_version": 1}))

    with pytest.raises(ProvisionError, match="feature schema version 1"):
        demand_same_weights(folder, whole)


def test_scores_that_are_no_numbers_are_refused_in_the_slot(
    registry: Registry, target: Serving, versions: list[ModelVersion], tmp_path: Path
) -> None:
    stored = dict(np.load(registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE))
    stored["scores"][0] = np.where(stored["action_mask"][0] > 0.5, np.nan, stored["scores"][0])
    np.savez(tmp_path / "nan.npz", **stored)

    with (
        owning_slots(target[0], "test", timeout_s=0),
        pytest.raises(ProvisionError, match="no number on recorded observation 0"),
    ):
        stage(target[0], versions[0].uri, tmp_path / "nan.npz", lambda text: None)


def test_weights_that_are_no_numbers_make_no_policy() -> None:
    with pytest.raises(PolicyError, match="finite"):
        linear("agent", float("nan"))


def test_a_model_that_answers_otherwise_is_refused_in_the_slot(
    registry: Registry, target: Serving, versions: list[ModelVersion], tmp_path: Path
) -> None:
    recorded = registry.fetch(versions[0].uri, tmp_path) / RECORDED_FILE

    with (
        owning_slots(target[0], "test", timeout_s=0),
        pytest.raises(ProvisionError, match="the evaluated policy"),
    ):
        stage(target[0], versions[1].uri, recorded, lambda text: None)


def test_one_with_a_wrong_forecast_is_refused_where_forecasts_are_judged(
    plant: Plant, traffic: PoissonTraffic, tmp_path: Path
) -> None:
    """The champion's own weights, and the demand of the hottest pair taken for that of the coldest."""
    seeing = build_plant(plant.topology, replace(plant.spec, shortlist=8))
    weights = np.ones((5, 5))
    weights[0, 2] = weights[2, 0] = 20.0
    hot = replace(traffic, pair_weights=weights, load_erlang=35.0)
    right = forecast_from(make_trace(hot, seeing, 3000, 1), seeing)
    order = np.argsort(right.weights)
    turned = np.empty(len(order))
    turned[order] = np.array(right.weights)[order[::-1]]
    wrong = replace(right, weights=tuple(map(float, turned)))
    policy = load_policy(GENERALIST_FOLDER)
    champion, challenger = (
        contender_in(save_policy(policy, tmp_path / name, forecast=forecast), name)
        for name, forecast in (("champion", right), ("challenger", wrong))
    )
    traces = [make_trace(hot, seeing, 3000, seed) for seed in range(100, 108)]
    met = [
        measure(who, seeing, traces, 300, tmp_path / "results")
        for who in (challenger, champion, contender_baseline("ksp_ff"))
    ]
    seen = seeing.with_forecast(right)
    window = live_through(seen, make_trace(hot, seeing, 4000, seed=5), policy, before=300).window
    steps: list[str] = []
    on_window = not_worse_on_window(seeing, window, challenger, champion, 0.95, steps.append)

    evaluation = Evaluation(met[0], met[1], (met[2],), ())
    report = judge(evaluation, 5.0, LIMITS, further=(on_window,))

    refusing = {"better request blocking than the champion", "not worse on what was lived through"}
    assert refusing <= broken(report)
    assert broken(report) <= refusing | {
        "better bit rate blocking than the champion",
        "no traffic slice worse",
    }
    control = not_worse_on_window(seeing, window, champion, champion, 0.95, steps.append)
    assert control.passed


def test_the_limits_of_this_page_are_those_that_ship() -> None:
    from configs.load import load_config

    shipped = load_config("latency-rsa").gate
    names = ("confidence", "max_slice_loss", "slice_floor", "min_gain", "false_promotions_per_year")
    assert [getattr(shipped, name) for name in names] == [getattr(LIMITS, name) for name in names]
