"""The registry is never empty: the generalist or the best baseline is the first champion, and in service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agents.artefact import GENERALIST_FOLDER, load_policy, save_policy
from configs.home import Home
from configs.schema import Config
from envs.features import FEATURE_SCHEMA_VERSION
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import ScoringPolicy
from flows.policies import origin_of, packaged, registered, training_trace
from flows.settings import Settings, registry_of, settings_of
from flows.slots import own_slots
from tasks.champion import champion_of, promote
from tasks.evaluate import best_baseline, contender_in, measure
from tasks.limits import Objective
from tasks.provision import restart_in_service, stage
from tasks.registry import RECORDED_FILE, ModelVersion
from tasks.results import PolicyResult
from tasks.takeover import take_over
from tasks.trace import StoredTrace, held_out_traces, read_stored

# Enough to tell the heuristics apart before anything serves; the real evaluation comes with a challenger.
QUICK_TRACES = 4
QUICK_REQUESTS = 6000  # counted, of each; before them the network fills as in the real one
ENERGY = "energy_per_bit_pj"
BLOCKING_CI95 = ("request_blocking_low", "request_blocking_high")


def champion_in_service(
    config: Config, home: Home, environment: Mapping[str, str], on_step: Callable[[str], None]
) -> ModelVersion:
    """The champion, registered if there was none, its slot running and the PCE asking it.

    Whatever a killed flow left is finished or undone first, by the promotion log. Safe to repeat: ``lightloop
    up`` does it at its end, and the upkeep process where it finds a difference.

    Raises:
        BusyError: a flow has the slots and did not give them back in time.
        ProvisionError, RegistryError: the PCE or MLflow does not answer, or the model does not start.
    """
    os.environ.update({key: value for key, value in environment.items() if key.startswith("MLFLOW_")})
    settings = settings_of(config, home, running=config)
    with own_slots(settings, "putting the champion in service", on_step) as target:
        champion = champion_of(settings.registry)
        if champion is not None and champion.tags.get("feature_schema_version") != str(
            FEATURE_SCHEMA_VERSION
        ):
            on_step(f"version {champion.version} was made for other features than this code computes")
            champion = None
        if champion is None:
            champion = register_first_champion(settings, on_step)
        if restart_in_service(target, on_step) == champion.version:
            promote(settings.registry, champion, "found in service")
            return champion
        recorded = settings.registry.fetch(champion.uri, home.models) / RECORDED_FILE
        staged = stage(target, champion.uri, recorded, on_step)
        reason = "put in service again; the champion is the same"
        take_over(target, settings.registry, staged, champion, "promote", reason, on_step)
        return champion


def compare_beforehand(config: Config, home: Home) -> None:
    """Measure what the first champion is chosen by, where this home never had one, beside what else starts.

    The results are kept, and found again when it is chosen.
    """
    if not registry_of(config, home).promotion_log.exists():
        _compared(settings_of(config, home, running=config))


def register_first_champion(settings: Settings, on_step: Callable[[str], None]) -> ModelVersion:
    """The best in a quick paired evaluation, made champion: see ``first_champion``."""
    config, registry, home = settings.config, settings.registry, settings.home
    on_step("no champion yet: comparing the baselines in the twin")
    objective = config.gate.objective
    traces, (best, policy, kind) = _compared(settings)
    row = best.row()
    figure = (
        f"{row['request_blocking']:.2%} blocked" if objective == "blocking" else f"{row[ENERGY]:,.0f} pJ/bit"
    )
    on_step(f"registering {policy.name} as the first champion ({figure})")
    training = training_trace(settings)
    tags = {"scenario": config.scenario, "policy": policy.name, "kind": kind}
    name = f"{config.scenario}, first champion: {policy.name}"
    with (
        registry.run(name, tags) as run_id,
        tempfile.TemporaryDirectory() as scratch,
    ):
        registry.log_config(run_id, settings.parameters, settings.resolved_yaml)
        registry.log_traces(run_id, [trace.id for trace in traces], home.traces, "evaluation")
        registry.log_traces(run_id, [training.id], home.traces, "training")
        figures = [key for key in ("request_blocking", "utilisation", ENERGY) if key in row]
        measured = {key: row[key] for key in figures}
        measured |= dict(zip(BLOCKING_CI95, row["request_blocking_ci95"], strict=True))
        registry.log_metrics(run_id, {f"quick_evaluation/{key}": value for key, value in measured.items()})
        folder = save_policy(policy, Path(scratch) / "policy", {"origin": kind})
        model = packaged(settings, run_id, training, folder)
        origin = origin_of(settings, model, f"taken as it is: {kind}", "by the first up", training.id)
        version = registered(settings, model, {"kind": kind}, origin, [row | {"role": "first champion"}])
    promote(registry, version, "the best in a quick evaluation; there was no champion")
    return version


def _compared(
    settings: Settings,
) -> tuple[tuple[StoredTrace, ...], tuple[PolicyResult, ScoringPolicy, str]]:
    """The quick evaluation: its traces, and who is best on them."""
    config, home, plant = settings.config, settings.home, settings.plant
    requests, warmup = quick_lengths(config.evaluation.requests_per_trace, config.evaluation.warmup_requests)
    traces = held_out_traces(
        plant, settings.traffic, QUICK_TRACES, requests, config.evaluation.seed, home.traces
    )
    baselines, objective = config.evaluation.baselines, config.gate.objective
    return traces, first_champion(plant, traces, baselines, warmup, home.evaluations, objective)


def first_champion(
    plant: Plant,
    traces: Sequence[StoredTrace],
    baselines: Sequence[str],
    warmup_requests: int,
    results_folder: Path,
    objective: Objective,
) -> tuple[PolicyResult, ScoringPolicy, str]:
    """The generalist or the heuristic that is best on the traces: its result, itself, what kind it is.

    The generalist takes part where the plant shows what it looks at: what candidates leave behind.
    """
    best = best_baseline(plant, traces, baselines, warmup_requests, results_folder, objective)
    if plant.spec.shortlist > 0 and objective == "blocking":
        contender = contender_in(GENERALIST_FOLDER)
        found = measure(contender, plant, read_stored(traces), warmup_requests, results_folder)
        if sum(found.request_blocking) < sum(best.request_blocking):
            return found, load_policy(GENERALIST_FOLDER), "generalist"
    return best, baseline(best.policy), "baseline"


def quick_lengths(requests_per_trace: int, warmup_requests: int) -> tuple[int, int]:
    """Requests of a quick trace, and how many of them are warm-up: as many as in a real evaluation.

    A policy that is best while a network fills need not be the best once it is full.
    """
    warmup = min(warmup_requests, requests_per_trace // 2)
    return min(warmup + QUICK_REQUESTS, requests_per_trace), warmup
