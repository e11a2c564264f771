"""A training done again from what its run logged, and compared with what it made then.

What decides the outcome is held against the run's fingerprint before anything is trained, so that a training
that cannot give the same says why. Not here: what a run left (``tasks/kept_training.py``), what is taught
(``taught.py``), printing (``lightloop/commands/reproduce.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from agents.artefact import WEIGHTS_FILE, read_manifest
from agents.folder import fingerprint_of
from agents.lessons import Lessons
from agents.spec import TrainSpec
from configs.home import Home
from configs.load import ConfigError, load_config
from configs.schema import Config
from envs.errors import PlantError
from envs.evaluation import Interval, paired_difference
from envs.plant import Plant
from envs.trace import TraceError
from flows.lived import Lived, learned_trace, lived_again, with_new_forecast
from flows.policies import held_out, training_trace
from flows.settings import Settings, settings_of
from flows.taught import judged_on, taught_by
from tasks.commit import git_commit
from tasks.evaluate import contender_in, measure
from tasks.kept_training import KeptTraining
from tasks.recipe import RecipeError
from tasks.registry import ModelVersion, Registry
from tasks.trace import StoredTrace, read_stored
from topologies.errors import TopologyError

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Reproduction:
    """What came of doing a training again.

    Attributes:
        run_id: of the training.
        policy_folder: of what was made now.
        is_same_begin: configuration, lessons, forecast and features are those of then, by the fingerprint.
        are_weights_equal: to the last bit.
        largest_difference: of any weight; None where the two policies are not of one shape.
        measured_then: request blocking that the run logged; None: it was not evaluated.
        measured_again: of the same policy on the same traces by the code of now.
        difference: request blocking of the policy of now minus that of then, on those traces.
        remarks: what differs from then, or keeps it from being the same.
    """

    run_id: str
    policy_folder: Path
    is_same_begin: bool
    are_weights_equal: bool
    largest_difference: float | None
    measured_then: float | None
    measured_again: float
    difference: Interval
    remarks: tuple[str, ...]

    @property
    def are_figures_equal(self) -> bool:
        """The run's own policy blocks what the run logged."""
        return self.measured_then is not None and self.measured_then == self.measured_again

    @property
    def is_expected(self) -> bool:
        """It came out the same, or something that is known kept it from that."""
        return self.are_weights_equal or bool(self.remarks)

    def to_json(self) -> dict[str, Any]:
        """As scripts get it."""
        return {
            "run": self.run_id,
            "same_begin": self.is_same_begin,
            "weights_equal": self.are_weights_equal,
            "weights_largest_difference": self.largest_difference,
            "request_blocking_logged": self.measured_then,
            "request_blocking_measured_again": self.measured_again,
            "figures_equal": self.are_figures_equal,
            "now_minus_then": self.difference.mean,
            "now_minus_then_ci95": [self.difference.low, self.difference.high],
            "policy_folder": str(self.policy_folder),
            "remarks": list(self.remarks),
        }


def reproduce(
    kept: KeptTraining, config: Config, home: Home, registry: Registry, folder: Path, on_step: OnStep
) -> Reproduction:
    """A training done again and compared.

    Args:
        kept: the training.
        config: of this installation: where Ray is, and the controller whose windows they are.
        home: of this installation, with its traces and windows.
        registry: of this installation.
        folder: where the new training is made.
        on_step: told whose turn it is.

    Raises:
        RecipeError: something that it began with is gone; names all of it.
    """
    settings = _settings_of_then(kept, config, home, registry)
    then = _begin(kept, settings, on_step)
    remarks = _remarks(kept, settings, then)
    made = _made_again(kept, settings, then, folder, on_step)
    ours, theirs = contender_in(made), contender_in(kept.policy_folder, "the run's policy")
    plant, traces = settings.plant, read_stored(then.traces)
    warmup, scratch = settings.config.evaluation.warmup_requests, folder / "evaluations"
    on_step(f"the run's policy on its {len(traces)} held-out traces")
    of_then = measure(theirs, plant, traces, warmup, scratch)
    equal = ours.content == theirs.content
    if not equal:
        on_step("the policy of now on the same traces")
    of_now = of_then if equal else measure(ours, plant, traces, warmup, scratch)
    return Reproduction(
        run_id=kept.run_id,
        policy_folder=made,
        is_same_begin=then.is_same,
        are_weights_equal=equal,
        largest_difference=0.0 if equal else _largest_difference(made, kept.policy_folder),
        measured_then=kept.blocking,
        measured_again=float(np.mean(of_then.request_blocking)),
        difference=paired_difference(of_now.request_blocking, of_then.request_blocking),
        remarks=remarks,
    )


@dataclass(frozen=True)
class _Begin:
    """What a training begins with, put together again."""

    lived: Lived | None
    champion: ModelVersion | None
    seen: Plant  # with the forecast
    spec: TrainSpec
    lessons: Lessons
    traces: tuple[StoredTrace, ...]  # held out
    is_same: bool


def _settings_of_then(kept: KeptTraining, config: Config, home: Home, registry: Registry) -> Settings:
    """The settings of the run, in this installation."""
    try:
        found = load_config(str(kept.config_file))
        here = {"services": config.services, "mlflow": config.mlflow, "ray": config.ray}
        settings = settings_of(found.model_copy(update=here), home, running=None)
    except (ConfigError, TopologyError, PlantError) as error:
        raise RecipeError(
            f"the configuration of run {kept.run_id} cannot be used any more: {error}"
        ) from None
    if found.scenario == config.scenario:
        return replace(settings, registry=registry)
    return replace(settings, registry=replace(registry, model_name=settings.registry.model_name))


def _begin(kept: KeptTraining, settings: Settings, on_step: OnStep) -> _Begin:
    gone, lived, champion, training = [], None, None, None
    if kept.windows:
        try:
            lived = lived_again(settings, kept.windows)
        except (PlantError, KeyError) as error:
            gone.append(f"the window that it learned from: {error}")
    if kept.recipe.champion:
        champion = settings.registry.existing(kept.recipe.champion)
        if champion is None:
            gone.append(f"version {kept.recipe.champion}, which it began with, has been deleted in MLflow")
    given = learned_trace(settings, lived) if lived else None
    try:
        training = training_trace(settings, kept.recipe.trace if kept.recipe.is_trace_given else given)
    except TraceError as error:
        gone.append(f"the trace that it was trained on: {error}")
    if gone or training is None:
        raise RecipeError(f"run {kept.run_id} cannot be done again; gone: {'; '.join(gone)}")
    traffic = judged_on(settings, lived, training, kept.recipe.trace if kept.recipe.is_trace_given else None)
    taught = taught_by(settings, lived, training, traffic, champion, on_step)
    seen, spec = settings.plant.with_forecast(taught.forecast), settings.config.train_spec()
    manifest = read_manifest(kept.policy_folder)
    version = taught.forecast.content_hash if taught.forecast else ""
    is_same = version == kept.recipe.forecast and (
        kept.recipe.only_forecast
        or manifest.metadata.get("fingerprint") == fingerprint_of(spec, seen, taught.lessons)
    )
    return _Begin(lived, champion, seen, spec, taught.lessons, held_out(settings, traffic), is_same)


def _remarks(kept: KeptTraining, settings: Settings, then: _Begin) -> tuple[str, ...]:
    """Why the outcome need not be the same."""
    now, spec, found = git_commit(Path(__file__).parent), then.spec, []
    if kept.commit != now:
        found.append(f"the run was made by commit {kept.commit}, this is {now}")
    elif now.endswith("-dirty") or now == "unknown":
        found.append(f"commit {now}: whether the code is the same cannot be told")
    if not then.is_same:
        found.append(
            "it begins otherwise: configuration, traffic, forecast, known agents or feature schema are not "
            "those of then, by the training's fingerprint"
        )
    if not kept.recipe.only_forecast:
        in_seconds = not spec.budget.requests or (spec.search.enabled and not spec.search.budget.requests)
        if in_seconds:
            found.append("its budget is in seconds, which give another policy each time; give requests")
        if spec.num_env_runners > 1:
            found.append(f"{spec.num_env_runners} processes sampled at once, in no fixed order")
        if kept.was_resumed:
            found.append("it was interrupted and taken up again, which no seed tells")
    if kept.held_out and tuple(item.id for item in then.traces) != kept.held_out:
        found.append("the held-out traces are not those of then; figures are of traffic like theirs")
    return tuple(found)


def _made_again(kept: KeptTraining, settings: Settings, then: _Begin, folder: Path, on_step: OnStep) -> Path:
    if kept.recipe.only_forecast:
        return with_new_forecast(settings, then.seen.forecast, then.champion, folder)
    from agents.train import train  # torch and ray: 5 s to import

    on_step(f"training again: {settings.recipe}")
    return train(then.spec, then.seen, then.lessons, folder / "agent").policy_folder


def _largest_difference(ours: Path, theirs: Path) -> float | None:
    """None where kind, names or shapes differ."""
    one, other = (load_file(folder / WEIGHTS_FILE) for folder in (ours, theirs))
    shapes = [{name: array.shape for name, array in weights.items()} for weights in (one, other)]
    if shapes[0] != shapes[1] or not one:
        return None
    return max(float(np.abs(one[name].astype(np.float64) - other[name]).max()) for name in one)
