"""What a run shows in MLflow: a few numbers that compare across runs, curves, tables for the rest.

A metric is named for a role, never for a policy: two runs are compared by their challengers, whatever these
are called. The part before the slash is the section of MLflow's chart view. Not here: where it goes
(``registry.py``, ``report.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.evaluation import paired_difference
from tasks.gate import GateReport
from tasks.results import Evaluation, PolicyResult

if TYPE_CHECKING:
    from agents.spec import TrainPoint, TrainResult

OF_CHALLENGER = (
    "request_blocking",
    "bit_rate_blocking",
    "utilisation",
    "mean_latency_ms",
    "energy_per_bit_pj",
    "bound_violations",
)
OF_RIVAL = ("request_blocking", "bit_rate_blocking", "energy_per_bit_pj")
OF_CURVE = ("blocking", "cost", "reward", "entropy", "explained_variance", "steps_per_s")
POLICY_COLUMNS = (
    "role",
    "policy",
    "request_blocking",
    "bit_rate_blocking",
    "utilisation",
    "mean_latency_ms",
    "mean_power_w",
    "energy_per_bit_pj",
    "bound_violations",
)


@dataclass(frozen=True)
class Table:
    """Rows under heads, as MLflow shows them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def role_metrics(role: str, row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one policy by its role: ``challenger``, ``champion`` or ``best_baseline``."""
    names = OF_CHALLENGER if role == "challenger" else OF_RIVAL
    return {f"evaluation/{role}_{name}": float(row[name]) for name in names if name in row}


def evaluation_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Challenger, champion and best baseline, and by which share the challenger blocks less than either."""
    metrics = role_metrics("challenger", evaluation.challenger.row())
    rivals = {"best_baseline": evaluation.best_baseline}
    rivals |= {} if evaluation.champion is None else {"champion": evaluation.champion}
    for role, rival in rivals.items():
        metrics |= role_metrics(role, rival.row())
        metrics |= _improvement(role, evaluation.challenger, rival)
    return metrics


def gate_metrics(report: GateReport) -> dict[str, float]:
    """Passed or not, and how long an answer took behind the endpoint."""
    return {"gate/passed": float(report.passed), "gate/answer_p99_ms": report.p99_ms}


def training_metrics(result: TrainResult) -> dict[str, float]:
    """What the training took."""
    return {
        "training/elapsed_s": result.elapsed_s,
        "training/search_requests": float(result.search_requests),
        "training/ppo_requests": float(result.steps),
    }


def curve_metrics(point: TrainPoint) -> dict[str, float]:
    """One point of the training's curves; the best baseline of the moment is the line to get below."""
    fields = point.to_json()
    names = [name for name in OF_CURVE if point.stage != "choice" or name != "steps_per_s"]
    curves = {f"curve/{name}": fields[name] for name in names if fields[name] is not None}
    return curves | {"curve/best_baseline_blocking": min(point.baselines.values())}


def policy_table(evaluation: Evaluation) -> Table:
    """Everybody's means with the bounds of their 95 % intervals."""
    heads: list[str] = []
    rows = []
    for row in evaluation.to_json()["policies"]:
        cells: dict[str, Any] = {}
        for name in POLICY_COLUMNS:
            if name in row:
                cells[name] = row[name]
            if f"{name}_ci95" in row:
                cells[f"{name}_low"], cells[f"{name}_high"] = row[f"{name}_ci95"]
        heads = heads or list(cells)
        rows.append(tuple(cells.values()))
    return Table(tuple(heads), tuple(rows))


def class_table(evaluation: Evaluation) -> Table:
    """Every policy in every service class."""
    return _part_table(evaluation, "classes")


def slice_table(evaluation: Evaluation) -> Table:
    """Every policy in every pair group and part of the day."""
    return _part_table(evaluation, "slices")


def _part_table(evaluation: Evaluation, parts: str) -> Table:
    rows = [
        {"role": row["role"], "policy": row["policy"]}
        | {key: value for key, value in found.items() if not isinstance(value, list)}
        for row in evaluation.to_json()["policies"]
        for found in row[parts]
    ]
    return Table(tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows))


def rule_table(report: GateReport) -> Table:
    """What each rule of the gate says."""
    rows = tuple((rule.rule, rule.passed, rule.margin, rule.why) for rule in report.rules)
    return Table(("rule", "passed", "margin", "why"), rows)


def validation_table(result: TrainResult) -> Table:
    """Teacher, PPO's policies and baselines on the traces that the choice was made by."""
    rows = [(name, value, result.validation_cost[name]) for name, value in result.validation.items()]
    return Table(("policy", "request_blocking", "cost"), tuple(sorted(rows, key=lambda row: row[2])))


def _improvement(role: str, challenger: PolicyResult, rival: PolicyResult) -> dict[str, float]:
    """The paired gain in request blocking over the rival's mean: 0.2 is a fifth less; with its interval."""
    mean = float(np.mean(rival.request_blocking))
    if mean == 0.0:
        return {}
    gain = paired_difference(rival.request_blocking, challenger.request_blocking)
    parts: Sequence[tuple[str, float]] = (("", gain.mean), ("_low", gain.low), ("_high", gain.high))
    return {f"evaluation/gain_over_{role}{part}": value / mean for part, value in parts}
