"""Blocking of parts of the traffic: pairs that lie near, in between and far apart; six parts of the day.

Counted from what became of each request, so a slice costs the kernels nothing. Far pairs are what a policy
gives up first when it only counts refusals: one far request takes the spectrum of several near ones. Not
here: service classes, which are counted while requests are served (``statistics.py``); judging
(``tasks/gate.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from envs.plant import Plant
from envs.trace import Trace
from envs.traffic import DAY_S

PAIR_GROUPS = ("near pairs", "pairs in between", "far pairs")
PARTS_OF_DAY = ("00-04 h", "04-08 h", "08-12 h", "12-16 h", "16-20 h", "20-24 h")
LEAST_SWING = 0.1  # of the busiest part over the mean: below it the traffic does not follow the day


@dataclass(frozen=True)
class SliceResult:
    """One slice of one trace, after the warm-up; blocking is NaN where nothing was asked."""

    offered: int
    request_blocking: float


def pair_groups(plant: Plant) -> np.ndarray:
    """(num_nodes, num_nodes) int64 index into ``PAIR_GROUPS``: thirds of the pairs by their shortest path.

    Pairs of equal length stay together, so a third may be somewhat larger than another.
    """
    names = plant.topology.node_names
    lengths = dict(nx.all_pairs_dijkstra_path_length(plant.topology.graph(), weight="length_km"))
    length_km = np.array([[lengths[a][b] for b in names] for a in names])
    apart = length_km[np.triu_indices(len(names), 1)]
    # A rounding of sums must not part a pair's two ways.
    edges_km = np.quantile(apart, (1 / 3, 2 / 3)) * (1 + 1e-9)
    return np.searchsorted(edges_km, length_km)


def follows_the_day(traces: Sequence[Trace], num_requests: int) -> bool:
    """Whether all traces last a day, and more is asked in one part of it than on average."""
    offered, lasted_s = np.zeros(len(PARTS_OF_DAY)), np.zeros(len(PARTS_OF_DAY))
    part_s = DAY_S / len(PARTS_OF_DAY)
    for trace in traces:
        ended_s = float(trace.arrival_s[:num_requests][-1])
        if ended_s < DAY_S:
            return False
        offered += np.bincount(part_of_day(trace.arrival_s[:num_requests]), minlength=len(PARTS_OF_DAY))
        whole, rest_s = divmod(ended_s, DAY_S)
        begun_s = np.clip(rest_s - part_s * np.arange(len(PARTS_OF_DAY)), 0.0, part_s)
        lasted_s += whole * part_s + begun_s
    rates = offered / lasted_s
    return bool(rates.max() > (1 + LEAST_SWING) * offered.sum() / lasted_s.sum())


def part_of_day(arrival_s: np.ndarray) -> np.ndarray:
    """Index into ``PARTS_OF_DAY`` of each time; a trace begins at midnight."""
    return (np.mod(arrival_s, DAY_S) * (len(PARTS_OF_DAY) / DAY_S)).astype(np.int64)


def slices_of(
    plant: Plant, traces: Sequence[Trace], taken: np.ndarray, warmup_requests: int
) -> Mapping[str, tuple[SliceResult, ...]]:
    """Every slice on every trace.

    Args:
        plant: the network.
        traces: that were replayed, nodes counted as in the plant.
        taken: (num_traces, num_requests) the path of each request; negative: blocked.
        warmup_requests: at the start of each trace, not counted.
    """
    group_of, num_requests = pair_groups(plant), taken.shape[1]
    counted, blocked = slice(warmup_requests, num_requests), taken[:, warmup_requests:] < 0
    groups = [group_of[trace.source[counted], trace.destination[counted]] for trace in traces]
    found = _by_part(PAIR_GROUPS, groups, blocked)
    if follows_the_day(traces, num_requests):
        found |= _by_part(PARTS_OF_DAY, [part_of_day(trace.arrival_s[counted]) for trace in traces], blocked)
    return found


def _by_part(
    names: Sequence[str], parts: Sequence[np.ndarray], blocked: np.ndarray
) -> dict[str, tuple[SliceResult, ...]]:
    rows = []
    for part, lost in zip(parts, blocked, strict=True):
        offered = np.bincount(part, minlength=len(names))
        gone = np.bincount(part, weights=lost, minlength=len(names))
        shares = np.divide(gone, offered, out=np.full(len(names), np.nan), where=offered > 0)
        rows.append([SliceResult(int(n), float(share)) for n, share in zip(offered, shares, strict=True)])
    return {name: tuple(row[index] for row in rows) for index, name in enumerate(names)}
