"""The path table: K candidate paths for every ordered node pair, by a stated rule, with a hash.

Which equal-cost paths enter the K and in which order moves blocking by 10 to 60 %, so the rule and the
hash are named in every result and every model. Not here: spectrum, modulation (a rule that orders by
spectral efficiency is handed the reach table as plain numbers).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING, Literal

import numpy as np

from topologies.errors import TopologyError
from topologies.fewest_hops import paths_of_fewest_hops
from topologies.model import Topology

if TYPE_CHECKING:
    import networkx as nx

PathOrder = Literal["km", "hops", "hops_over_se", "hops_se_all"]
PathTies = Literal["km", "lexicographic", "reverse", "hash", "library"]
PATH_TABLE_VERSION = 1
MOST_TIED = 1000  # paths as long as the K-th: in a regular grid there are more than anybody can wait for
ENTRY_BY_LIBRARY = ("library", "hash")  # tie rules that leave entry into the K to the enumeration


@dataclass(frozen=True)
class PathRule:
    """How the K paths of a pair are chosen and ordered.

    Attributes:
        k: paths per ordered pair (fewer where the graph has fewer).
        order: ``km`` shortest by length; ``hops`` fewest links; ``hops_over_se`` the K fewest-hop paths,
            then sorted by hops / bits per symbol; ``hops_se_all`` the K best by hops / bits per
            symbol among the 41 K paths of fewest hops.
        ties: what decides among paths of equal cost, when entering the K and in their order: ``km`` the
            shorter, then the lower node indices; ``lexicographic`` and ``reverse`` the lower and the higher
            node indices. Two rules let networkx's order of enumeration decide who enters, as most published
            tables do: ``library`` keeps that order, ``hash`` orders equals by SHA-256 of their node list.
        reach: (reach_km, bits_per_symbol) from the most to the least efficient format; the last reach is
            infinite. Only the two orders that use spectral efficiency read it.
    """

    k: int = 5
    order: PathOrder = "hops_over_se"
    ties: PathTies = "km"
    reach: tuple[tuple[float, int], ...] = ((625.0, 4), (1250.0, 3), (2500.0, 2), (math.inf, 1))

    def bits_per_symbol(self, length_km: float) -> int:
        """Bits per symbol of the most efficient format that reaches that far."""
        return next(bits for reach_km, bits in self.reach if length_km <= reach_km)

    @property
    def is_by_hops(self) -> bool:
        """Whether every path of as few hops as the K-th competes, in whatever order they are found."""
        return self.ties not in ENTRY_BY_LIBRARY and self.order in ("hops", "hops_over_se")

    @property
    def is_alike_both_ways(self) -> bool:
        """Whether the same paths, each turned round, compete for a pair and for the pair turned round.

        Not where the library's order of enumeration has a say in which they are.
        """
        return self.ties not in ENTRY_BY_LIBRARY and self.order != "hops_se_all"


@dataclass(frozen=True)
class PathTable:
    """K paths per ordered pair in compressed rows; row ``pair = source * num_nodes + destination``.

    Paths of a pair are ``first_path[pair] : first_path[pair + 1]``, best first. A table may go on after the
    ordered pairs with rows of paths that are known besides, see ``with_rows``.
    """

    rule: PathRule
    topology_hash: str
    num_nodes: int
    first_path: np.ndarray  # (num_nodes**2 + 1,) int32; longer where there are rows besides
    path_nodes: np.ndarray = field(repr=False)  # (num_paths, max_hops + 1) int16, -1 padded
    path_links: np.ndarray = field(repr=False)  # (num_paths, max_hops) int16 directed links, -1 padded
    path_hops: np.ndarray = field(repr=False)  # (num_paths,) int16
    path_length_km: np.ndarray = field(repr=False)  # (num_paths,) float64

    @property
    def num_paths(self) -> int:
        """Paths of all pairs together."""
        return len(self.path_hops)

    def paths_of(self, source: int, destination: int) -> range:
        """Path indices of an ordered pair, best first."""
        return self.paths_of_row(source * self.num_nodes + destination)

    def paths_of_row(self, row: int) -> range:
        """Path indices of a row of ``first_path``."""
        return range(int(self.first_path[row]), int(self.first_path[row + 1]))

    def nodes(self, path: int) -> tuple[int, ...]:
        """Node indices along a path."""
        return tuple(self.path_nodes[path, : self.path_hops[path] + 1].tolist())

    def links(self, path: int) -> tuple[int, ...]:
        """Directed link indices along a path."""
        return tuple(self.path_links[path, : self.path_hops[path]].tolist())

    @property
    def num_stored(self) -> int:
        """Paths of the ordered pairs, without those that are known besides."""
        return int(self.first_path[self.num_nodes**2])

    def path_of(self, nodes: tuple[int, ...]) -> int | None:
        """Index of a path given as node indices; None where the table does not have it."""
        found = (path for path in self.paths_of(nodes[0], nodes[-1]) if self.nodes(path) == nodes)
        return next(found, self._besides.get(nodes))

    @cached_property
    def _besides(self) -> dict[tuple[int, ...], int]:
        return {self.nodes(path): path for path in range(self.num_stored, self.num_paths)}

    def with_rows(self, topology: Topology, rows: Sequence[Sequence[tuple[int, ...]]]) -> PathTable:
        """The table with further rows of paths, each path given as node indices; those there are stay.

        Raises:
            TopologyError: a path over two nodes that are no neighbours.
        """
        further = [nodes for row in rows for nodes in row]
        path_nodes, path_links, length_km = path_arrays(topology, further)
        ends = int(self.first_path[-1]) + np.cumsum([len(row) for row in rows])
        return replace(
            self,
            first_path=np.concatenate([self.first_path, ends]).astype(np.int32),
            path_nodes=stacked(self.path_nodes, path_nodes),
            path_links=stacked(self.path_links, path_links),
            path_hops=np.concatenate([self.path_hops, (path_links >= 0).sum(axis=1).astype(np.int16)]),
            path_length_km=np.concatenate([self.path_length_km, length_km]),
        )

    @cached_property
    def content_hash(self) -> str:
        """16 hex digits over the version, the rule, the topology and every path in order."""
        digest = hashlib.sha256()
        rule = asdict(self.rule) | {"version": PATH_TABLE_VERSION, "topology": self.topology_hash}
        digest.update(json.dumps(rule, sort_keys=True, default=str).encode())
        for array in (self.first_path, self.path_nodes):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def build_path_table(topology: Topology, rule: PathRule | None = None) -> PathTable:
    """The path table of a topology under a rule.

    Paths are loopless; the K cheapest come from a search by hops, or from networkx's implementation of Yen's
    algorithm [1], run far enough that no path tied with the K-th is missed, so that the stated tie rule
    decides and not the order in which a library happens to yield.

    Raises:
        TopologyError: ``k`` below 1; or a pair has more than ``MOST_TIED`` paths tied with the K-th.

    [1] Yen 1971, "Finding the K shortest loopless paths in a network".
    """
    rule = rule or PathRule()
    if rule.k < 1:
        raise TopologyError(f"k_paths is {rule.k}; at least 1 is needed")
    graph = topology.graph()
    nodes_of_path: list[tuple[int, ...]] = []
    first_path = [0]
    ways_back: dict[tuple[int, int], list[list[str]]] = {}
    for source in range(topology.num_nodes):
        for destination in range(topology.num_nodes):
            if source != destination:
                names = topology.node_names[source], topology.node_names[destination]
                pool = ways_back.pop((source, destination), None) or _pool(graph, rule, *names)
                if rule.order != "hops_se_all" and len(pool) > rule.k + MOST_TIED:
                    raise TopologyError(
                        f"{names[0]} to {names[1]}: over {MOST_TIED} paths are as short as path {rule.k}, "
                        f"and the tie rule {rule.ties!r} compares them all; "
                        "set plant.path_ties to library or hash"
                    )
                if source < destination and rule.is_alike_both_ways:
                    ways_back[destination, source] = [path[::-1] for path in pool]
                nodes_of_path += _best(topology, graph, rule, pool)
            first_path.append(len(nodes_of_path))
    path_nodes, path_links, length_km = path_arrays(topology, nodes_of_path)
    return PathTable(
        rule=rule,
        topology_hash=topology.content_hash,
        num_nodes=topology.num_nodes,
        first_path=np.array(first_path, np.int32),
        path_nodes=path_nodes,
        path_links=path_links,
        path_hops=(path_links >= 0).sum(axis=1).astype(np.int16),
        path_length_km=length_km,
    )


def path_arrays(
    topology: Topology, nodes_of_path: Sequence[tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, directed links and lengths of paths, as ``PathTable`` keeps them.

    Raises:
        TopologyError: a path over two nodes that are no neighbours.
    """
    link_of = {
        (int(a), int(b)): link
        for link, (a, b) in enumerate(zip(topology.link_source, topology.link_destination, strict=True))
    }
    max_hops = max((len(nodes) - 1 for nodes in nodes_of_path), default=0)
    path_nodes = np.full((len(nodes_of_path), max_hops + 1), -1, np.int16)
    path_links = np.full((len(nodes_of_path), max_hops), -1, np.int16)
    length_km = np.zeros(len(nodes_of_path))
    for path, nodes in enumerate(nodes_of_path):
        for hop in pairwise(nodes):
            if hop not in link_of:
                a, b = (topology.node_names[node] for node in hop)
                raise TopologyError(f"no link {a!r} -> {b!r} in topology {topology.name!r}")
        links = [link_of[hop] for hop in pairwise(nodes)]
        path_nodes[path, : len(nodes)] = nodes
        path_links[path, : len(links)] = links
        length_km[path] = topology.link_length_km[links].sum()
    return path_nodes, path_links, length_km


def stacked(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """One on top of the other, the narrower one padded with -1."""
    width = max(above.shape[1], below.shape[1])

    def padded(rows: np.ndarray) -> np.ndarray:
        missing = width - rows.shape[1]
        return np.pad(rows, ((0, 0), (0, missing)), constant_values=-1) if missing else rows

    return np.concatenate([padded(above), padded(below)])


def paths_of_pair(
    topology: Topology, graph: nx.Graph, rule: PathRule, source_index: int, destination_index: int
) -> list[tuple[int, ...]]:
    """The paths of a node pair by a rule, best first, as node indices of the topology.

    Args:
        topology: names the nodes.
        graph: ``topology.graph()``, or what is left of it.
        rule: which paths, in which order.
        source_index: of the pair.
        destination_index: of the pair.

    Raises:
        networkx.NetworkXNoPath, networkx.NodeNotFound: the graph does not connect the two.
    """
    source, destination = topology.node_names[source_index], topology.node_names[destination_index]
    return _best(topology, graph, rule, _pool(graph, rule, source, destination))


def _length_km(graph: nx.Graph, path: list[str]) -> float:
    return math.fsum(graph.edges[hop]["length_km"] for hop in pairwise(path))


def _cost(graph: nx.Graph, rule: PathRule, path: list[str]) -> float:
    return _length_km(graph, path) if rule.order == "km" else len(path) - 1.0


def _hops_over_se(graph: nx.Graph, rule: PathRule, path: list[str]) -> float:
    return (len(path) - 1) / rule.bits_per_symbol(_length_km(graph, path))


def _pool(graph: nx.Graph, rule: PathRule, source: str, destination: str) -> list[list[str]]:
    """Paths among which the K best of a pair are; the order is the library's where the rule asks for that."""
    import networkx as nx  # here: a rule is read where no path is looked for

    if rule.is_by_hops and (
        found := paths_of_fewest_hops(dict(graph.adjacency()), source, destination, rule.k)
    ):
        return found
    weight = "length_km" if rule.order == "km" else None
    enumeration = nx.shortest_simple_paths(graph, source, destination, weight=weight)
    pool = list(islice(enumeration, rule.k))
    if rule.order == "hops_se_all":
        best_bits = rule.reach[0][1]
        worst = max(_hops_over_se(graph, rule, path) for path in pool)
        # No path of more hops than this can be better than the worst kept, whatever its format.
        pool += takewhile(lambda path: (len(path) - 1) / best_bits <= worst, islice(enumeration, 40 * rule.k))
    elif rule.ties not in ENTRY_BY_LIBRARY and len(pool) == rule.k:
        limit = _cost(graph, rule, pool[-1]) + 1e-9
        tied = takewhile(lambda path: _cost(graph, rule, path) <= limit, enumeration)
        pool += islice(tied, MOST_TIED + 1)
    return pool


def _best(
    topology: Topology, graph: nx.Graph, rule: PathRule, pool: list[list[str]]
) -> list[tuple[int, ...]]:
    """The K best of a pool, best first, as node indices."""
    tie = _tie_key(rule.ties, topology, lambda path: _length_km(graph, path))

    def by_efficiency(path: list[str]) -> tuple[object, ...]:
        return _hops_over_se(graph, rule, path), tie(path)

    if rule.order == "hops_se_all":
        chosen = sorted(pool, key=by_efficiency)[: rule.k]
    else:
        chosen = sorted(pool, key=lambda path: (round(_cost(graph, rule, path), 6), tie(path)))[: rule.k]
        if rule.order == "hops_over_se":
            chosen.sort(key=by_efficiency)
    return [tuple(topology.node_index(name) for name in path) for path in chosen]


def _tie_key(
    ties: PathTies, topology: Topology, length_km: Callable[[list[str]], float]
) -> Callable[[list[str]], tuple[float | int | str, ...]]:
    def indices(path: list[str]) -> tuple[int, ...]:
        return tuple(topology.node_index(name) for name in path)

    keys: dict[str, Callable[[list[str]], tuple[float | int | str, ...]]] = {
        "km": lambda path: (length_km(path), *indices(path)),
        "lexicographic": indices,
        "reverse": lambda path: tuple(-node for node in indices(path)),
        "hash": lambda path: (hashlib.sha256(str(list(indices(path))).encode()).hexdigest(),),
        "library": lambda path: (),
    }
    return keys[ties]
