"""Figures per service class over independent runs, with intervals. What one run counts: ``statistics.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.evaluation import Interval, interval
from envs.statistics import ClassResult


@dataclass(frozen=True)
class ClassFigures:
    """One service class over several runs; 95 % intervals over those runs where it had a lightpath.

    Slack is (bound - latency) / bound; 1 without a bound.
    """

    name: str
    offered: int
    request_blocking: Interval
    mean_latency_ms: Interval
    p95_latency_ms: Interval
    mean_hops: Interval
    mean_detour: Interval  # latency over the least latency of the node pair, minus 1
    mean_slack: Interval
    least_slack: float
    violations: int  # lightpaths over their bound: must stay 0

    @property
    def is_bounded(self) -> bool:
        """Whether any of its lightpaths had a bound to keep."""
        return self.least_slack < 1

    def row(self) -> dict[str, Any]:
        """For JSON: each mean, its interval as ``..._ci95``; null where there was no lightpath."""
        found: dict[str, Any] = {"service_class": self.name, "offered": self.offered}
        for name in _WITH_INTERVAL:
            value: Interval = getattr(self, name)
            found[name] = _or_null(value.mean)
            found[f"{name}_ci95"] = [_or_null(value.low), _or_null(value.high)]
        return found | {"least_slack": _or_null(self.least_slack), "violations": self.violations}


_WITH_INTERVAL = (
    "request_blocking",
    "mean_latency_ms",
    "p95_latency_ms",
    "mean_hops",
    "mean_detour",
    "mean_slack",
)


def class_figures(name: str, runs: Sequence[ClassResult]) -> ClassFigures:
    """The figures of one class from its result in every run."""
    least = [run.least_slack for run in runs if not math.isnan(run.least_slack)]
    return ClassFigures(
        name=name,
        offered=sum(run.offered for run in runs),
        **{field: _interval([getattr(run, field) for run in runs]) for field in _WITH_INTERVAL},
        least_slack=min(least, default=math.nan),
        violations=sum(run.violations for run in runs),
    )


def _interval(values: Sequence[float]) -> Interval:
    """Over the runs that have a value; one value that is NaN where none has."""
    known = np.asarray(values)[~np.isnan(values)]
    return interval(known if known.size else [math.nan])


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
