"""Registered versions as the loop's document tells them: scores, origin, how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.registry_reader import FLOW_RUN_TAG, KeptRun, KeptVersion, RegistryReader

POLICY_TABLE = "tables/policies.json"  # of a run: everybody's means with their intervals
OWN_ROLES = ("challenger", "first champion")
HYPERPARAMETERS = ("training.", "reward.")  # begin of the parameters of a run that say how it was made
WINDOWS = ("window", "window.learned", "window.held_out")
FIGURES = {  # of the document: metrics of the run, the first that is there
    "bit_rate_blocking": ("evaluation/challenger_bit_rate_blocking", "quick_evaluation/bit_rate_blocking"),
    "mean_latency_ms": ("evaluation/challenger_mean_latency_ms", "quick_evaluation/mean_latency_ms"),
    "energy_per_bit_pj": ("evaluation/challenger_energy_per_bit_pj", "quick_evaluation/energy_per_bit_pj"),
    "utilisation": ("evaluation/challenger_utilisation", "quick_evaluation/utilisation"),
    "gain_over_champion": ("evaluation/gain_over_champion",),
    "gain_over_best_baseline": ("evaluation/gain_over_best_baseline",),
    "answer_p99_ms": ("gate/answer_p99_ms",),
    "training_s": ("training/elapsed_s",),
    "search_requests": ("training/search_requests",),
    "ppo_requests": ("training/ppo_requests",),
}
BLOCKING = ("evaluation/challenger_request_blocking", "quick_evaluation/request_blocking")


@dataclass(frozen=True)
class GateScore:
    """Request blocking of one policy on held-out traces.

    Attributes:
        role: ``challenger``, ``champion``, ``baseline``, ``first champion``.
        policy: its name.
        value: mean over traces.
        low, high: of its 95 % interval; None: not known.
    """

    role: str
    policy: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LoopVersion:
    """One version.

    Attributes:
        number, policy, run_id, made_s: as registered; made: seconds since 1970-01-01 UTC.
        aliases: that point at it.
        flow_run_id: of the training that made it; empty: none.
        gate: ``passed``, ``failed``, ``pending``, or empty for a first champion, which meets none.
        verdict: of the gate, in words.
        scenario, topology, reason, forecast: as its tags say.
        score: what its gate, or its first evaluation, measured; None: nothing.
        rivals: who was measured beside it.
        figures: more of that, by the names of ``FIGURES``.
        traces: ids that it was trained on.
        windows: of operation, by the tag of its run.
        hyperparameters: of its run.
    """

    number: str
    policy: str
    run_id: str
    made_s: float
    aliases: tuple[str, ...]
    flow_run_id: str
    gate: str
    verdict: str
    scenario: str
    topology: str
    reason: str
    forecast: str
    score: GateScore | None
    rivals: tuple[GateScore, ...]
    figures: Mapping[str, float]
    traces: tuple[str, ...]
    windows: Mapping[str, str]
    hyperparameters: Mapping[str, str]


class VersionReader:
    """Reads versions; what of a run no longer changes is asked for once.

    Args:
        registry: of the model.
    """

    def __init__(self, registry: RegistryReader) -> None:
        self._registry = registry
        self._runs: dict[str, KeptRun | None] = {}
        self._tables: dict[str, tuple[GateScore, ...]] = {}

    def versions(self) -> tuple[LoopVersion, ...]:
        """Every version, oldest first.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        aliases: dict[str, list[str]] = {}
        for alias, number in self._registry.aliases().items():
            aliases.setdefault(number, []).append(alias)
        return tuple(
            self._version(item, tuple(sorted(aliases.get(item.number, ()))))
            for item in self._registry.versions()
        )

    def score(self, number: str) -> GateScore | None:
        """What a version's gate, or its first evaluation, measured; None: nothing, or no such version.

        Raises:
            RegistryReadError: MLflow does not answer.
        """
        kept = self._registry.version(number)
        return self._version(kept, ()).score if kept else None

    def _version(self, kept: KeptVersion, aliases: tuple[str, ...]) -> LoopVersion:
        run = self._run(kept.run_id)
        tags, parameters, metrics, datasets = _of(run)
        table = self._table(run) if run else ()
        own = next((item for item in table if item.role in OWN_ROLES), None)
        if own is None and (known := _first(metrics, BLOCKING)) is not None:
            ends = (metrics.get(f"quick_evaluation/request_blocking_{end}") for end in ("low", "high"))
            own = GateScore(OWN_ROLES[-1], kept.tags.get("policy", ""), known, *ends)
        figures = {name: _first(metrics, names) for name, names in FIGURES.items()}
        return LoopVersion(
            number=kept.number,
            policy=kept.tags.get("policy", ""),
            run_id=kept.run_id,
            made_s=kept.made_s,
            aliases=aliases,
            flow_run_id=tags.get(FLOW_RUN_TAG, ""),
            gate=kept.tags.get("gate", ""),
            verdict=kept.tags.get("gate.verdict", ""),
            scenario=kept.tags.get("scenario", tags.get("scenario", "")),
            topology=kept.tags.get("topology", tags.get("topology", "")),
            reason=tags.get("reason", ""),
            forecast=kept.tags.get("forecast", ""),
            score=own,
            rivals=tuple(item for item in table if item.role not in OWN_ROLES),
            figures={name: value for name, value in figures.items() if value is not None},
            traces=datasets.get("training", ()),
            windows={name: tags[name] for name in WINDOWS if name in tags},
            hyperparameters={
                name: value for name, value in parameters.items() if name.startswith(HYPERPARAMETERS)
            },
        )

    def _run(self, run_id: str) -> KeptRun | None:
        known = self._runs.get(run_id)
        if known is None or known.ended_s is None:
            self._runs[run_id] = self._registry.run(run_id) if run_id else None
        return self._runs[run_id]

    def _table(self, run: KeptRun) -> tuple[GateScore, ...]:
        if run.run_id in self._tables:
            return self._tables[run.run_id]
        found = _scores(self._registry.document(run.run_id, POLICY_TABLE))
        if found or run.ended_s is not None:
            self._tables[run.run_id] = found
        return found


def _scores(table: Mapping[str, Any] | None) -> tuple[GateScore, ...]:
    """Everybody of a run's table of policies."""
    if table is None:
        return ()
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["data"])
    return tuple(
        GateScore(
            str(row["role"]),
            str(row["policy"]),
            float(row["request_blocking"]),
            row.get("request_blocking_low"),
            row.get("request_blocking_high"),
        )
        for row in rows
    )


def _of(
    run: KeptRun | None,
) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, float], Mapping[str, tuple[str, ...]]]:
    """Tags, parameters, metrics and datasets of a run; nothing of none."""
    return (run.tags, run.parameters, run.metrics, run.datasets) if run else ({}, {}, {}, {})


def _first(metrics: Mapping[str, float], names: tuple[str, ...]) -> float | None:
    return next((metrics[name] for name in names if name in metrics), None)
