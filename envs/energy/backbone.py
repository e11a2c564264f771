"""The backbone: the fibre pairs that traffic had best keep to, few while there is little of it. Not compiled.

Amplifiers sleep where nothing is lit, so what is best in the long run is that traffic shares few fibre pairs:
a tree that joins all nodes while there is little of it, and more pairs as that fills. Choosing where to add
capacity by what it costs is old [1]; here the cost is watts. The backbone grows in one order:

1. the spanning tree of the fewest watts is always in it, of trees alike the one of shorter fibres;
2. then, one by one, the pair that relieves the fullest direction of the backbone most for its watts,
   ``log(fullest before / fullest after) / watts``. A pair joins once so many slots are taken in the network
   that the fullest direction of the smaller backbone would be ``FULLEST`` full.

How full a direction becomes is worked out with every node pair alike and the bit rates that the plant
expects: each pair takes the path of the table with the fewest watts outside the backbone, then the fewest
slots x hops.

[1] Minoux 1989, "Network synthesis and optimum network design problems: models, solution methods and
    applications", Networks 19(3): greedy choice of links with a fixed cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.slots import slots_needed_by

if TYPE_CHECKING:
    from envs.blueprint import Blueprint

FULLEST = 0.6  # of the slots of a direction: above it, what is asked for often does not fit any more
SAME = 9  # decimals: gains that differ by less are the same, whatever machine adds them up
SPEND_BITS = 24  # cost of a path: whole watts outside the backbone above that many bits of slots x hops


class _Ways(NamedTuple):
    """The paths that the backbone is worked out with."""

    crossed: np.ndarray  # (num_paths, num_fibres) bool
    on_unit: np.ndarray  # (num_paths, num_units) float64, 1 where it crosses the unit
    slots: np.ndarray  # (num_paths,) float64, expected of a lightpath
    spend: np.ndarray  # (num_paths,) int64, slots x hops in thousandths
    first: np.ndarray  # (D,) first path of each node pair that has any
    pairs_paths: np.ndarray  # (D,) how many each has


def joins_from_slots(blueprint: Blueprint, watts: np.ndarray) -> np.ndarray:
    """Slots taken in the whole network from which on each fibre pair belongs to the backbone.

    Args:
        blueprint: the network with its paths.
        watts: (num_fibres,) that the amplifiers of each pair draw on above asleep.

    Returns:
        (num_fibres,) float64; 0: always.
    """
    joins = np.zeros(len(watts))
    if not watts.max() > 0:
        return joins  # nothing is saved by sleeping
    ways, num_slots = _ways_of(blueprint), blueprint.grid.num_slots
    inside = _tree(blueprint, watts)
    use, taken = _use(ways, inside, watts), 0.0
    while not inside.all():
        taken = max(taken, FULLEST * num_slots * float(use.sum() / use.max()))
        best, best_gain, best_use = -1, -np.inf, use
        for fibre in np.flatnonzero(~inside):
            wider = inside.copy()
            wider[fibre] = True
            its = _use(ways, wider, watts)
            gain = round(float(np.log(use.max() / its.max()) / max(watts[fibre], 1.0)), SAME)
            if gain > best_gain:
                best, best_gain, best_use = int(fibre), gain, its
        inside[best], use = True, best_use
        joins[best] = taken
    return joins


def _tree(blueprint: Blueprint, watts: np.ndarray) -> np.ndarray:
    """(num_fibres,) bool: the spanning tree of the fewest watts; of those alike, the shorter fibres."""
    import networkx as nx  # here: it loads for long

    topology = blueprint.topology
    graph = nx.Graph()
    for rank, fibre in enumerate(np.lexsort((topology.link_length_km[::2], watts)).tolist()):
        ends = topology.link_source[2 * fibre], topology.link_destination[2 * fibre]
        graph.add_edge(*ends, rank=rank, fibre=fibre)
    inside = np.zeros(len(watts), np.bool_)
    inside[[data["fibre"] for *_, data in nx.minimum_spanning_edges(graph, weight="rank")]] = True
    return inside


def _ways_of(blueprint: Blueprint) -> _Ways:
    spec, table, path_units = blueprint.spec, blueprint.table, blueprint.path_units
    num_paths, num_fibres = table.num_paths, len(blueprint.topology.fibres)
    crossed = np.zeros((num_paths, num_fibres), np.bool_)
    on_unit = np.zeros((num_paths, blueprint.num_units))
    for links, units in zip(table.path_links.T, path_units.T, strict=True):
        some = np.flatnonzero(links >= 0)
        crossed[some, links[some] // 2] = True
        on_unit[some, units[some]] = 1.0
    per_gbps = blueprint.slots_per_gbps[blueprint.path_format]
    needed = slots_needed_by(per_gbps[:, None], spec.guard_slots, np.array(spec.future_rates_gbps))
    step = blueprint.grid.slots_per_channel
    slots = (-(-needed // step) * step) @ (np.array(spec.future_shares) / np.sum(spec.future_shares))
    count = np.diff(table.first_path)
    return _Ways(
        crossed=crossed,
        on_unit=on_unit,
        slots=slots,
        spend=np.rint(1000 * slots * table.path_hops).astype(np.int64),
        first=table.first_path[:-1][count > 0],
        pairs_paths=count[count > 0],
    )


def _use(ways: _Ways, inside: np.ndarray, watts: np.ndarray) -> np.ndarray:
    """(num_units,) slots that one lightpath takes of each unit, over node pairs, where all keep inside."""
    outside_w = ways.crossed @ np.where(inside, 0, np.rint(watts)).astype(np.int64)
    cost = (outside_w << SPEND_BITS) + ways.spend
    least = np.minimum.reduceat(cost, ways.first)
    ties = np.flatnonzero(cost == np.repeat(least, ways.pairs_paths))
    chosen = ties[np.searchsorted(ties, ways.first)]  # the first of the cheapest
    return (ways.slots[chosen, None] * ways.on_unit[chosen]).mean(axis=0)
