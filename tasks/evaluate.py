"""Challenger, champion and baselines on the same held-out traces, also with parts of the network down.

What has been measured once is found again: a result is kept under the hash of policy, plant and traces. Not
here: whether the result is good enough (``gate.py``), what fails (``failed.py``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from agents.artefact import load_forecast, load_policy, read_manifest
from envs.energy.waking import SetUpLog, is_counted, refuse_uncounted, with_waking
from envs.evaluation import replay_statistics
from envs.forecast import DemandForecast
from envs.heuristics import baseline
from envs.plant import Plant
from envs.policy import ScoringPolicy, looks_ahead
from envs.reward import ONLY_BLOCKING
from envs.slices import SliceResult, slices_of
from envs.spec import settings_of
from envs.statistics import ClassResult, PowerResult, TraceResult, results_of
from envs.threads import in_threads
from envs.trace import Trace
from tasks.decorate import as_task
from tasks.failed import NO_FAILURES, FailureSampling, failed_plants, forecast_left, traffic_left
from tasks.limits import Objective
from tasks.results import Evaluation, Failure, PolicyResult, best_result
from tasks.trace import StoredTrace, read_stored
from topologies.model import Topology

RESULT_VERSION = 5


@dataclass(frozen=True)
class Contender:
    """A policy to be measured, and what its results are kept under."""

    name: str
    policy: ScoringPolicy
    content: str  # hash of the weights, and of the forecast where there is one; the name for a baseline
    forecast: DemandForecast | None = None  # that it decides with

    def on(self, topology: Topology) -> Contender:
        """The same on what is left of the network after a failure."""
        return replace(self, forecast=forecast_left(self.forecast, topology)) if self.forecast else self


@dataclass(frozen=True)
class Measurement:
    """Who is measured, on which network, on what."""

    contender: Contender
    plant: Plant
    traces: Sequence[Trace]


def contender_in(folder: Path, name: str = "") -> Contender:
    """The policy stored in a folder.

    Raises:
        ArtefactError: see ``load_policy``.
    """
    policy, manifest, forecast = load_policy(folder), read_manifest(folder), load_forecast(folder)
    content = manifest.name if manifest.kind == "baseline" else manifest.weights_sha256
    version = f"-{forecast.content_hash}" if forecast else ""
    return Contender(name or policy.name, policy, f"{manifest.kind}-{content}{version}", forecast)


def contender_named(word: str) -> Contender:
    """The policy in a folder, or the heuristic of that name.

    Raises:
        ArtefactError, PolicyError: there is neither.
    """
    return contender_in(Path(word)) if Path(word).is_dir() else contender_baseline(word)


def contender_baseline(name: str) -> Contender:
    """A heuristic by name.

    Raises:
        PolicyError: no baseline of that name.
    """
    return Contender(name, baseline(name), f"baseline-{name}")


def evaluate(
    plant: Plant,
    stored: Sequence[StoredTrace],
    challenger_folder: Path,
    champion_folder: Path | None,
    baselines: Sequence[str],
    warmup_requests: int,
    results_folder: Path,
    on_step: Callable[[str], None] = print,
    tested: FailureSampling = NO_FAILURES,
) -> Evaluation:
    """Everybody's results on the same traces; challenger, champion and best baseline also after failures.

    Args:
        plant: the network.
        stored: held-out traces.
        challenger_folder: policy artefact.
        champion_folder: policy artefact; None where there is no champion.
        baselines: names of heuristics.
        warmup_requests: at the start of each trace, not counted.
        results_folder: where measured results are kept.
        on_step: told whose turn it is.
        tested: how many failures, on how many of the traces.
    """
    traces = read_stored(stored)

    def all_measured(asked: Sequence[Measurement]) -> list[PolicyResult]:
        return measure_all(asked, warmup_requests, results_folder, on_step)

    challenger = contender_in(challenger_folder)
    champion = [] if champion_folder is None else [contender_in(champion_folder)]
    entered = [*(contender_baseline(name) for name in baselines), *champion, challenger]
    results = all_measured([Measurement(who, plant, traces) for who in entered])
    found = Evaluation(
        challenger=results[-1],
        champion=results[-2] if champion else None,
        baselines=tuple(results[: len(baselines)]),
        trace_ids=tuple(item.id for item in stored),
    )
    there = [challenger, contender_baseline(found.best_baseline.policy), *champion]
    plants = list(failed_plants(plant, tested.fibres, tested.nodes, tested.groups))
    left = [[traffic_left(trace, after.topology) for trace in traces[: tested.traces]] for after in plants]
    met = all_measured(
        [
            Measurement(who.on(after.topology), after, some)
            for after, some in zip(plants, left, strict=True)
            for who in there
        ]
    )
    failures = []
    for number, after in enumerate(plants):
        first = number * len(there)
        failures.append(Failure(after.topology.name, met[first], tuple(met[first + 1 : first + len(there)])))
    return replace(found, failures=tuple(failures))


def best_baseline(
    plant: Plant,
    stored: Sequence[StoredTrace],
    baselines: Sequence[str],
    warmup_requests: int,
    results_folder: Path,
    objective: Objective = "blocking",
) -> PolicyResult:
    """The result of the heuristic that is best by the objective."""
    traces = read_stored(stored)
    asked = [Measurement(contender_baseline(name), plant, traces) for name in baselines]
    results = measure_all(asked, warmup_requests, results_folder, lambda text: None)
    return best_result(results, objective)


def measure_all(
    asked: Sequence[Measurement], warmup_requests: int, results_folder: Path, on_step: Callable[[str], None]
) -> list[PolicyResult]:
    """The result of each, in order; as many are measured at a time as there are processors.

    Raises:
        ForecastError: see ``measure``.
    """

    def measured(item: Measurement) -> PolicyResult:
        on_step(f"{item.contender.name} on {len(item.traces)} traces ({item.plant.topology.name})")
        return measure(item.contender, item.plant, item.traces, warmup_requests, results_folder)

    digests = [_digest(item.contender, item.plant, item.traces, warmup_requests) for item in asked]
    distinct: dict[str, Measurement] = {}
    for digest, item in zip(digests, asked, strict=True):
        distinct.setdefault(digest, item)  # a champion may be one of the baselines
    # Who looks ahead takes four times as long and begins, or the last would have the processors to itself.
    longest_first = sorted(distinct, key=lambda digest: not looks_ahead(distinct[digest].contender.policy))
    results = in_threads(measured, [distinct[digest] for digest in longest_first])
    found = dict(zip(longest_first, results, strict=True))
    return [
        replace(found[digest], policy=item.contender.name)
        for digest, item in zip(digests, asked, strict=True)
    ]


def measure(
    contender: Contender, plant: Plant, traces: Sequence[Trace], warmup_requests: int, results_folder: Path
) -> PolicyResult:
    """One policy with its own forecast on traces; found again when the same was measured before.

    Raises:
        ForecastError: it decides with a forecast of another plant.
    """
    file = results_folder / f"{_digest(contender, plant, traces, warmup_requests)}.json"
    if file.exists():
        file.touch()  # used: see ``retention.py``
        stored = json.loads(file.read_text())
        sequences = {key: tuple(value) for key, value in stored.items() if isinstance(value, list)}
        classes = {
            name: tuple(ClassResult(**row) for row in rows) for name, rows in stored["classes"].items()
        }
        slices = {name: tuple(SliceResult(**row) for row in rows) for name, rows in stored["slices"].items()}
        power = tuple(PowerResult(**row) for row in stored["power"])
        parts = {"classes": classes, "slices": slices, "power": power, "policy": contender.name}
        return PolicyResult(**(stored | sequences | parts))
    seen = plant.with_forecast(contender.forecast)
    counted = replay_statistics(seen, traces, contender.policy, warmup_requests, ONLY_BLOCKING, audited=True)
    results, names = results_of(counted, seen), traces[0].class_names
    found = PolicyResult(
        policy=contender.name,
        request_blocking=tuple(item.request_blocking for item in results),
        bit_rate_blocking=tuple(item.bit_rate_blocking for item in results),
        utilisation=tuple(item.utilisation for item in results),
        mean_latency_ms=tuple(item.mean_latency_ms for item in results),
        classes={name: tuple(item.classes[c] for item in results) for c, name in enumerate(names)},
        slices=slices_of(plant, traces, counted.taken, warmup_requests),
        power=_power_of(results, plant, traces, counted.taken, warmup_requests),
        audited=tuple(item.qot.audited for item in results if item.qot is not None),
        too_noisy=tuple(item.qot.too_noisy for item in results if item.qot is not None),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(found)))
    os.replace(temporary, file)
    return found


def _power_of(
    results: Sequence[TraceResult],
    plant: Plant,
    traces: Sequence[Trace],
    taken: np.ndarray,
    warmup_requests: int,
) -> tuple[PowerResult, ...]:
    """What each network drew, with what waking amplifiers cost; empty without a power model."""
    drawn = [item.power for item in results if item.power is not None]
    if not is_counted(plant):
        return tuple(drawn)
    refuse_uncounted(plant, moved=False)
    logs = [
        SetUpLog(trace.arrival_s, trace.arrival_s + trace.holding_s, path[: trace.num_requests])
        for trace, path in zip(traces, taken, strict=True)
    ]
    return tuple(
        with_waking(power, plant, log, warmup_requests) for power, log in zip(drawn, logs, strict=True)
    )


def _digest(contender: Contender, plant: Plant, traces: Sequence[Trace], warmup_requests: int) -> str:
    parts = {
        "version": RESULT_VERSION,
        "policy": contender.content,
        "path_table": plant.path_table.content_hash,
        "plant": settings_of(plant.spec),
        "latency": repr(plant.latency_model),
        "power": repr(plant.power),
        "traces": [trace.id for trace in traces],
        "warmup_requests": warmup_requests,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


evaluate_task = as_task(evaluate, "evaluate")
