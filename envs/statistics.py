"""What is counted while requests are served, and the figures made of it. Intervals: ``evaluation.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from envs.compiled import inlined, records
from envs.energy.figures import PowerResult, power_result
from envs.gsnr.figures import QotResult, qot_result
from envs.parts import PartCounts, new_part_counts
from envs.plant import Plant

SUMS = np.dtype(
    [
        ("offered_gbps", np.float64),
        ("blocked_gbps", np.float64),
        ("used_slots", np.float64),  # slots taken summed over units, as arrivals see it
    ]
)
BOUNDS = np.dtype(
    [
        ("share", np.float64),  # latency over its bound, summed over lightpaths; 0 for one without a bound
        ("largest_share", np.float64),  # of any of them
        ("violations", np.int64),  # lightpaths slower than their bound: must stay 0
    ]
)


class Statistics(NamedTuple):
    """Counts of N networks, one row each. Requests before the end of the warm-up are not counted."""

    offered: np.ndarray  # (N, C) int64 requests per service class
    blocked: np.ndarray  # (N, C) int64
    carried: np.ndarray  # (N, C, num_paths) int64 lightpaths set up
    bounds: np.ndarray  # (N, C) BOUNDS
    sums: np.ndarray  # (N,) SUMS
    reward: np.ndarray  # (N,) float64, earned; only by what is told the weights (lockstep, linear scores)
    taken: (
        np.ndarray
    )  # (N, T) int32, the path of each of the first T requests, warm-up too; negative: blocked
    parts: PartCounts


def new_statistics(plant: Plant, num_networks: int, num_classes: int, num_noted: int = 0) -> Statistics:
    """All zeros; with room to note what became of the first ``num_noted`` requests, one by one."""
    return Statistics(
        offered=np.zeros((num_networks, num_classes), np.int64),
        blocked=np.zeros((num_networks, num_classes), np.int64),
        carried=np.zeros((num_networks, num_classes, plant.path_table.num_paths), np.int64),
        bounds=records((num_networks, num_classes), BOUNDS),
        sums=records(num_networks, SUMS),
        reward=np.zeros(num_networks),
        taken=np.zeros((num_networks, num_noted), np.int32),
        parts=new_part_counts(plant.arrays.parts, num_networks),
    )


def clear_statistics(statistics: Statistics) -> None:
    """Set every count to zero."""
    for array in (*statistics[:-1], *(array for part in statistics.parts for array in part)):
        array[...] = np.zeros((), array.dtype)


@inlined
def count(plant, statistics, n, asked, used_before, path):
    """Count one request of network ``n``: carried on ``path``, or blocked where ``path`` is negative.

    Args:
        plant: PlantArrays.
        statistics: Statistics.
        n: row of it.
        asked: the request, ``serving.Asked``.
        used_before: slots taken, summed over units, as the request found them.
        path: row of the path table.
    """
    bounds, sums = statistics.bounds[n], statistics.sums[n : n + 1]
    service_class, bound_ms = asked.service_class, asked.max_latency_ms
    statistics.offered[n, service_class] += 1
    sums[0].offered_gbps += asked.bit_rate_gbps
    sums[0].used_slots += used_before
    if path < 0:
        statistics.blocked[n, service_class] += 1
        sums[0].blocked_gbps += asked.bit_rate_gbps
    else:
        latency_ms = plant.path_latency_ms[path]
        statistics.carried[n, service_class, path] += 1
        share = np.float64(latency_ms) / bound_ms
        bounds[service_class].share += share
        bounds[service_class].largest_share = max(bounds[service_class].largest_share, share)
        bounds[service_class].violations += latency_ms > bound_ms


@dataclass(frozen=True)
class ClassResult:
    """Figures of one service class: what it was refused, and of what it was given how fast.

    All but the first two are of the lightpaths set up, NaN where there is none. Slack is (bound - latency) /
    bound; 1 without a bound.
    """

    offered: int
    request_blocking: float
    mean_latency_ms: float
    p95_latency_ms: float
    mean_hops: float
    mean_detour: float  # latency over the least latency of the node pair, minus 1
    mean_slack: float
    least_slack: float
    violations: int  # lightpaths over their bound: must stay 0


@dataclass(frozen=True)
class TraceResult:
    """Figures of one network over one trace, after the warm-up."""

    num_requests: int
    request_blocking: float
    bit_rate_blocking: float
    utilisation: float  # mean share of slots taken, as arrivals see it
    mean_hops: float
    mean_latency_ms: float
    p95_latency_ms: float
    latency_violations: int
    classes: tuple[ClassResult, ...]
    power: PowerResult | None  # None without a power model
    qot: QotResult | None = None  # where quality of transmission decides


def results_of(statistics: Statistics, plant: Plant) -> tuple[TraceResult, ...]:
    """One result per network."""
    paths = _path_figures(plant)
    capacity_slots = plant.num_units * plant.spec.num_slots
    results = []
    for n in range(len(statistics.offered)):
        offered = int(statistics.offered[n].sum())
        carried = statistics.carried[n].sum(axis=0)
        num_carried = int(carried.sum())
        results.append(
            TraceResult(
                num_requests=offered,
                request_blocking=_ratio(statistics.blocked[n].sum(), offered),
                bit_rate_blocking=_ratio(
                    statistics.sums["blocked_gbps"][n], statistics.sums["offered_gbps"][n]
                ),
                utilisation=_ratio(statistics.sums["used_slots"][n], offered * capacity_slots),
                mean_hops=_ratio((carried * paths.hops).sum(), num_carried),
                mean_latency_ms=_ratio((carried * paths.latency_ms).sum(), num_carried),
                p95_latency_ms=_p95_latency_ms(carried, paths),
                latency_violations=int(statistics.bounds["violations"][n].sum()),
                classes=tuple(
                    _class_result(statistics, n, c, paths) for c in range(statistics.offered.shape[1])
                ),
                power=power_result(statistics.parts.energy, n, plant),
                qot=qot_result(statistics.parts.qot, n, plant),
            )
        )
    return tuple(results)


class _PathFigures(NamedTuple):
    """What the figures need of every path of the table."""

    hops: np.ndarray  # (num_paths,) int32
    latency_ms: np.ndarray  # (num_paths,) float64
    detour: np.ndarray  # (num_paths,) float64, latency over the least of the node pair, minus 1
    by_latency: np.ndarray  # (num_paths,) int64, paths from the fastest to the slowest


def _path_figures(plant: Plant) -> _PathFigures:
    latency_ms = plant.arrays.path_latency_ms.astype(np.float64)
    first = plant.arrays.first_path
    filled = np.flatnonzero(np.diff(first))  # pairs that have paths
    least_ms = np.repeat(np.minimum.reduceat(latency_ms, first[filled]), np.diff(first)[filled])
    by_latency = np.argsort(latency_ms, kind="stable")
    return _PathFigures(plant.arrays.path_hops, latency_ms, latency_ms / least_ms - 1, by_latency)


def _class_result(statistics: Statistics, n: int, c: int, paths: _PathFigures) -> ClassResult:
    carried, bounds = statistics.carried[n, c], statistics.bounds[n, c]
    num_carried = int(carried.sum())
    return ClassResult(
        offered=int(statistics.offered[n, c]),
        request_blocking=_ratio(statistics.blocked[n, c], statistics.offered[n, c]),
        mean_latency_ms=_ratio((carried * paths.latency_ms).sum(), num_carried),
        p95_latency_ms=_p95_latency_ms(carried, paths),
        mean_hops=_ratio((carried * paths.hops).sum(), num_carried),
        mean_detour=_ratio((carried * paths.detour).sum(), num_carried),
        mean_slack=1 - _ratio(bounds["share"], num_carried),
        least_slack=1 - float(bounds["largest_share"]) if num_carried else float("nan"),
        violations=int(bounds["violations"]),
    )


def _p95_latency_ms(carried: np.ndarray, paths: _PathFigures) -> float:
    """The least latency that 95 % of the lightpaths do not exceed; NaN where there is none."""
    cumulative = np.cumsum(carried[paths.by_latency])
    if not cumulative[-1]:
        return float("nan")
    return float(paths.latency_ms[paths.by_latency[np.searchsorted(cumulative, 0.95 * cumulative[-1])]])


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")
