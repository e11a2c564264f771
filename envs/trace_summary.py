"""Figures about a trace: how many requests, how much load, of what kind, between whom, when.

Not here: printing them (``lightloop trace show``), whether traffic drifted (``tasks.drift``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.trace import Trace

HOUR_S = 3600.0
MAX_HOURS = 1_000_000


@dataclass(frozen=True)
class PairShare:
    """One ordered node pair."""

    source: str
    destination: str
    requests: int
    share_of_load: float  # of the offered Gb/s x s


@dataclass(frozen=True)
class ClassShare:
    """One service class."""

    name: str
    requests: int
    share: float
    least_max_latency_ms: float  # inf: no request of the class has a bound
    greatest_max_latency_ms: float


@dataclass(frozen=True)
class TraceSummary:
    """What ``lightloop trace show`` prints."""

    trace_id: str
    origin: str
    topology_hash: str
    num_nodes: int
    num_requests: int
    duration_s: float
    load_erlang: float  # offered: sum of holding times over duration
    load_gbps: float  # offered: the same weighted with bit rates
    mean_holding_s: float
    mean_bit_rate_gbps: float
    requests_by_rate: dict[float, int]  # Gb/s -> requests; empty where rates are more than 32
    classes: tuple[ClassShare, ...]
    top_pairs: tuple[PairShare, ...]
    num_pairs: int
    arrivals_per_hour: np.ndarray  # (hours,) int64, the last may be cut short; empty beyond MAX_HOURS
    arrivals_by_hour_of_day: np.ndarray  # (24,) float64, mean per hour; nan where the trace has none


def summarise(trace: Trace, num_top_pairs: int = 10) -> TraceSummary:
    """The figures of a trace. Duration runs from time 0 to the last arrival."""
    duration_s = max(trace.duration_s, 1e-9)
    volume_gb = trace.holding_s * trace.bit_rate_gbps.astype(np.float64)
    too_long = trace.duration_s > MAX_HOURS * HOUR_S
    per_hour = np.bincount([] if too_long else (trace.arrival_s // HOUR_S).astype(np.int64))
    return TraceSummary(
        trace_id=trace.id,
        origin=trace.origin,
        topology_hash=trace.topology_hash,
        num_nodes=len(trace.node_names),
        num_requests=trace.num_requests,
        duration_s=trace.duration_s,
        load_erlang=float(trace.holding_s.sum() / duration_s),
        load_gbps=float(volume_gb.sum() / duration_s),
        mean_holding_s=float(trace.holding_s.mean()),
        mean_bit_rate_gbps=float(trace.bit_rate_gbps.mean(dtype=np.float64)),
        requests_by_rate=_by_rate(trace),
        classes=_classes(trace),
        top_pairs=_top_pairs(trace, volume_gb, num_top_pairs),
        num_pairs=len(np.unique(_pair(trace))),
        arrivals_per_hour=per_hour,
        arrivals_by_hour_of_day=_by_hour_of_day(per_hour, trace.duration_s),
    )


def _pair(trace: Trace) -> np.ndarray:
    return trace.source.astype(np.int64) * len(trace.node_names) + trace.destination


def _by_rate(trace: Trace) -> dict[float, int]:
    rates, counts = np.unique(trace.bit_rate_gbps, return_counts=True)
    if len(rates) > 32:
        return {}
    return {float(rate): int(count) for rate, count in zip(rates, counts, strict=True)}


def _classes(trace: Trace) -> tuple[ClassShare, ...]:
    found = []
    for index, name in enumerate(trace.class_names):
        bounds_ms = trace.max_latency_ms[trace.service_class == index]
        if len(bounds_ms):
            found.append(
                ClassShare(
                    name,
                    len(bounds_ms),
                    len(bounds_ms) / trace.num_requests,
                    float(bounds_ms.min()),
                    float(bounds_ms.max()),
                )
            )
    return tuple(found)


def _top_pairs(trace: Trace, volume_gb: np.ndarray, count: int) -> tuple[PairShare, ...]:
    pair = _pair(trace)
    volume = np.bincount(pair, weights=volume_gb)
    requests = np.bincount(pair)
    best = np.argsort(-volume, kind="stable")[:count]
    names = trace.node_names
    return tuple(
        PairShare(
            names[index // len(names)],
            names[index % len(names)],
            int(requests[index]),
            float(volume[index] / volume.sum()),
        )
        for index in best
        if requests[index]
    )


def _by_hour_of_day(per_hour: np.ndarray, duration_s: float) -> np.ndarray:
    whole = per_hour[: max(int(duration_s // HOUR_S), 1)]
    hours = np.arange(len(whole)) % 24
    times = np.bincount(hours, minlength=24)
    arrivals = np.bincount(hours, weights=whole, minlength=24)
    with np.errstate(invalid="ignore"):
        return arrivals / times
