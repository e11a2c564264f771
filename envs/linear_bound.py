"""The linear bound: no policy carries what does not fit even where lightpaths may be moved and split at will.

Let X be all requests that would be up at a moment if none were ever blocked: Poisson, whatever the law of the
holding times. Those that are up in truth are a part of X that fits; those of X that are missing were blocked.
So at least R(X) of them were, the fewest to take away so that on every link the slots of the rest fit:

    blocking >= E[R(X)] / load                                                             (1)

for every policy that does not know how long a request stays; for one that is told, (1) bounds blocking
weighed by holding time. R is bounded from below by a linear program: requests may be split over the K paths,
and slots need neither continuity nor contiguity. What the solver answers is not trusted: its link prices W
>= 0 prove, by weak duality, for x_c requests that take s_cp slots on path p of links with S slots each,

    R >= sum over c of x_c min(1, min over p of s_cp sum over links of p of W)  -  S sum over links of W   (2)

and R is whole, so the right side is rounded up. ``optimistic`` is a reference, not a bound: the blocking of
who accepts whatever keeps (2) at nothing. Its states are the same Poisson X, cut off where they do not fit,
so with N requests in X and load a, its blocking is E[(N - a) [X does not fit]] / (a P[X fits])  [1].

Not here: formats that depend on what else is lit.

[1] Kelly, "Loss networks", Annals of Applied Probability 1(3), 1991: product form of truncated states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from envs.compiled import inlined, kernel
from envs.errors import PlantError, TrafficError
from envs.evaluation import Interval, interval
from envs.offered import offered_by
from envs.plant import Plant
from envs.slots import slots_needed_by
from envs.traffic import PoissonTraffic, traffic_arrays

BATCHES = 10  # of snapshots; intervals are over them
SWEEPS = 60  # of ``fits``; most snapshots fit after one or two
FIRST_PATHS = 3  # of each demand in the first program; priced, the others come in where they help
TOLERANCE = 1e-6  # requests


class OfferedSnapshot(NamedTuple):
    """What is up at a moment, alike requests together."""

    number: np.ndarray  # (n,) int64 requests
    path: np.ndarray  # (n, K) int64 rows of the path table, -1 behind the last
    slots: np.ndarray  # (n, K) int64 that a request takes on each


@dataclass(frozen=True)
class LinearBound:
    """Request blocking, with intervals over batches of snapshots."""

    proven: Interval
    optimistic: Interval  # not a number where a batch has no snapshot that fits: far too much is offered
    num_snapshots: int


@inlined
def shift(load, demand_slots, units, hops, requests):
    """Add requests to the links of a path, or take them away."""
    for h in range(hops):
        load[units[h]] += requests * demand_slots


@inlined
def reprice(price, load, units, hops, steepness):
    """Prices of the links of a path: steep in how full they are, full being 1."""
    for h in range(hops):
        price[units[h]] = np.exp(steepness * (load[units[h]] - 1.0))


@kernel
def fits(demands, path_units, path_hops, capacity_slots, num_units):
    """True where a split of the demands over their paths was found that overfills no link.

    Each sweep moves a share of every demand to its cheapest path by prices that rise with the fill
    (Frank-Wolfe, one demand at a time). False says nothing.
    """
    count, paths = demands.number, demands.path
    flow = np.zeros(paths.shape)
    load, price = np.zeros(num_units), np.zeros(num_units)  # load: 1 is full
    for sweep in range(SWEEPS):
        steepness = min(10.0 + 2.0 * sweep, 60.0)
        share = 1.0 if sweep == 0 else 2.0 / (sweep + 2.0)
        price[:] = np.exp(steepness * (load - 1.0))
        for c in range(len(count)):
            best, least = -1, np.inf
            for k in range(paths.shape[1]):
                path = paths[c, k]
                if path < 0:
                    break
                units, hops, slots = path_units[path], path_hops[path], demands.slots[c, k] / capacity_slots
                if flow[c, k] > 0.0:
                    shift(load, slots, units, hops, -share * flow[c, k])
                    reprice(price, load, units, hops, steepness)
                    flow[c, k] *= 1.0 - share
            for k in range(paths.shape[1]):
                path = paths[c, k]
                if path < 0:
                    break
                cost = 0.0
                for h in range(path_hops[path]):
                    cost += price[path_units[path, h]]
                if cost * demands.slots[c, k] < least:
                    best, least = k, cost * demands.slots[c, k]
            if best < 0:
                return False
            path, slots = paths[c, best], demands.slots[c, best] / capacity_slots
            flow[c, best] += share * count[c]
            shift(load, slots, path_units[path], path_hops[path], share * count[c])
            reprice(price, load, path_units[path], path_hops[path], steepness)
        if load.max() <= 1.0:
            return True
    return False


def fewest_removed(plant: Plant, demands: OfferedSnapshot) -> int:
    """At least so many of the requests must go for the rest to fit: equation (2), rounded up."""
    arrays = plant.arrays
    if fits(demands, arrays.path_units, arrays.path_hops, plant.spec.num_slots, plant.num_units):
        return 0
    offered, exists = int(demands.number.sum()), demands.path >= 0
    listed = exists & (np.arange(demands.path.shape[1]) < FIRST_PATHS)
    while True:
        carried, unit_price, demand_price = _program(plant, demands, listed)
        priced = np.append(unit_price, 0.0)[arrays.path_units[demands.path]].sum(axis=-1) * demands.slots
        priced[~exists] = np.inf
        least = np.minimum(1.0, priced.min(axis=1))
        proven = float(demands.number @ least - plant.spec.num_slots * unit_price.sum())
        removed = max(int(np.ceil(proven - TOLERANCE)), 0)
        helps = exists & ~listed & (priced < 1.0 - demand_price[:, None] - TOLERANCE)
        if removed >= np.ceil(offered - carried - TOLERANCE) or not helps.any():
            return removed
        listed |= helps


def _program(
    plant: Plant, demands: OfferedSnapshot, listed: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Requests carried at most over the ``listed`` paths; prices of links and of demands, none negative."""
    who, column = np.nonzero(listed)
    units = plant.arrays.path_units[demands.path[who, column]]
    variable, hop = np.nonzero(units >= 0)
    slots = demands.slots[who, column]
    rows = np.concatenate([units[variable, hop], plant.num_units + who])
    columns = np.concatenate([variable, np.arange(len(who))])
    values = np.concatenate([slots[variable], np.ones(len(who))])
    limits = np.concatenate([np.full(plant.num_units, float(plant.spec.num_slots)), demands.number])
    matrix = coo_matrix((values, (rows, columns)), shape=(len(limits), len(who))).tocsr()
    found = linprog(-np.ones(len(who)), A_ub=matrix, b_ub=limits, method="highs-ipm")
    prices = np.maximum(-found.ineqlin.marginals, 0.0)
    return -float(found.fun), prices[: plant.num_units], prices[plant.num_units :]


class SnapshotDraws:
    """Draws what would be up at a moment if nothing were ever blocked.

    Raises:
        TrafficError: a rate that varies over the day, or a class with a holding time of its own.
        PlantError: quality of transmission decides, and so no number of slots is known beforehand.
    """

    def __init__(self, plant: Plant, traffic: PoissonTraffic) -> None:
        if plant.thresholds_db:
            raise PlantError("the linear bound needs formats that reach decides; leave out plant.bands")
        if traffic.daily_swing:
            raise TrafficError("the linear bound knows one load; set traffic.generator=poisson")
        if any(item.mean_holding_s not in (None, traffic.mean_holding_s) for item in traffic.classes):
            raise TrafficError("the linear bound knows one mean holding time; take it from the classes")
        self.offered, self._arrays = offered_by(traffic, plant), plant.arrays
        per_rate = slots_needed_by(
            plant.arrays.slots_per_gbps[None, :], plant.spec.guard_slots, self.offered.rates_gbps[:, None]
        )
        self._sizes, kind = np.unique(per_rate, axis=0, return_inverse=True)  # (sizes, formats) slots
        self._size_share = np.bincount(kind.ravel(), self.offered.rate_share)
        share = np.array([item.share for item in traffic.classes])
        self._class_share = share / share.sum()
        self._bounds_ms = traffic_arrays(traffic, plant).max_latency_ms

    def draw(self, random: np.random.Generator) -> OfferedSnapshot:
        """One snapshot."""
        number = random.poisson(self.offered.load_erlang)
        pair_share = self.offered.pair_share.ravel()
        drawn = [
            random.choice(len(share), number, p=share)
            for share in (pair_share, self._size_share, self._class_share)
        ]
        alike, count = np.unique(np.stack(drawn, axis=1), axis=0, return_counts=True)
        pair, size, of_class = alike.T
        first, last = self._arrays.first_path[pair], self._arrays.first_path[pair + 1]
        most = max(int((last - first).max(initial=0)), 1)
        path = first[:, None].astype(np.int64) + np.arange(most)
        path[path >= last[:, None]] = -1
        path[self._arrays.path_latency_ms[path] > self._bounds_ms[of_class, pair][:, None]] = -1
        path = np.take_along_axis(path, np.argsort(path < 0, axis=1, kind="stable"), axis=1)
        return OfferedSnapshot(count, path, self._sizes[size[:, None], self._arrays.path_format[path]])


def linear_bound(
    plant: Plant, traffic: PoissonTraffic, num_snapshots: int = 4000, seed: int = 1
) -> LinearBound:
    """The proven bound (1) and the optimistic reference, from snapshots.

    Args:
        plant: the network.
        traffic: what arrives.
        num_snapshots: that are drawn; the interval is over ten batches of them.
        seed: of the snapshots.

    Raises:
        TrafficError, PlantError: see ``SnapshotDraws``.
        ValueError: fewer snapshots than batches.
    """
    if num_snapshots < BATCHES:
        raise ValueError(f"num_snapshots is {num_snapshots}; at least {BATCHES} are needed")
    snapshots, random = SnapshotDraws(plant, traffic), np.random.default_rng(seed)
    load, each = snapshots.offered.load_erlang, num_snapshots // BATCHES
    proven, optimistic = [], []
    for _ in range(BATCHES):
        drawn = [snapshots.draw(random) for _ in range(each)]
        removed = np.array([fewest_removed(plant, demands) for demands in drawn])
        number = np.array([demands.number.sum() for demands in drawn])
        too_many = removed > 0
        proven.append(removed.mean() / load)
        fit = 1.0 - too_many.mean()
        optimistic.append(((number - load) * too_many).mean() / (load * fit) if fit else np.nan)
    return LinearBound(interval(proven), interval(optimistic), BATCHES * each)
