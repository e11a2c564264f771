"""Reads what networkx writes: node-link JSON (as XLRON has them) and GML (as the Topology Zoo has it)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from topologies.errors import TopologyError
from topologies.importers.attributed_graph import AttributedGraph, draft_of, lowered
from topologies.importers.draft import Draft, ImportOptions


def is_node_link(document: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a graph in networkx' node-link form."""
    return "nodes" in document and ("links" in document or "edges" in document)


def read_node_link(document: Mapping[str, Any], path: Path, options: ImportOptions) -> Draft:
    """The network in a node-link document.

    Raises:
        TopologyError: what networkx cannot read, or what ``draft_of`` refuses.
    """
    try:
        graph = nx.node_link_graph(document, edges="links" if "links" in document else "edges")
    except (nx.NetworkXError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise TopologyError(
            f"{path}: not a networkx node-link graph: {type(error).__name__}: {error}"
        ) from None
    return _draft(graph, "node-link JSON", path, options)


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
