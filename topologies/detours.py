"""The K paths of a node pair on what is left of a network without failed links, or those a client excludes.

A pair none of whose stored paths is concerned keeps them: under a tie rule that decides on its own they are
the K best of what is left too. For any other pair the same rule is applied to the graph that is left, when
the pair is first asked for. Not here: which links have failed (``envs.network``), spectrum.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

import networkx as nx
import numpy as np

from topologies.model import Topology
from topologies.paths import PathTable, paths_of_pair

Route = tuple[int, ...]
K = TypeVar("K")
V = TypeVar("V")
KEPT_PAIRS = 100_000  # some 20 MB
KEPT_GRAPHS = 64


@dataclass(frozen=True)
class Avoided:
    """What no path may cross.

    Attributes:
        fibres: indices of fibre pairs, both directions.
        nodes: node indices.
    """

    fibres: frozenset[int] = frozenset()
    nodes: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.fibres or self.nodes)

    def __or__(self, other: Avoided) -> Avoided:
        return Avoided(self.fibres | other.fibres, self.nodes | other.nodes)


NOTHING = Avoided()


class Detours:
    """Paths around what is avoided; each is looked for once and kept by what is avoided and node pair.

    Args:
        topology: the intact network.
        table: its paths; the rule of the detours is the table's.
    """

    def __init__(self, topology: Topology, table: PathTable) -> None:
        self._topology = topology
        self._table = table
        self._routes: OrderedDict[tuple[Avoided, int], tuple[Route, ...]] = OrderedDict()
        self._graphs: OrderedDict[Avoided, nx.Graph] = OrderedDict()
        self._affected: OrderedDict[tuple[Avoided, int], bool] = OrderedDict()

    def is_affected(self, source: int, destination: int, avoided: Avoided) -> bool:
        """Whether one or more of the stored paths of a pair crosses what is avoided."""
        if not avoided:
            return False
        key = (avoided, source * self._table.num_nodes + destination)
        found = self._affected.get(key)
        if found is None:  # while something is down every request asks, some three times
            paths = self._table.paths_of(source, destination)
            found = bool(self._cross(slice(paths.start, paths.stop), avoided).any())
            _keep(self._affected, key, found, KEPT_PAIRS)
        return found

    def affected_pairs(self, avoided: Avoided) -> tuple[int, ...]:
        """Rows of the pairs of which one or more stored paths cross what is avoided."""
        stored, first_path = self._table.num_stored, self._table.first_path[: self._table.num_nodes**2 + 1]
        crosses = self._cross(slice(0, stored), avoided)
        pair_of_path = np.repeat(np.arange(len(first_path) - 1), np.diff(first_path))
        return tuple(np.unique(pair_of_path[crosses]).tolist())

    def _cross(self, paths: slice, avoided: Avoided) -> np.ndarray:
        links, nodes = self._table.path_links[paths], self._table.path_nodes[paths]
        fibres = np.where(links >= 0, links // 2, -1)
        crosses = np.isin(fibres, list(avoided.fibres)).any(axis=1)
        passes = np.isin(nodes, list(avoided.nodes)).any(axis=1)
        return np.logical_or(crosses, passes)

    def routes(self, source: int, destination: int, avoided: Avoided) -> tuple[Route, ...]:
        """The K paths of a pair on what is left, best first; none where nothing connects it."""
        if not self.is_affected(source, destination, avoided):
            return tuple(map(self._table.nodes, self._table.paths_of(source, destination)))
        key = (avoided, source * self._table.num_nodes + destination)
        found = self._routes.get(key)
        if found is None:
            try:
                found = tuple(
                    paths_of_pair(self._topology, self._left(avoided), self._table.rule, source, destination)
                )
            except (nx.NetworkXNoPath, nx.NodeNotFound):
                found = ()
            _keep(self._routes, key, found, KEPT_PAIRS)
        return found

    def _left(self, avoided: Avoided) -> nx.Graph:
        graph = self._graphs.get(avoided)
        if graph is None:
            graph = self._topology.graph()
            fibres = (self._topology.fibres[fibre] for fibre in avoided.fibres)
            graph.remove_edges_from([(fibre.node_a, fibre.node_b) for fibre in fibres])
            graph.remove_nodes_from([self._topology.node_names[node] for node in avoided.nodes])
            _keep(self._graphs, avoided, graph, KEPT_GRAPHS)
        return graph


def _keep(store: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    store[key] = value
    while len(store) > most:
        store.popitem(last=False)
