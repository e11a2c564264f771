"""What an evaluation finds, as plain numbers per held-out trace: what the gate judges and the report shows.

Not here: making it (``evaluate.py``), judging it (``gate.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.class_figures import class_figures
from envs.energy.summary import power_summary
from envs.evaluation import interval
from envs.slices import SliceResult
from envs.statistics import ClassResult, PowerResult
from tasks.limits import Objective

FIRST_BASELINE = "ksp_ff"  # whose blocking a saver of energy may not exceed


@dataclass(frozen=True)
class PolicyResult:
    """One policy on every held-out trace, in the same order for every policy."""

    policy: str
    request_blocking: tuple[float, ...]
    bit_rate_blocking: tuple[float, ...]
    utilisation: tuple[float, ...]
    mean_latency_ms: tuple[float, ...]
    classes: Mapping[str, tuple[ClassResult, ...]]  # service class: its figures per trace
    power: tuple[PowerResult, ...] = ()  # empty without a power model
    audited: tuple[int, ...] = ()  # standing lightpaths whose GSNR was computed anew; empty without GSNR
    too_noisy: tuple[int, ...] = ()  # of those, below what their format needs
    slices: Mapping[str, tuple[SliceResult, ...]] = field(default_factory=dict)  # pair groups, parts of a day

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

    @property
    def energy_per_bit_pj(self) -> tuple[float, ...]:
        """Power over the bit rate carried, per trace."""
        return tuple(found.energy_per_bit_pj for found in self.power)

    def row(self) -> dict[str, Any]:
        """Means with 95 % intervals, for tables and JSON; of energy where it is known."""
        requests, bit_rate = interval(self.request_blocking), interval(self.bit_rate_blocking)
        power = power_summary(self.power)
        return {
            "policy": self.policy,
            "request_blocking": requests.mean,
            "request_blocking_ci95": [requests.low, requests.high],
            "bit_rate_blocking": bit_rate.mean,
            "bit_rate_blocking_ci95": [bit_rate.low, bit_rate.high],
            "utilisation": float(np.mean(self.utilisation)),
            "mean_latency_ms": float(np.mean(self.mean_latency_ms)),
            "classes": [class_figures(name, found).row() for name, found in self.classes.items()],
            "slices": [_slice_row(name, found) for name, found in self.slices.items()],
            "bound_violations": self.bound_violations,
            **(
                {"gsnr_audited": sum(self.audited), "gsnr_violations": sum(self.too_noisy)}
                if self.audited
                else {}
            ),
            **(power.row() if power else {}),
        }


def _slice_row(name: str, runs: Sequence[SliceResult]) -> dict[str, Any]:
    """A slice over the traces where it was asked for; null where that is none."""
    known = [run.request_blocking for run in runs if run.offered]
    found = interval(known) if known else None
    ends = (found.low, found.high) if found else (math.nan, math.nan)
    return {
        "slice": name,
        "offered": sum(run.offered for run in runs),
        "request_blocking": found.mean if found else None,
        "request_blocking_ci95": [end if math.isfinite(end) else None for end in ends],
    }


def best_result(results: Sequence[PolicyResult], objective: Objective) -> PolicyResult:
    """Who blocks the fewest requests; or who draws the least energy per bit, blocking or not."""
    if objective == "energy":
        return min(results, key=lambda result: float(np.mean(result.energy_per_bit_pj)))
    return min(results, key=lambda result: float(np.mean(result.request_blocking)))


@dataclass(frozen=True)
class Failure:
    """Everybody who matters with a part of the network down, on the same traces."""

    name: str  # what is down
    challenger: PolicyResult
    rivals: tuple[PolicyResult, ...]  # the best baseline, and the champion where there is one


@dataclass(frozen=True)
class Evaluation:
    """Every policy on the same traces."""

    challenger: PolicyResult
    champion: PolicyResult | None
    baselines: tuple[PolicyResult, ...]
    trace_ids: tuple[str, ...]
    failures: tuple[Failure, ...] = field(default=())

    @property
    def best_baseline(self) -> PolicyResult:
        """The baseline that blocks the fewest requests."""
        return best_result(self.baselines, "blocking")

    @property
    def first_baseline(self) -> PolicyResult:
        """KSP-FF, or the baseline that blocks least where it is not among them."""
        named = [result for result in self.baselines if result.policy == FIRST_BASELINE]
        return named[0] if named else self.best_baseline

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
