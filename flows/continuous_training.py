"""The loop: trace, train, evaluate, gate, register, provision. Run by cron, by hand, or by a drift event."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.runtime import flow_run

from flows.approval import ask
from flows.lived import (
    TRAINING,
    Lived,
    learned_trace,
    lived_through,
    rules_of_window,
    why_not_learned,
    with_new_forecast,
)
from flows.outcome import promoted, refused
from flows.policies import enlisted, held_out, origin_of, packaged, training_trace
from flows.scenarios import Scenario
from flows.settings import BY_HAND, Settings, load_settings
from flows.slots import own_slots
from flows.taught import judged_on, taught_by
from flows.trial import refused_on_trial
from tasks.challenger import (
    PackagedModel,
    recall_asked,
    recall_challenger,
    remember_asked,
    remember_challenger,
)
from tasks.champion import champion_of, promote_task
from tasks.enlisted import settle_task
from tasks.evaluate import evaluate_task
from tasks.failed import FailureSampling
from tasks.gate import GateReport, judge_task
from tasks.model_card import Origin, version_card
from tasks.progress_log import ProgressLog
from tasks.promotion_budget import budget_state, spend
from tasks.provision import Staged, demand_same_weights, stage_task, unstage_task
from tasks.recipe import RECIPE_FILE, Recipe
from tasks.registry import POLICY_FOLDER, ModelVersion
from tasks.registry_reader import FLOW_RUN_TAG
from tasks.report import publish_evaluation_task, publish_gate_task, publish_version_task
from tasks.results import Evaluation
from tasks.serving_target import OWNER_WAIT_S, ServingTarget
from tasks.takeover import take_over_task
from tasks.trace import StoredTrace
from tasks.train import train_task


def _run_name() -> str:
    scenario = flow_run.parameters.get("scenario") or "as running"
    started = flow_run.scheduled_start_time
    return f"train {scenario} {started:%Y-%m-%d %H:%M:%S}"


@flow(name="continuous-training", flow_run_name=_run_name, log_prints=True)
def continuous_training(
    scenario: Scenario | None = None,
    trace: str | None = None,
    window: str | None = None,
    training_budget_s: float | None = None,
    training_budget_requests: int | None = None,
    overrides: list[str] | None = None,
    reason: str = "",
    only_forecast: bool = False,
) -> State[str]:
    """The verdict on a new challenger as the final state; one that does not pass is a successful run.

    Args:
        scenario: a name in configs/scenarios; empty: the one that is running.
        trace: id or path of a trace to train on; empty: drawn from the scenario's traffic.
        window: what the network lived through and is to be learned from: id of a window, or FROM..TO.
        training_budget_s: wall-clock seconds for search and PPO together; empty: as configured.
        training_budget_requests: the same in requests, in the place of seconds: one seed, one policy.
        overrides: settings such as ``training.seed=2``.
        reason: why this run was started, for the record.
        only_forecast: the champion's weights stay; what the window says of the demand is all that is new.
    """
    asked = load_settings(scenario, overrides or (), training_budget_s, training_budget_requests)
    progress = ProgressLog(asked.home.training / str(flow_run.id))
    made = recall_challenger(progress.folder)  # where a person's answer takes the run up again
    known = made.run_id if made else ""
    settings = asked.reseeded(TRAINING, known)
    lived = lived_through(settings, window) if window else None
    if lived is not None and (why := why_not_learned(settings, lived, known)):
        return refused(f"the champion stays: {why}")
    name, tags = (
        settings.run_name(reason),
        settings.model_tags | {"kind": TRAINING, "reason": reason or BY_HAND, FLOW_RUN_TAG: str(flow_run.id)},
    )
    tags |= lived.tags if lived else {}
    with settings.registry.run(name, tags, known, goes_on_after=(Pause,)) as run_id:
        challenge = _make(settings, trace, lived, run_id, progress, made, only_forecast)
        if settings.config.gate.require_approval and (refusal := _refused_by_gate_or_person(challenge)):
            return refused(refusal)
        evaluation = _evaluated(challenge)
        with _slots(challenge) as target:
            staged, report = _judged(challenge, evaluation, target)
            if not report.passed:
                unstage_task(target, staged)
                return refused(f"the champion stays: {report.verdict}")
            version = settings.registry.version(challenge.made.version)
            if settings.is_in_service and (broken := _refused_on_trial(challenge, target, staged, version)):
                return refused(f"the champion stays: version {version.version} on trial: {broken}")
            return promoted(_promote(challenge, target, staged, version, report))


@dataclass(frozen=True)
class _Challenge:
    """A challenger with what it is judged on."""

    settings: Settings
    progress: ProgressLog
    run_id: str
    made: PackagedModel
    traces: tuple[StoredTrace, ...]
    trace_id: str  # that it was trained on
    lived: Lived | None  # the window that it learned from


@dataclass(frozen=True)
class _Evaluated:
    """An evaluation, and whom the challenger met in it."""

    champion: str  # version; empty: there was none
    evaluation: Evaluation


def _make(
    settings: Settings,
    trace: str | None,
    lived: Lived | None,
    run_id: str,
    progress: ProgressLog,
    made: PackagedModel | None,
    only_forecast: bool,
) -> _Challenge:
    """A challenger, trained and packaged, or the one that this run has made already."""
    registry = settings.registry
    given = learned_trace(settings, lived) if lived else trace
    training = training_trace(settings, given, progress)
    traffic = judged_on(settings, lived, training, trace)
    if made is None:
        champion = champion_of(registry)
        taught = taught_by(settings, lived, training, traffic, champion, progress.step)
        seen, number = settings.plant.with_forecast(taught.forecast), champion.version if champion else ""
        version = taught.forecast.content_hash if taught.forecast else ""
        registry.log_config(run_id, settings.parameters, settings.resolved_yaml)
        recipe = Recipe(training.id, bool(trace), number, version, only_forecast)
        registry.log_document(run_id, recipe.to_json(), RECIPE_FILE)
        if only_forecast:
            registry.log_traces(run_id, [training.id], settings.home.traces, "training")
            folder = with_new_forecast(settings, taught.forecast, champion, progress.folder)
        else:
            spec, lessons = settings.config.train_spec(), taught.lessons
            folder = train_task(spec, seen, lessons, training, registry, run_id, progress).policy_folder
    traces = held_out(settings, traffic)
    if made is None:
        registry.log_traces(run_id, [item.id for item in traces], settings.home.traces, "evaluation")
        made = packaged(settings, run_id, training, folder)
        made = enlisted(settings, made, _origin(settings, made, training.id, lived))
        remember_challenger(progress.folder, made)
    else:
        progress.step(f"{made.policy} has been made already: version {made.version}")
    return _Challenge(settings, progress, run_id, made, tuple(traces), training.id, lived)


def _evaluated(challenge: _Challenge) -> _Evaluated:
    """The challenger against the present champion; what has been measured before is found again."""
    settings, section = challenge.settings, challenge.settings.config.evaluation
    registry, home = settings.registry, settings.home
    champion = champion_of(registry)
    evaluation = evaluate_task(
        settings.plant,
        challenge.traces,
        challenge.made.policy_folder,
        _folder_of(settings, champion),
        section.baselines,
        section.warmup_requests,
        home.evaluations,
        challenge.progress.step,
        FailureSampling(
            section.failed_fibres, section.failed_nodes, section.failure_traces, section.failed_groups
        ),
    )
    publish_evaluation_task(registry, challenge.run_id, evaluation, challenge.progress)
    return _Evaluated(champion.version if champion else "", evaluation)


def _folder_of(settings: Settings, champion: ModelVersion | None) -> Path | None:
    if champion is None:
        return None
    return settings.registry.policy_folder(champion, settings.home.models)


def _judged(challenge: _Challenge, found: _Evaluated, target: ServingTarget) -> tuple[Staged, GateReport]:
    """The challenger in the idle slot, and the gate's report on it against whoever is champion now."""
    settings, progress = challenge.settings, challenge.progress
    champion = champion_of(settings.registry)
    if (champion.version if champion else "") != found.champion:
        progress.step("the champion has changed meanwhile: evaluating against the new one")
        found = _evaluated(challenge)
    made, limits, name = challenge.made, settings.config.gate, settings.registry.model_name
    exported = settings.registry.fetch(made.uri, settings.home.models) / POLICY_FOLDER
    demand_same_weights(exported, made.policy_folder)
    staged = stage_task(target, made.uri, made.recorded, progress.step)
    yearly, log = limits.false_promotions_per_year, settings.home.promotion_budget
    alpha = spend(log, name, challenge.run_id, found.champion, yearly)
    budget = budget_state(log, name, yearly)
    further = rules_of_window(settings, challenge.lived, made, champion, progress.step)
    report = judge_task(found.evaluation, staged.p99_ms, limits, alpha, budget, further)
    publish_gate_task(settings.registry, challenge.run_id, report, progress)
    origin = _origin(settings, made, challenge.trace_id, challenge.lived)
    card = version_card(made.policy, origin, report.evaluation["policies"], report)
    settle_task(settings.registry, made.version, report, card)
    return staged, report


def _origin(settings: Settings, made: PackagedModel, trace_id: str, lived: Lived | None) -> Origin:
    """Where the challenger comes from, for its page."""
    reason, made_by = flow_run.parameters.get("reason") or "", f"search and PPO, {settings.recipe}"
    if flow_run.parameters.get("only_forecast"):
        made_by = "the champion's weights with a new demand forecast"
    return origin_of(settings, made, made_by, reason, trace_id, lived.tags if lived else None)


def _refused_by_gate_or_person(challenge: _Challenge) -> str:
    """Why the challenger does not get further; empty where it passes the gate and a person agrees.

    Nothing is staged while the person is waited for. What passed then must pass again afterwards.
    """
    settings, progress = challenge.settings, challenge.progress
    timeout_s = settings.config.gate.approval_timeout_s
    asked = recall_asked(progress.folder)
    if asked is None:
        found = _evaluated(challenge)
        with _slots(challenge) as target:
            staged, report = _judged(challenge, found, target)
            unstage_task(target, staged)
        if not report.passed:
            return f"the champion stays: {report.verdict}"
        settings.registry.log_tags(challenge.run_id, {"approval": "waiting"})
        asked = remember_asked(progress.folder, report.verdict, found.champion, timeout_s)
        progress.step("waiting for a person's approval")
    answer = ask(asked.verdict, timeout_s)
    said = f": {answer.comment}" if answer.comment else ""
    word = "given" if answer.approve else "refused"
    settings.registry.log_tags(challenge.run_id, {"approval": f"{word}{said}"})
    progress.step(f"approval {word}{said}")
    return "" if answer.approve else f"the champion stays: {asked.verdict}; approval refused{said}"


def _slots(challenge: _Challenge) -> AbstractContextManager[ServingTarget]:
    """The model slots for this run; another run's challenger may be on trial in them for long."""
    settings, who = challenge.settings, f"flow run {flow_run.name}"
    timeout_s = OWNER_WAIT_S + settings.config.gate.longest_trial_s
    return own_slots(settings, who, challenge.progress.step, timeout_s)


def _refused_on_trial(
    challenge: _Challenge, target: ServingTarget, staged: Staged, version: ModelVersion
) -> str:
    """Why live requests speak against the challenger, whose slot is empty then; empty where they do not."""
    settings, progress = challenge.settings, challenge.progress
    broken = refused_on_trial(settings, target, staged, version, challenge.made.policy_folder, progress)
    if broken:
        unstage_task(target, staged)
    return broken


def _promote(
    challenge: _Challenge, target: ServingTarget, staged: Staged, version: ModelVersion, report: GateReport
) -> str:
    """What was done with a challenger that passed, in words."""
    settings, progress, registry = challenge.settings, challenge.progress, challenge.settings.registry
    if settings.is_in_service:
        take_over_task(target, registry, staged, version, "promote", report.verdict, progress.step)
        text = f"in service at {staged.slot.url}"
    else:
        unstage_task(target, staged)
        promote_task(registry, version, report.verdict)
        text = f"not in service: this installation operates another plant than {settings.config.scenario}"
    publish_version_task(registry, version, text, progress)
    return f"version {version.version} is the champion, {text}: {report.verdict}"


if __name__ == "__main__":
    continuous_training()
