"""The network with its most used fibres or nodes down, one at a time, and the traffic that is left then.

Not here: who is measured on it (``evaluate.py``), failures during operation (``envs.failures``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from envs.forecast import DemandForecast
from envs.plant import Plant, build_plant
from envs.trace import COLUMN_TYPES, Trace
from topologies.model import Topology


@dataclass(frozen=True)
class TestedFailures:
    """What an evaluation tries: the time it takes grows with the product.

    Attributes:
        fibres: so many of the most used ones, each cut once.
        nodes: so many of the most used ones, each down once.
        traces: so many of the held-out traces.
    """

    fibres: int
    nodes: int
    traces: int


NO_FAILURES = TestedFailures(0, 0, 0)


def failed_plants(plant: Plant, num_fibres: int, num_nodes: int) -> Iterator[Plant]:
    """The plant after each failure, with paths found anew; the fibre that most best paths cross first.

    A fibre or node whose loss cuts the network in two is left out: whoever decides loses the same then.
    """
    topology = plant.topology
    on_fibre, on_node = _use(plant)
    names = topology.node_names
    cuts = [(item.node_a, item.node_b) for item in topology.fibres]
    by_use = sorted(range(len(cuts)), key=lambda fibre: -on_fibre[fibre])
    yield from _first(plant, num_fibres, [(f"{cuts[f][0]}-{cuts[f][1]}", (), cuts[f]) for f in by_use])
    order = sorted(range(len(names)), key=lambda node: -on_node[node])
    yield from _first(plant, num_nodes, [(names[n], (names[n],), ("", "")) for n in order])


def traffic_left(trace: Trace, topology: Topology) -> Trace:
    """The requests of a trace whose ends are in the topology, in the same order.

    Raises:
        TraceError: none is left.
    """
    there = np.isin(np.array(trace.node_names), np.array(topology.node_names))
    kept = there[trace.source] & there[trace.destination]
    columns = {name: getattr(trace, name)[kept] for name in COLUMN_TYPES}
    return replace(trace, **columns).for_topology(topology)


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


def _first(
    plant: Plant, count: int, failures: list[tuple[str, tuple[str, ...], tuple[str, str]]]
) -> Iterator[Plant]:
    topology, found = plant.topology, 0
    for name, nodes, cut in failures:
        if found == count:
            return
        left = tuple(item for item in topology.nodes if item.name not in nodes)
        fibres = tuple(
            item
            for item in topology.fibres
            if (item.node_a, item.node_b) != cut and item.node_a not in nodes and item.node_b not in nodes
        )
        graph = nx.Graph([(item.node_a, item.node_b) for item in fibres])
        if len(left) < 2 or len(graph) < len(left) or not nx.is_connected(graph):
            continue
        after = Topology(f"{topology.name} without {name}", topology.source, left, fibres)
        found += 1
        yield build_plant(after, plant.spec, plant.latency_model)


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
