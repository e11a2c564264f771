"""A training of a few seconds, done again from what its run logged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agents.artefact import read_manifest
from agents.local_ray import ray_session
from configs.home import Home
from configs.load import load_config
from flows.policies import beside_best_baseline, packaged, training_trace
from flows.reproduction import reproduce
from flows.settings import Settings, settings_of
from flows.taught import judged_on, taught_by
from tasks.champion import champion_of
from tasks.evaluate import contender_in
from tasks.kept_training import KeptTraining, kept_training, run_of
from tasks.progress_log import ProgressLog
from tasks.recipe import RECIPE_FILE, Recipe, RecipeError
from tasks.registry import ModelVersion, Registry
from tasks.train import train_challenger

TINY = (
    "training.budget_requests=1024",
    "training.search.budget_requests=16000",
    "training.search.population=4",
    "training.search.requests_per_candidate=1000",
    "training.validation.curve_requests=500",
    "training.validation.validation_traces=4",
    "training.validation.validation_requests=1000",
    "training.num_env_runners=0",
    "evaluation.num_traces=3",
    "evaluation.requests_per_trace=900",
    "evaluation.warmup_requests=200",
    "evaluation.baselines=[ksp_ff, ff_ksp]",
    "traffic.requests_per_trace=900",
)


@dataclass(frozen=True)
class Made:
    """A training that has been logged."""

    settings: Settings
    kept: KeptTraining
    version: ModelVersion  # of what it made

    def again(self, kept: KeptTraining, folder: Path):
        settings = self.settings
        steps: list[str] = []
        return reproduce(kept, settings.config, settings.home, settings.registry, folder, steps.append)


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with ray_session("", num_cpus=2):
        yield


@pytest.fixture(scope="module")
def made(
    local_ray: None,
    registry: Registry,
    versions: list[ModelVersion],
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    """As the flow does it, beginning with the champion."""
    home = Home(tmp_path_factory.mktemp("home")).create()
    settings = replace(settings_of(load_config("five-node", TINY), home, running=None), registry=registry)
    champion = champion_of(registry)
    assert champion == versions[1]
    training = training_trace(settings)
    traffic = judged_on(settings, None, training, None)
    taught = taught_by(settings, None, training, traffic, champion, print)
    with registry.run("tiny", {"kind": "training"}) as run_id:
        registry.log_config(run_id, {"training.seed": 1}, settings.resolved_yaml)
        recipe = Recipe(training.id, champion=champion.version)
        registry.log_document(run_id, recipe.to_json(), RECIPE_FILE)
        spec, progress = settings.config.train_spec(), ProgressLog(home.training / run_id)
        result = train_challenger(spec, settings.plant, taught.lessons, training, registry, run_id, progress)
        found = beside_best_baseline(settings, contender_in(result.policy_folder))
        registry.log_traces(run_id, [trace.id for trace in found.traces], home.traces, "evaluation")
        document = {"policies": [found.found.row(), found.best.row()]}
        registry.log_document(run_id, document, "evaluation.json")
        model = packaged(settings, run_id, training, result.policy_folder)
    version = registry.register(model.uri, run_id, model.policy, {})
    kept = kept_training(registry, run_id, tmp_path_factory.mktemp("kept"), home.root / "models")
    return Made(settings, kept, version)


def test_a_training_of_so_many_requests_comes_out_the_same_to_the_last_bit(
    made: Made, tmp_path: Path
) -> None:
    assert run_of(made.settings.registry, made.version.version) == made.kept.run_id
    assert run_of(made.settings.registry, made.kept.run_id) == made.kept.run_id

    found = made.again(made.kept, tmp_path)

    assert found.is_same_begin
    assert found.are_weights_equal
    before, now = read_manifest(made.kept.policy_folder), read_manifest(found.policy_folder)
    assert now.weights_sha256 == before.weights_sha256
    assert found.policy_folder != made.kept.policy_folder
    assert found.are_figures_equal
    assert (found.difference.mean, found.largest_difference) == (0.0, 0.0)
    assert not any("seconds" in remark or "begins otherwise" in remark for remark in found.remarks)


def test_what_begins_otherwise_is_told_and_its_policy_compared(made: Made, tmp_path: Path) -> None:
    text = made.kept.config_file.read_text()
    changed = text.replace("budget_requests: 16000", "budget_requests: 4000")
    changed = changed.replace("budget_requests: 1024", "budget_requests: 0")
    changed = changed.replace("  budget_s: 10\n", "  budget_s: 0.001\n")
    assert changed != text
    (tmp_path / "config.yaml").write_text(changed)
    other = replace(made.kept, config_file=tmp_path / "config.yaml", commit="a" * 40, was_resumed=True)

    found = made.again(other, tmp_path / "again")

    assert not found.is_same_begin
    said = "; ".join(found.remarks)
    for word in (f"commit {'a' * 40}", "begins otherwise", "budget is in seconds", "interrupted"):
        assert word in said
    if not found.are_weights_equal:
        assert found.largest_difference != 0.0
    assert found.is_expected
    assert found.difference.low <= found.difference.mean <= found.difference.high


def test_what_is_gone_is_named(made: Made, versions: list[ModelVersion], tmp_path: Path) -> None:
    registry = made.settings.registry
    windows = {"window": "w0", "window.learned": "w1", "window.held_out": "w2"}
    recipe = replace(made.kept.recipe, champion="99", is_trace_given=True, trace="0123456789abcdef")

    with pytest.raises(RecipeError) as refusal:
        made.again(replace(made.kept, windows=windows, recipe=recipe), tmp_path)

    for word in ("no such window", "version 99", "no trace 0123456789abcdef"):
        assert word in str(refusal.value)
    with pytest.raises(RecipeError, match="no run 'nothing'"):
        kept_training(registry, "nothing", tmp_path, tmp_path)
    with pytest.raises(RecipeError, match="trained nothing"):
        kept_training(registry, versions[0].run_id, tmp_path, tmp_path)
