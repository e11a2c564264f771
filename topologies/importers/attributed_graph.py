"""From nodes and edges with free attributes to a draft: what GraphML, GML and networkx JSON share.

A node's name is its ``label`` or ``name``, its place ``latitude`` and ``longitude`` (or ``lat``, ``lon``); a
link's length is one of ``LENGTH_ATTRIBUTES``. Upper and lower case are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topologies.errors import TopologyError
from topologies.importers.draft import (
    Draft,
    ImportOptions,
    LengthReader,
    Link,
    distinct_names,
    number,
    one_per_pair,
)

PLACES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


@dataclass(frozen=True)
class AttributedGraph:
    """A graph as its form tells it; attribute names in lower case, empty values left out."""

    form: str  # for the topology's source
    about: Mapping[str, Any]  # attributes of the graph
    nodes: Sequence[tuple[str, Mapping[str, Any]]]
    edges: Sequence[tuple[str, str, Mapping[str, Any]]]
    directed: bool


def lowered(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by their names in lower case, empty ones left out."""
    return {str(key).lower(): value for key, value in attributes.items() if value not in (None, "")}


def draft_of(graph: AttributedGraph, path: Path, options: ImportOptions) -> Draft:
    """The network in a graph.

    Raises:
        TopologyError: a node without id or with one that is given twice, an edge to nowhere, a coordinate or
            a length that is not a number.
    """
    ids = [node_id for node_id, _ in graph.nodes]
    seen: set[str] = set()
    for count, node_id in enumerate(ids, start=1):
        if not node_id or node_id in seen:
            raise TopologyError(f"{path}: node number {count}: id {node_id!r} is missing or given twice")
        seen.add(node_id)
    names = distinct_names([str(a.get("label") or a.get("name") or "") for _, a in graph.nodes], ids)
    name_by_id = dict(zip(ids, names, strict=True))
    position_deg: dict[str, tuple[float, float]] = {}
    for name, (_, attributes) in zip(names, graph.nodes, strict=True):
        keys = next((pair for pair in PLACES if all(key in attributes for key in pair)), None)
        if keys:
            latitude_deg, longitude_deg = (
                number(attributes[key], key, f"{path}: node {name!r}") for key in keys
            )
            position_deg[name] = (latitude_deg, longitude_deg)
    lengths = LengthReader(options)
    links = []
    for count, (source_id, target_id, attributes) in enumerate(graph.edges, start=1):
        where = f"edge number {count}"
        for end, node_id in (("source", source_id), ("target", target_id)):
            if node_id not in name_by_id:
                raise TopologyError(f"{path}: {where}: unknown node {node_id!r} as {end}")
        length_km = lengths.length_km(attributes, f"{path}: {where}")
        links.append(Link(name_by_id[source_id], name_by_id[target_id], length_km, where))
    remark = ""
    if graph.directed:
        links, remark = one_per_pair(links)
    published = (
        f"{graph.about.get('network', path.stem)}, {graph.about.get('source', 'publisher not stated')}"
    )
    return Draft(
        path=path,
        name=path.stem,
        source=f"{published}; imported from {graph.form}.{lengths.remark}{remark}",
        names=names,
        position_deg=position_deg,
        links=links,
        directed=graph.directed,
        unit_is_open=lengths.unit_is_open,
        perhaps_lengths=tuple(sorted(lengths.perhaps)),
    )
