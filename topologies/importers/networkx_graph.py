"""Reads what networkx writes: three forms of JSON (XLRON has node-link) and GML (the Topology Zoo has it)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from topologies.errors import TopologyError
from topologies.importers.attributed_graph import AttributedGraph, draft_of, lowered
from topologies.importers.draft import Draft, ImportOptions


def is_graph(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a graph in a form of networkx: node-link, adjacency or Cytoscape."""
    return _form_of(document) is not None


def read_json(document: Mapping[str, Any], path: Path, options: ImportOptions) -> Draft:
    """The network in a JSON document of networkx.

    Raises:
        TopologyError: what networkx cannot read, or what ``draft_of`` refuses.
    """
    form = _form_of(document) or ""
    try:
        graph = _READERS[form](document)
    except (nx.NetworkXError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise TopologyError(
            f"{path}: not a networkx graph of the {form} form: {type(error).__name__}: {error}"
        ) from None
    return _draft(graph, f"{form} JSON", path, options)


def _form_of(document: Mapping[str, Any]) -> str | None:
    if isinstance(document.get("elements"), dict):
        return "Cytoscape"
    if not isinstance(document.get("nodes"), list):
        return None
    if isinstance(document.get("adjacency"), list):
        return "adjacency"
    return "node-link" if _edges_key(document) else None


def _edges_key(document: Mapping[str, Any]) -> str | None:
    return next((key for key in ("links", "edges") if isinstance(document.get(key), list)), None)


_READERS: dict[str, Callable[[Any], nx.Graph]] = {
    "Cytoscape": nx.cytoscape_graph,
    "adjacency": nx.adjacency_graph,
    "node-link": lambda document: nx.node_link_graph(document, edges=_edges_key(document)),
}


def read_gml(text: str, path: Path, options: ImportOptions) -> Draft:
    """The network in a GML text.

    Nodes are told apart by ``id``, as labels may be shared.

    Raises:
        TopologyError: what networkx cannot read, or what ``draft_of`` refuses.
    """
    if "multigraph" not in text:  # networkx refuses a second link of a pair unless the file says so
        text = text.replace("[", "[\n  multigraph 1", 1)
    try:
        graph = nx.parse_gml(text, label="id")
    except (nx.NetworkXError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise TopologyError(f"{path}: not GML: {error}") from None
    return _draft(graph, "GML", path, options)


def _draft(graph: nx.Graph, form: str, path: Path, options: ImportOptions) -> Draft:
    found = AttributedGraph(
        form=form,
        about=lowered(graph.graph),
        nodes=[(str(node), lowered(attributes)) for node, attributes in graph.nodes(data=True)],
        edges=[(str(a), str(b), lowered(attributes)) for a, b, attributes in graph.edges(data=True)],
        directed=graph.is_directed(),
    )
    return draft_of(found, path, options)
