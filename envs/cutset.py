"""The cut-set bound: no policy can push more through a cut of the network than the cut has slots.

For a set of sites S, every request from S to the rest takes at least its fewest slots on at least one link
that leaves S. Take away all else (continuity, contiguity, the rest of the network) and what remains is one
multi-rate loss system: the slots of the cut, and requests of several sizes. Its blocking has a closed form
[1, 2], insensitive to the law of the holding times. The blocking of the whole is at least that of the worst
cut times the share of requests that cross it - for policies that never refuse what fits. Where quality of
transmission decides, the fewest slots are those of the most efficient format that works on an empty network.

[1] Kaufman, "Blocking in a shared resource environment", IEEE Trans. Commun. 29(10), 1981.
[2] Roberts, "A service system with heterogeneous user requirements", 1981.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from envs.gsnr.listing import width_of
from envs.offered import offered_by
from envs.plant import Plant
from envs.traffic import PoissonTraffic

ENUMERATE_UP_TO_NODES = 16  # 2^15 cuts; beyond that, small sets of neighbours


@dataclass(frozen=True)
class CutSetBound:
    """A lower bound on request blocking and the cut that gives it."""

    request_blocking: float
    sites: tuple[str, ...]  # one side of the cut
    crossing_share: float  # share of requests that cross it, in the direction that counts
    capacity_slots: int


def kaufman_roberts(capacity_slots: int, sizes_slots: np.ndarray, loads_erlang: np.ndarray) -> np.ndarray:
    """(classes,) blocking of each class in a multi-rate loss system, by the recursion of [1, 2].

    Args:
        capacity_slots: of the shared resource.
        sizes_slots: (classes,) int, slots of each class.
        loads_erlang: (classes,) offered load of each class.

    >>> round(float(kaufman_roberts(10, np.array([1]), np.array([10.0]))[0]), 6)  # Erlang B
    0.214582
    """
    weight = np.zeros(capacity_slots + 1)
    weight[0] = 1.0
    for taken in range(1, capacity_slots + 1):
        fits = sizes_slots <= taken
        weight[taken] = (
            loads_erlang[fits] * sizes_slots[fits] * weight[taken - sizes_slots[fits]]
        ).sum() / taken
        if weight[taken] > 1e200:  # only ratios count
            weight[: taken + 1] /= weight[taken]
    weight /= weight.sum()
    return np.array([weight[max(capacity_slots - size + 1, 0) :].sum() for size in sizes_slots])


def cut_set_bound(plant: Plant, traffic: PoissonTraffic) -> CutSetBound:
    """The tightest cut-set bound found.

    All cuts are tried up to 16 sites; in larger networks, all connected sets of up to four sites.
    """
    offered, count = offered_by(traffic, plant), plant.num_nodes
    share, load_erlang, rate_share = offered.pair_share, offered.load_erlang, offered.rate_share
    least_slots = _least_slots(plant, offered.rates_gbps)
    sources, destinations = plant.topology.link_source, plant.topology.link_destination
    best = CutSetBound(0.0, (), 0.0, 0)
    for sites in _cuts(plant):
        inside = np.zeros(count, np.bool_)
        inside[list(sites)] = True
        if plant.spec.shared_spectrum:
            crossing = inside[:, None] != inside[None, :]
            units = {
                int(plant.unit_of_link[link])
                for link in np.flatnonzero(inside[sources] != inside[destinations])
            }
        else:
            crossing = inside[:, None] & ~inside[None, :]
            units = set(np.flatnonzero(inside[sources] & ~inside[destinations]).tolist())
        capacity_slots = len(units) * plant.spec.num_slots
        sizes, loads = _classes(least_slots[crossing], share[crossing] * load_erlang, rate_share)
        if (sizes * loads).sum() < 0.5 * capacity_slots:
            continue  # far from full: its blocking cannot be the worst
        blocking = kaufman_roberts(capacity_slots, sizes, loads)
        total = float((blocking * loads).sum() / load_erlang)
        if total > best.request_blocking:
            names = tuple(plant.topology.node_names[site] for site in sites)
            best = CutSetBound(total, names, float(share[crossing].sum()), capacity_slots)
    return best


def _least_slots(plant: Plant, rates_gbps: np.ndarray) -> np.ndarray:
    """(num_nodes, num_nodes, rates) fewest slots of a request on any path of the table; 0 where none is."""
    count = plant.num_nodes
    slots_for = _slots_alone if plant.thresholds_db else Plant.num_slots_for
    least = np.zeros((count, count, len(rates_gbps)), np.int64)
    for source in range(count):
        for destination in range(count):
            paths = plant.path_table.paths_of(source, destination)
            for index, rate in enumerate(rates_gbps):
                found = [slots_for(plant, float(rate), path) for path in paths]
                least[source, destination, index] = min(filter(None, found), default=0)
    return least


def _slots_alone(plant: Plant, bit_rate_gbps: float, path: int) -> int:
    """Fewest slots of a bit rate on a path where nothing else is lit, on its quietest channel; 0: too far."""
    lit = plant.arrays.parts.qot
    units = plant.arrays.path_units[path, : plant.arrays.path_hops[path]]
    quietest = lit.own[:, units].sum(axis=1).min(axis=1)  # (num_rates,)
    widths = [
        int(width_of(lit.carrier_gbps[f], lit.carrier_channels[f], bit_rate_gbps))
        for f in np.flatnonzero(quietest[lit.rate] <= lit.most_noise)
    ]
    return min(widths, default=0) * lit.slots_per_channel


def _classes(
    slots: np.ndarray, pair_erlang: np.ndarray, rate_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and loads of the requests that cross: pairs x rates, merged by size."""
    loads = np.zeros(int(slots.max()) + 1 if slots.size else 1)
    np.add.at(loads, slots, pair_erlang[:, None] * rate_share[None, :])
    sizes = np.flatnonzero(loads)
    return sizes, loads[sizes]


def _cuts(plant: Plant) -> Iterable[tuple[int, ...]]:
    """Sets of sites to try; with directed spectrum each side counts, as traffic need not be symmetric."""
    count = plant.num_nodes
    if count <= ENUMERATE_UP_TO_NODES:
        sizes = range(1, count // 2 + 1) if plant.spec.shared_spectrum else range(1, count)
        for size in sizes:
            yield from combinations(range(count), size)
        return
    neighbours: dict[int, set[int]] = {site: set() for site in range(count)}
    for a, b in zip(plant.topology.link_source, plant.topology.link_destination, strict=True):
        neighbours[int(a)].add(int(b))
    found: set[tuple[int, ...]] = {(site,) for site in range(count)}
    frontier = set(found)
    for _ in range(3):
        frontier = {
            tuple(sorted((*sites, other)))
            for sites in frontier
            for other in set().union(*(neighbours[site] for site in sites)) - set(sites)
        }
        found |= frontier
    yield from sorted(found)
