"""Challenger, champion and baselines on the same held-out traces, also with a fibre cut.

What has been measured once is found again: a result is kept under the hash of policy, plant and traces. Not
here: whether the result is good enough (``gate.py``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import networkx as nx

from agents.artefact import load_forecast, load_policy, read_manifest
from envs.evaluation import replay
from envs.forecast import DemandForecast
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.statistics import ClassResult, PowerResult
from envs.trace import Trace
from tasks.decorate import as_task
from tasks.limits import Objective
from tasks.results import Evaluation, PolicyResult, best_result
from tasks.trace import StoredTrace, read_stored
from topologies.model import Topology

RESULT_VERSION = 4


@dataclass(frozen=True)
class Contender:
    """A policy to be measured, and what its results are kept under."""

    name: str
    policy: ScoringPolicy
    content: str  # hash of the weights, and of the forecast where there is one; the name for a baseline
    forecast: DemandForecast | None = None  # that it decides with

    def on(self, topology: Topology) -> Contender:
        """The same on a network with the same sites, such as the one after a fibre cut."""
        return replace(self, forecast=self.forecast.on(topology)) if self.forecast else self


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
) -> Evaluation:
    """Everybody's results on the same traces; the challenger and the best baseline also with a fibre cut.

    Args:
        plant: the network.
        stored: held-out traces.
        challenger_folder: policy artefact.
        champion_folder: policy artefact; None where there is no champion.
        baselines: names of heuristics.
        warmup_requests: at the start of each trace, not counted.
        results_folder: where measured results are kept.
        on_step: told whose turn it is.
    """
    traces = read_stored(stored)

    def measured(contender: Contender, where: Plant, on: Sequence[Trace]) -> PolicyResult:
        on_step(f"{contender.name} on {len(on)} traces ({where.topology.name})")
        return measure(contender, where, on, warmup_requests, results_folder)

    heuristics = [measured(contender_baseline(name), plant, traces) for name in baselines]
    champion = None
    if champion_folder is not None:
        champion = measured(contender_in(champion_folder), plant, traces)
    challenger = contender_in(challenger_folder)
    found = Evaluation(
        challenger=measured(challenger, plant, traces),
        champion=champion,
        baselines=tuple(heuristics),
        trace_ids=tuple(item.id for item in stored),
    )
    after = without_fibre(plant)
    if after is None:
        return found
    best = contender_baseline(found.best_baseline.policy)
    some = traces[: max(2, len(traces) // 2)]
    both = (challenger.on(after.topology), best)
    return replace(found, after_failure=tuple(measured(who, after, some) for who in both))


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
    results = [
        measure(contender_baseline(name), plant, traces, warmup_requests, results_folder)
        for name in baselines
    ]
    return best_result(results, objective)


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
        power = tuple(PowerResult(**row) for row in stored["power"])
        return PolicyResult(
            **(stored | sequences | {"classes": classes, "power": power, "policy": contender.name})
        )
    seen = plant.with_forecast(contender.forecast)
    results = replay(seen, traces, contender.policy, warmup_requests, audited=True)
    names = traces[0].class_names
    found = PolicyResult(
        policy=contender.name,
        request_blocking=tuple(item.request_blocking for item in results),
        bit_rate_blocking=tuple(item.bit_rate_blocking for item in results),
        utilisation=tuple(item.utilisation for item in results),
        mean_latency_ms=tuple(item.mean_latency_ms for item in results),
        classes={name: tuple(item.classes[c] for item in results) for c, name in enumerate(names)},
        power=tuple(item.power for item in results if item.power is not None),
        audited=tuple(item.qot.audited for item in results if item.qot is not None),
        too_noisy=tuple(item.qot.too_noisy for item in results if item.qot is not None),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(asdict(found)))
    os.replace(temporary, file)
    return found


def without_fibre(plant: Plant) -> Plant | None:
    """The plant after the cut of the fibre that most best paths cross, with paths found anew.

    None where every fibre is a bridge, so that no cut leaves a connected network.
    """
    topology, table = plant.topology, plant.path_table
    used = [0] * len(topology.fibres)
    for pair in range(table.num_nodes**2):
        if table.first_path[pair + 1] > table.first_path[pair]:
            for link in table.links(int(table.first_path[pair])):
                used[link // 2] += 1
    bridges = {frozenset(edge) for edge in nx.bridges(topology.graph())}
    order = sorted(range(len(used)), key=lambda fibre: -used[fibre])
    for fibre in order:
        cut = topology.fibres[fibre]
        if frozenset((cut.node_a, cut.node_b)) not in bridges:
            rest = tuple(item for item in topology.fibres if item != cut)
            name = f"{topology.name} without {cut.node_a}-{cut.node_b}"
            after = Topology(name, topology.source, topology.nodes, rest)
            return build_plant(after, plant.spec, plant.latency_model)
    return None


def _digest(contender: Contender, plant: Plant, traces: Sequence[Trace], warmup_requests: int) -> str:
    parts = {
        "version": RESULT_VERSION,
        "policy": contender.content,
        "path_table": plant.path_table.content_hash,
        "plant": asdict(plant.spec),
        "latency": repr(plant.latency_model),
        "power": repr(plant.power),
        "traces": [trace.id for trace in traces],
        "warmup_requests": warmup_requests,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


evaluate_task = as_task(evaluate, "evaluate")
