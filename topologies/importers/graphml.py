"""Reads GraphML, as the Internet Topology Zoo publishes it: ``label``, ``Latitude``, ``Longitude`` of a node.

A link's length is its attribute ``length_km``, ``length``, ``distance_km``, ``distance``, ``dist`` or ``km``,
in upper or lower case, read as km; without one, the great-circle distance of its ends.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from topologies.errors import TopologyError
from topologies.importers.assembly import Link, assemble, distinct_names, number, one_per_pair
from topologies.importers.safe_xml import child, children, local_name
from topologies.model import Topology

LENGTH_ATTRIBUTES = ("length_km", "length", "distance_km", "distance", "dist", "km")


def read(root: ElementTree.Element, path: Path) -> Topology:
    """The topology in a GraphML document.

    Raises:
        TopologyError: another kind of document, a node without id, an edge without ends, or what ``assemble``
            refuses.
    """
    graph = child(root, "graph")
    if local_name(root) != "graphml" or graph is None:
        raise TopologyError(f"{path}: not GraphML: <graphml> with <graph> is needed")
    attribute_by_key = {str(key.get("id")): key.get("attr.name", "").lower() for key in children(root, "key")}
    about = _attributes(graph, attribute_by_key)
    nodes = children(graph, "node")
    node_ids = [node.get("id", "") for node in nodes]
    for count, node_id in enumerate(node_ids, start=1):
        if not node_id or node_ids.index(node_id) != count - 1:
            raise TopologyError(f"{path}: node number {count}: id {node_id!r} is missing or given twice")
    attributes_of_node = [_attributes(node, attribute_by_key) for node in nodes]
    names = distinct_names([attributes.get("label", "") for attributes in attributes_of_node], node_ids)
    name_by_id = dict(zip(node_ids, names, strict=True))
    position_deg: dict[str, tuple[float, float]] = {}
    for name, attributes in zip(names, attributes_of_node, strict=True):
        if "latitude" in attributes and "longitude" in attributes:
            where = f"{path}: node {name!r}"
            latitude_deg, longitude_deg = (number(attributes[k], k, where) for k in ("latitude", "longitude"))
            position_deg[name] = (latitude_deg, longitude_deg)
    links = []
    read_as_km: set[str] = set()
    for count, edge in enumerate(children(graph, "edge"), start=1):
        where = f"edge number {count}"
        ends = []
        for end in ("source", "target"):
            if edge.get(end) not in name_by_id:
                raise TopologyError(f"{path}: {where}: unknown node {edge.get(end)!r} as {end}")
            ends.append(name_by_id[str(edge.get(end))])
        attributes = _attributes(edge, attribute_by_key)
        given = next((name for name in LENGTH_ATTRIBUTES if name in attributes), None)
        length_km = number(attributes[given], given, f"{path}: {where}") if given else None
        read_as_km |= {given} if given else set()
        links.append(Link(ends[0], ends[1], length_km, where))
    remark = ""
    if graph.get("edgedefault") == "directed":
        links, remark = one_per_pair(links)
    if read_as_km:
        remark = f" Lengths: attribute {', '.join(sorted(read_as_km))}, read as km.{remark}"
    published = f"{about.get('network', path.stem)}, {about.get('source', 'publisher not stated')}"
    source = f"{published}; imported from GraphML.{remark}"
    return assemble(path, path.stem, source, names, position_deg, links)


def _attributes(element: ElementTree.Element, attribute_by_key: dict[str, str]) -> dict[str, str]:
    """Attribute name in lower case -> its text, empty ones left out."""
    found = {}
    for data in children(element, "data"):
        text = (data.text or "").strip()
        if text:
            found[attribute_by_key.get(str(data.get("key")), "")] = text
    return found
