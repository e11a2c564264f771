"""A topology: nodes, fibre pairs, directed links, fibres that fail together.

Not here: paths, spectrum, reading of files.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from topologies.errors import TopologyError

if TYPE_CHECKING:
    import networkx as nx

# Node names stand in comma-separated lists and in addresses (TAPI name pairs, HTTP paths).
FORBIDDEN_IN_NAMES = re.compile(r"[,/\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Node:
    """A site with a ROADM."""

    name: str
    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, order=True)
class FibreSpan:
    """Fibre of one type between two amplifiers; ``fibre_type`` is a name such as ``G.655``."""

    length_km: float
    fibre_type: str


@dataclass(frozen=True)
class Fibre:
    """A fibre pair between two sites: one fibre each way, of the same length.

    ``spans`` add up to the length, from ``node_a`` on; without any, who needs some cuts it into equal ones.
    """

    node_a: str
    node_b: str
    length_km: float
    spans: tuple[FibreSpan, ...] = ()


@dataclass(frozen=True)
class RiskGroup:
    """Fibre pairs that fail together, as those in one duct or over one bridge do."""

    name: str
    fibres: tuple[tuple[str, str], ...]  # ends of each fibre pair, in either order


@dataclass(frozen=True)
class Topology:
    """Nodes and fibre pairs, checked when made.

    Directed link ``2 * i`` is fibre ``i`` from ``node_a`` to ``node_b``; ``2 * i + 1`` is the way back.

    Raises:
        TopologyError: no nodes, a name given twice or unfit for lists and addresses, an unknown node, a loop,
            a fibre given twice, a length that is not a positive number, a graph in several pieces, or a risk
            group without a name of its own or of fewer than two fibres of this topology.
    """

    name: str
    source: str
    nodes: tuple[Node, ...]
    fibres: tuple[Fibre, ...]
    risk_groups: tuple[RiskGroup, ...] = ()

    def __post_init__(self) -> None:
        if len(self.nodes) < 2:
            raise TopologyError(f"topology {self.name!r}: {len(self.nodes)} node(s); at least two are needed")
        seen: set[str] = set()
        for node in self.nodes:
            if not node.name.strip() or FORBIDDEN_IN_NAMES.search(node.name):
                raise TopologyError(
                    f"topology {self.name!r}: node name {node.name!r} is empty or has a comma, a slash or a "
                    "control character in it"
                )
            if node.name in seen:
                raise TopologyError(f"topology {self.name!r}: node {node.name!r} is given twice")
            if not (-90 <= node.latitude_deg <= 90 and -180 <= node.longitude_deg <= 180):
                raise TopologyError(
                    f"topology {self.name!r}: node {node.name!r} lies at ({node.latitude_deg}, "
                    f"{node.longitude_deg}); latitude must be within ±90°, longitude within ±180°"
                )
            seen.add(node.name)
        pairs: set[frozenset[str]] = set()
        for fibre in self.fibres:
            label = f"topology {self.name!r}: fibre {fibre.node_a!r}-{fibre.node_b!r}"
            for end in (fibre.node_a, fibre.node_b):
                if end not in seen:
                    raise TopologyError(f"{label}: unknown node {end!r}; known: {', '.join(sorted(seen))}")
            if fibre.node_a == fibre.node_b:
                raise TopologyError(f"{label}: both ends are the same node")
            if not (math.isfinite(fibre.length_km) and fibre.length_km > 0):
                raise TopologyError(f"{label}: length_km is {fibre.length_km}; a positive number is needed")
            _check_spans(label, fibre)
            pair = frozenset((fibre.node_a, fibre.node_b))
            if pair in pairs:
                raise TopologyError(f"{label}: is given twice; parallel fibres are not modelled, keep one")
            pairs.add(pair)
        self._check_risk_groups(pairs)
        import networkx as nx

        graph = self.graph()
        if not nx.is_connected(graph):
            island = min(nx.connected_components(graph), key=len)
            raise TopologyError(
                f"topology {self.name!r}: disconnected; {', '.join(sorted(island))} cannot reach the rest"
            )

    def _check_risk_groups(self, pairs: set[frozenset[str]]) -> None:
        names: set[str] = set()
        for group in self.risk_groups:
            label = f"topology {self.name!r}: risk group {group.name!r}"
            if not group.name.strip():
                raise TopologyError(f"{label}: a name is needed")
            if group.name in names:
                raise TopologyError(f"{label}: is given twice")
            names.add(group.name)
            ends = [frozenset(fibre) for fibre in group.fibres]
            for (node_a, node_b), pair in zip(group.fibres, ends, strict=True):
                if pair not in pairs:
                    raise TopologyError(f"{label}: there is no fibre {node_a!r}-{node_b!r}")
            if len(set(ends)) < 2:
                raise TopologyError(f"{label}: {len(set(ends))} fibre(s); two or more fail together")

    @property
    def num_nodes(self) -> int:
        """Number of sites."""
        return len(self.nodes)

    @property
    def num_links(self) -> int:
        """Number of directed links, two per fibre pair."""
        return 2 * len(self.fibres)

    @cached_property
    def node_names(self) -> tuple[str, ...]:
        """Site names in index order."""
        return tuple(node.name for node in self.nodes)

    @cached_property
    def _index_by_name(self) -> Mapping[str, int]:
        return {name: index for index, name in enumerate(self.node_names)}

    def node_index(self, name: str) -> int:
        """Index of a site.

        Raises:
            TopologyError: the topology has no site of that name.
        """
        try:
            return self._index_by_name[name]
        except KeyError:
            known = ", ".join(sorted(self._index_by_name))
            raise TopologyError(f"unknown node {name!r} in topology {self.name!r}; known: {known}") from None

    @cached_property
    def link_source(self) -> np.ndarray:
        """(num_links,) int64, node index where a directed link begins."""
        return self._link_ends()[0]

    @cached_property
    def link_destination(self) -> np.ndarray:
        """(num_links,) int64, node index where a directed link ends."""
        return self._link_ends()[1]

    @cached_property
    def link_length_km(self) -> np.ndarray:
        """(num_links,) float64."""
        return np.repeat([fibre.length_km for fibre in self.fibres], 2).astype(np.float64)

    def _link_ends(self) -> tuple[np.ndarray, np.ndarray]:
        ends = np.array([(self.node_index(f.node_a), self.node_index(f.node_b)) for f in self.fibres])
        forth_and_back = np.stack([ends, ends[:, ::-1]], axis=1).reshape(-1, 2)
        return forth_and_back[:, 0].copy(), forth_and_back[:, 1].copy()

    @cached_property
    def _link_by_ends(self) -> Mapping[tuple[int, int], int]:
        ends = zip(self.link_source.tolist(), self.link_destination.tolist(), strict=True)
        return {pair: link for link, pair in enumerate(ends)}

    def link_index(self, source: str, destination: str) -> int:
        """Index of the directed link between two neighbours.

        Raises:
            TopologyError: an unknown node, or no fibre between the two.
        """
        pair = (self.node_index(source), self.node_index(destination))
        try:
            return self._link_by_ends[pair]
        except KeyError:
            raise TopologyError(f"no link {source!r} -> {destination!r} in topology {self.name!r}") from None

    def risk_groups_of(self, node_a: str, node_b: str) -> tuple[RiskGroup, ...]:
        """The groups that the fibre pair between two neighbours fails with."""
        pair = {node_a, node_b}
        return tuple(group for group in self.risk_groups if any(set(ends) == pair for ends in group.fibres))

    def link_name(self, link: int) -> str:
        """``A-B`` for the directed link from A to B."""
        names = self.node_names
        return f"{names[self.link_source[link]]}-{names[self.link_destination[link]]}"

    def graph(self) -> nx.Graph:
        """The fibre pairs as an undirected graph; edges carry ``length_km`` and ``fibre`` (its index)."""
        import networkx as nx  # here: types of this file are read where no network is

        graph = nx.Graph()
        graph.add_nodes_from(node.name for node in self.nodes)
        for index, fibre in enumerate(self.fibres):
            graph.add_edge(fibre.node_a, fibre.node_b, length_km=fibre.length_km, fibre=index)
        return graph

    def to_json(self) -> dict[str, Any]:
        """The catalogue form, with units in the key names; ``risk_groups`` where there are any."""
        document: dict[str, Any] = {
            "name": self.name,
            "source": self.source,
            "nodes": [
                {"name": n.name, "latitude_deg": n.latitude_deg, "longitude_deg": n.longitude_deg}
                for n in self.nodes
            ],
            "fibres": [
                {"node_a": f.node_a, "node_b": f.node_b, "length_km": f.length_km} for f in self.fibres
            ],
        }
        for row, fibre in zip(document["fibres"], self.fibres, strict=True):
            if fibre.spans:
                row["spans"] = [
                    {"length_km": span.length_km, "fibre_type": span.fibre_type} for span in fibre.spans
                ]
        if self.risk_groups:
            document["risk_groups"] = [
                {"name": group.name, "fibres": [list(ends) for ends in group.fibres]}
                for group in self.risk_groups
            ]
        return document

    @cached_property
    def content_hash(self) -> str:
        """16 hex digits over nodes and fibres in order; name, source and risk groups do not count."""
        body = {key: value for key, value in self.to_json().items() if key in ("nodes", "fibres")}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _check_spans(label: str, fibre: Fibre) -> None:
    for span in fibre.spans:
        if not (math.isfinite(span.length_km) and span.length_km > 0):
            raise TopologyError(f"{label}: a span of {span.length_km} km; a positive number is needed")
    total_km = sum(span.length_km for span in fibre.spans)
    if fibre.spans and abs(total_km - fibre.length_km) > 1e-3 * fibre.length_km:
        raise TopologyError(
            f"{label}: its spans add up to {total_km:g} km, its length_km is {fibre.length_km:g}; correct one"
        )


def _spans_from_json(fibre: Mapping[str, Any]) -> tuple[FibreSpan, ...]:
    return tuple(
        FibreSpan(float(span["length_km"]), str(span.get("fibre_type", "SSMF")))
        for span in fibre.get("spans", ())
    )


def topology_from_json(document: Mapping[str, Any], where: str) -> Topology:
    """A topology from its catalogue form.

    Args:
        document: what ``Topology.to_json`` writes.
        where: file or address, for the error message.

    Raises:
        TopologyError: a missing field, a value of the wrong type, or what ``Topology`` refuses.
    """

    def entries(key: str, default: Any = None) -> Sequence[Mapping[str, Any]]:
        value = document.get(key, default)
        if not isinstance(value, list):
            raise TopologyError(f"{where}: {key!r} must be a list, not {type(value).__name__}")
        return value

    try:
        return Topology(
            name=str(document["name"]),
            source=str(document["source"]),
            nodes=tuple(
                Node(str(n["name"]), float(n["latitude_deg"]), float(n["longitude_deg"]))
                for n in entries("nodes")
            ),
            fibres=tuple(
                Fibre(str(f["node_a"]), str(f["node_b"]), float(f["length_km"]), _spans_from_json(f))
                for f in entries("fibres")
            ),
            risk_groups=tuple(
                RiskGroup(str(g["name"]), tuple((str(a), str(b)) for a, b in g["fibres"]))
                for g in entries("risk_groups", [])
            ),
        )
    except KeyError as error:
        raise TopologyError(f"{where}: field {error.args[0]!r} is missing") from None
    except TopologyError as error:
        raise TopologyError(f"{where}: {error}") from None
    except (TypeError, ValueError) as error:
        raise TopologyError(f"{where}: {error}") from None
