"""A policy under a configuration: its traces, measured beside the best baseline, packaged, registered.

The same steps for flow, MLproject, first champion and ``lightloop evaluate``; in a flow they are tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.context import FlowRunContext

from envs.traffic import PoissonTraffic
from flows.settings import BY_HAND, Settings
from tasks.challenger import PackagedModel
from tasks.enlisted import enlist_task
from tasks.evaluate import Contender, best_baseline, measure
from tasks.model_card import Cards, Origin, model_card, version_card
from tasks.package import package_task
from tasks.progress_log import ProgressLog
from tasks.registry import FORECAST_TAG, ModelVersion, register_task
from tasks.results import PolicyResult
from tasks.trace import StoredTrace, held_out_traces_task, provide_trace_task, read_stored

P = ParamSpec("P")
R = TypeVar("R")


def step(task: Task[P, R]) -> Callable[P, R]:
    """The task in a flow, its plain function elsewhere."""
    return task if FlowRunContext.get() else task.fn


def training_trace(
    settings: Settings, given: str | None = None, progress: ProgressLog | None = None
) -> StoredTrace:
    """What is trained on: the trace given by id or path, else one drawn from the configured traffic."""
    section, folder = settings.config.traffic, settings.home.traces
    provide = step(provide_trace_task)
    return provide(
        settings.plant, settings.traffic, section.requests_per_trace, section.seed, folder, given, progress
    )


def held_out(
    settings: Settings, traffic: PoissonTraffic | None = None, folder: Path | None = None
) -> tuple[StoredTrace, ...]:
    """The traces on which policies meet, drawn from the configured traffic unless another is given."""
    section = settings.config.evaluation
    return step(held_out_traces_task)(
        settings.plant,
        traffic or settings.traffic,
        section.num_traces,
        section.requests_per_trace,
        section.seed,
        folder or settings.home.traces,
    )


@dataclass(frozen=True)
class Comparison:
    """A policy and the best baseline on the same held-out traces."""

    found: PolicyResult
    best: PolicyResult
    traces: tuple[StoredTrace, ...]


def beside_best_baseline(settings: Settings, contender: Contender, folder: Path | None = None) -> Comparison:
    """A policy measured as a challenger is, beside the best baseline; ``folder``: not in the home's."""
    section, plant = settings.config.evaluation, settings.plant
    results = (folder or settings.home.root) / "evaluations"
    traces, warmup = held_out(settings, folder=folder), section.warmup_requests
    objective = settings.config.gate.objective
    best = best_baseline(plant, traces, section.baselines, warmup, results, objective)
    return Comparison(measure(contender, plant, read_stored(traces), warmup, results), best, traces)


def packaged(settings: Settings, run_id: str, training: StoredTrace, policy_folder: Path) -> PackagedModel:
    """The policy in a folder as a model of a run, with what the drift monitor compares with."""
    warmup = min(settings.config.evaluation.warmup_requests, training.num_requests // 2)
    package, tags = step(package_task), settings.model_tags
    return package(settings.registry, run_id, settings.plant, training, policy_folder, warmup, tags)


def origin_of(
    settings: Settings,
    model: PackagedModel,
    made_by: str,
    reason: str,
    trace_id: str,
    windows: Mapping[str, str] | None = None,
) -> Origin:
    """Where a packaged model comes from, in words.

    Args:
        settings: under which it was made.
        model: what was made.
        made_by: how.
        reason: why; empty: by hand.
        trace_id: that its drift reference was observed on.
        windows: that it learned from and is judged on, by the tags of its run.
    """
    config, topology = settings.config, settings.plant.topology.name
    offered = f"{config.traffic.generator} traffic of {config.traffic.load_erlang:g} Erlang"
    why = reason or BY_HAND
    return Origin(config.scenario, topology, offered, made_by, why, trace_id, windows or {}, model.forecast)


def registered(
    settings: Settings,
    model: PackagedModel,
    kind: dict[str, str],
    origin: Origin,
    rows: Sequence[Mapping[str, Any]],
) -> ModelVersion:
    """A first champion as the next version, with what its page says.

    Args:
        settings: under which it was made.
        model: what is registered.
        kind: tags beside those of the settings.
        origin: where it comes from.
        rows: ``PolicyResult.row`` of everybody it was compared with, each with ``role``.
    """
    register, (tags, cards) = step(register_task), _tags_and_cards(settings, model, kind, origin, rows)
    return register(settings.registry, model.uri, model.run_id, model.policy, tags, cards)


def enlisted(settings: Settings, model: PackagedModel, origin: Origin) -> PackagedModel:
    """A challenger as the next version, awaiting its gate: ``@challenger`` from now on."""
    tags, cards = _tags_and_cards(settings, model, {"kind": "agent"}, origin, ())
    version = step(enlist_task)(settings.registry, model, tags, cards)
    return replace(model, version=version.version)


def _tags_and_cards(
    settings: Settings,
    model: PackagedModel,
    kind: Mapping[str, str],
    origin: Origin,
    rows: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str], Cards]:
    page = model_card(settings.registry.model_name, origin.scenario, origin.topology)
    tags = {**settings.model_tags, **kind}
    tags |= {FORECAST_TAG: model.forecast} if model.forecast else {}
    return tags, Cards(page, version_card(model.policy, origin, rows))
