"""What an evaluation finds, as plain numbers per held-out trace: what the gate judges and the report shows.

Not here: making it (``evaluate.py``), judging it (``gate.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.class_figures import class_figures
from envs.evaluation import interval
from envs.tally import ClassResult


@dataclass(frozen=True)
class PolicyResult:
    """One policy on every held-out trace, in the same order for every policy."""

    policy: str
    request_blocking: tuple[float, ...]
    bit_rate_blocking: tuple[float, ...]
    utilisation: tuple[float, ...]
    mean_latency_ms: tuple[float, ...]
    classes: Mapping[str, tuple[ClassResult, ...]]  # service class: its figures per trace

    @property
    def bound_violations(self) -> int:
        """Lightpaths set up over their latency bound."""
        return sum(found.violations for per_trace in self.classes.values() for found in per_trace)

    @property
    def class_blocking(self) -> dict[str, float]:
        """Service class: mean request blocking over the traces that asked for it."""
        return {
            name: class_figures(name, found).request_blocking.mean for name, found in self.classes.items()
        }

    def row(self) -> dict[str, Any]:
        """Means with 95 % intervals, for tables and JSON."""
        requests, bit_rate = interval(self.request_blocking), interval(self.bit_rate_blocking)
        return {
            "policy": self.policy,
            "request_blocking": requests.mean,
            "request_blocking_ci95": [requests.low, requests.high],
            "bit_rate_blocking": bit_rate.mean,
            "bit_rate_blocking_ci95": [bit_rate.low, bit_rate.high],
            "utilisation": float(np.mean(self.utilisation)),
            "mean_latency_ms": float(np.mean(self.mean_latency_ms)),
            "classes": [class_figures(name, found).row() for name, found in self.classes.items()],
            "bound_violations": self.bound_violations,
        }


@dataclass(frozen=True)
class Evaluation:
    """Every policy on the same traces."""

    challenger: PolicyResult
    champion: PolicyResult | None
    baselines: tuple[PolicyResult, ...]
    trace_ids: tuple[str, ...]
    after_failure: tuple[PolicyResult, ...] = field(default=())  # challenger first, then the best baseline

    @property
    def best_baseline(self) -> PolicyResult:
        """The baseline that blocks the fewest requests."""
        return min(self.baselines, key=lambda result: float(np.mean(result.request_blocking)))

    @property
    def everybody(self) -> tuple[PolicyResult, ...]:
        """Challenger, champion, then baselines from the best to the worst."""
        ranked = sorted(self.baselines, key=lambda result: float(np.mean(result.request_blocking)))
        champion = () if self.champion is None else (self.champion,)
        return (self.challenger, *champion, *ranked)

    def to_json(self) -> dict[str, Any]:
        """Means with intervals, and the traces they come from."""
        roles = ["challenger"] + ["champion"] * (self.champion is not None)
        roles += ["baseline"] * len(self.baselines)
        rows = [result.row() | {"role": role} for role, result in zip(roles, self.everybody, strict=True)]
        return {"trace_ids": list(self.trace_ids), "policies": rows}
