"""The network with its most used fibres, nodes or risk groups down, one at a time, and the traffic left then.

Not here: who is measured on it (``evaluate.py``), failures during operation (``envs.failures``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

import networkx as nx
import numpy as np

from envs.forecast import DemandForecast
from envs.plant import Plant, build_plant
from envs.trace import COLUMN_TYPES, Trace
from topologies.model import RiskGroup, Topology


@dataclass(frozen=True)
class FailureSampling:
    """What an evaluation tries: the time it takes grows with the product.

    Attributes:
        fibres: so many of the most used ones, each cut once.
        nodes: so many of the most used ones, each down once.
        traces: so many of the held-out traces.
        groups: so many of the most used risk groups, the fibres of each cut at once.
    """

    fibres: int
    nodes: int
    traces: int
    groups: int = 0


NO_FAILURES = FailureSampling(0, 0, 0)


@dataclass(frozen=True)
class _Loss:
    """What a failure takes away."""

    name: str
    node: str = ""  # empty: none
    fibres: tuple[tuple[str, str], ...] = ()


def failed_plants(plant: Plant, num_fibres: int, num_nodes: int, num_groups: int = 0) -> Iterator[Plant]:
    """The plant after each failure, with paths found anew; the fibre that most best paths cross first.

    What cuts the network in two is left out: whoever decides loses the same then. Risk groups are those of
    the topology; where it names none, one is derived (``derived_groups``).
    """
    topology = plant.topology
    on_fibre, on_node = _use(plant)
    names, use = topology.node_names, dict(zip(_ends(topology), on_fibre, strict=True))
    cuts = sorted(use, key=lambda ends: -use[ends])
    yield from _first(plant, num_fibres, [_Loss("-".join(ends), fibres=(ends,)) for ends in cuts])
    order = sorted(range(len(names)), key=lambda node: -on_node[node])
    yield from _first(plant, num_nodes, [_Loss(names[n], node=names[n]) for n in order])
    if num_groups:
        groups = topology.risk_groups or derived_groups(plant)
        known = {frozenset(ends): count for ends, count in use.items()}
        ranked = sorted(groups, key=lambda group: -sum(known[frozenset(ends)] for ends in group.fibres))
        yield from _first(plant, num_groups, [_Loss(group.name, fibres=group.fibres) for group in ranked])


def derived_groups(plant: Plant) -> tuple[RiskGroup, ...]:
    """Risk groups for a topology that names none: two most used fibres that meet in a most used node.

    Which fibres share a duct is not known then. Those that leave one building often do, and two of them are
    the smallest group; the busiest two in the busiest node hurt most. Empty where any two cut the network.
    """
    topology = plant.topology
    on_fibre, on_node = _use(plant)
    ends = _ends(topology)
    for node in sorted(range(len(topology.nodes)), key=lambda node: -on_node[node]):
        name = topology.node_names[node]
        met = sorted(
            (f for f, pair in enumerate(ends) if name in pair), key=lambda fibre: (-on_fibre[fibre], fibre)
        )
        for pair in sorted(combinations(range(len(met)), 2), key=lambda pair: (sum(pair), pair)):
            fibres = tuple(ends[met[rank]] for rank in pair)
            label = " and ".join("-".join(item) for item in fibres)
            if _left(topology, _Loss("", fibres=fibres)) is not None:
                return (RiskGroup(f"{label} (derived risk group)", fibres),)
    return ()


def traffic_left(trace: Trace, topology: Topology) -> Trace:
    """The requests of a trace whose ends are in the topology, in the same order.

    Raises:
        TraceError: none is left.
    """
    there = np.isin(np.array(trace.node_names), np.array(topology.node_names))
    kept = there[trace.source] & there[trace.destination]
    columns = {name: getattr(trace, name)[kept] for name in COLUMN_TYPES}
    told_s = None if trace.told_s is None else trace.told_s[kept]
    return replace(trace, **columns, told_s=told_s).for_topology(topology)


def forecast_left(forecast: DemandForecast, topology: Topology) -> DemandForecast:
    """The demand between the nodes that a topology still has; weights have mean 1 again."""
    there = set(topology.node_names)
    kept = [d for d, pair in enumerate(forecast.pairs) if there.issuperset(pair)]
    weights = np.array(forecast.weights)[kept]
    left = replace(
        forecast,
        pairs=tuple(forecast.pairs[d] for d in kept),
        weights=tuple(float(weight) for weight in weights / weights.mean()),
    )
    return left.on(topology)


def _first(plant: Plant, count: int, losses: Sequence[_Loss]) -> Iterator[Plant]:
    """The plant after the first so many losses that leave it whole."""
    left = (after for loss in losses if (after := _left(plant.topology, loss)) is not None)
    for after in islice(left, count):
        yield build_plant(after, plant.spec, plant.latency_model)


def _left(topology: Topology, loss: _Loss) -> Topology | None:
    """What is left of a network; None where it falls apart."""
    nodes = tuple(item for item in topology.nodes if item.name != loss.node)
    cut = {frozenset(ends) for ends in loss.fibres}
    fibres = tuple(
        item
        for item in topology.fibres
        if frozenset((item.node_a, item.node_b)) not in cut and loss.node not in (item.node_a, item.node_b)
    )
    graph = nx.Graph([(item.node_a, item.node_b) for item in fibres])
    if len(nodes) < 2 or len(graph) < len(nodes) or not nx.is_connected(graph):
        return None
    return Topology(f"{topology.name} without {loss.name}", topology.source, nodes, fibres)


def _ends(topology: Topology) -> list[tuple[str, str]]:
    return [(item.node_a, item.node_b) for item in topology.fibres]


def _use(plant: Plant) -> tuple[np.ndarray, np.ndarray]:
    """Best paths that cross each fibre, and that pass through each node."""
    topology, table = plant.topology, plant.path_table
    on_fibre, on_node = np.zeros(len(topology.fibres), int), np.zeros(len(topology.nodes), int)
    index = {name: number for number, name in enumerate(topology.node_names)}
    for pair in range(table.num_nodes**2):
        if table.first_path[pair + 1] <= table.first_path[pair]:
            continue
        ends = set(divmod(pair, table.num_nodes))
        for link in table.links(int(table.first_path[pair])):
            fibre = topology.fibres[link // 2]
            on_fibre[link // 2] += 1
            for node in {index[fibre.node_a], index[fibre.node_b]} - ends:
                on_node[node] += 1
    return on_fibre, on_node
