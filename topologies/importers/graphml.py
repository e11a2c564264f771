"""Reads GraphML, as the Internet Topology Zoo publishes it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from topologies.errors import TopologyError
from topologies.importers.attributed_graph import AttributedGraph, draft_of
from topologies.importers.draft import Draft, ImportOptions
from topologies.importers.safe_xml import child, children, local_name


def read(root: ElementTree.Element, path: Path, options: ImportOptions) -> Draft:
    """The network in a GraphML document.

    Raises:
        TopologyError: another kind of document, or what ``draft_of`` refuses.
    """
    graph = child(root, "graph")
    if local_name(root) != "graphml" or graph is None:
        raise TopologyError(f"{path}: not GraphML: <graphml> with <graph> is needed")
    name_by_key = {str(key.get("id")): key.get("attr.name", "").lower() for key in children(root, "key")}
    found = AttributedGraph(
        form="GraphML",
        about=_attributes(graph, name_by_key),
        nodes=[(node.get("id", ""), _attributes(node, name_by_key)) for node in children(graph, "node")],
        edges=[
            (edge.get("source", ""), edge.get("target", ""), _attributes(edge, name_by_key))
            for edge in children(graph, "edge")
        ],
        directed=graph.get("edgedefault") == "directed",
    )
    return draft_of(found, path, options)


def _attributes(element: ElementTree.Element, name_by_key: dict[str, str]) -> dict[str, str]:
    """Attribute name in lower case -> its text, empty ones left out."""
    found = {}
    for data in children(element, "data"):
        text = (data.text or "").strip()
        if text:
            found[name_by_key.get(str(data.get("key")), "")] = text
    return found
