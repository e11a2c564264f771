"""What is counted while requests are served, and the figures made of it. Intervals: ``evaluation.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from envs.compiled import inlined
from envs.plant import Plant

SUMS = np.dtype(
    [
        ("offered_gbps", np.float64),
        ("blocked_gbps", np.float64),
        ("used_slots", np.float64),  # slots taken summed over units, as arrivals see it
        ("violations", np.int64),  # lightpaths slower than their bound: must stay 0
    ]
)


class Tally(NamedTuple):
    """Counts of N networks, one row each. Requests before the end of the warm-up are not counted."""

    offered: np.ndarray  # (N, C) int64 requests per service class
    blocked: np.ndarray  # (N, C) int64
    carried: np.ndarray  # (N, C, num_paths) int64 lightpaths set up
    sums: np.ndarray  # (N,) SUMS


def new_tally(plant: Plant, num_networks: int, num_classes: int) -> Tally:
    """All zeros."""
    return Tally(
        offered=np.zeros((num_networks, num_classes), np.int64),
        blocked=np.zeros((num_networks, num_classes), np.int64),
        carried=np.zeros((num_networks, num_classes, plant.path_table.num_paths), np.int64),
        sums=np.zeros(num_networks, SUMS),
    )


@inlined
def count(offered, blocked, carried, sums, service_class, bit_rate_gbps, used_slots, path, late):
    """Book one request of one network: carried on ``path``, or blocked where ``path`` is negative."""
    offered[service_class] += 1
    sums[0].offered_gbps += bit_rate_gbps
    sums[0].used_slots += used_slots
    if path < 0:
        blocked[service_class] += 1
        sums[0].blocked_gbps += bit_rate_gbps
    else:
        carried[service_class, path] += 1
        sums[0].violations += late


@dataclass(frozen=True)
class ClassResult:
    """Figures of one service class. Latencies are of the lightpaths set up; NaN where there is none."""

    offered: int
    request_blocking: float
    mean_latency_ms: float
    p95_latency_ms: float


@dataclass(frozen=True)
class TraceResult:
    """Figures of one network over one trace, after the warm-up."""

    num_requests: int
    request_blocking: float
    bit_rate_blocking: float
    utilisation: float  # mean share of slots taken, as arrivals see it
    mean_hops: float
    mean_latency_ms: float
    latency_violations: int
    classes: tuple[ClassResult, ...]


def results_of(tally: Tally, plant: Plant) -> tuple[TraceResult, ...]:
    """One result per network."""
    latency_ms = plant.arrays.path_latency_ms.astype(np.float64)
    by_latency = np.argsort(latency_ms, kind="stable")
    capacity_slots = plant.num_units * plant.spec.num_slots
    results = []
    for n in range(len(tally.offered)):
        offered = int(tally.offered[n].sum())
        carried = tally.carried[n].sum(axis=0)
        num_carried = int(carried.sum())
        results.append(
            TraceResult(
                num_requests=offered,
                request_blocking=_ratio(tally.blocked[n].sum(), offered),
                bit_rate_blocking=_ratio(tally.sums["blocked_gbps"][n], tally.sums["offered_gbps"][n]),
                utilisation=_ratio(tally.sums["used_slots"][n], offered * capacity_slots),
                mean_hops=_ratio((carried * plant.arrays.path_hops).sum(), num_carried),
                mean_latency_ms=_ratio((carried * latency_ms).sum(), num_carried),
                latency_violations=int(tally.sums["violations"][n]),
                classes=tuple(
                    _class_result(tally, n, c, latency_ms, by_latency) for c in range(tally.offered.shape[1])
                ),
            )
        )
    return tuple(results)


def _class_result(
    tally: Tally, n: int, c: int, latency_ms: np.ndarray, by_latency: np.ndarray
) -> ClassResult:
    carried = tally.carried[n, c]
    num_carried = int(carried.sum())
    cumulative = np.cumsum(carried[by_latency])
    rank = int(np.searchsorted(cumulative, 0.95 * num_carried))
    return ClassResult(
        offered=int(tally.offered[n, c]),
        request_blocking=_ratio(tally.blocked[n, c], tally.offered[n, c]),
        mean_latency_ms=_ratio((carried * latency_ms).sum(), num_carried),
        p95_latency_ms=float(latency_ms[by_latency[rank]]) if num_carried else float("nan"),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")
