"""A topology in forms that other programs read, GraphML and GNPy's. What is written reads back equal.

Not here: reading (``importers/``), the project's own form (``catalogue.dump_topology``), pictures.
Neither form has a place for risk groups; they are not written.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from topologies.model import Node, Topology

GRAPHML_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
LOSS_DB_PER_KM = 0.2  # standard single-mode fibre, as in GNPy's own examples
_KEYS = {  # attribute -> element it belongs to, type
    "Network": ("graph", "string"),
    "Source": ("graph", "string"),
    "label": ("node", "string"),
    "Latitude": ("node", "double"),
    "Longitude": ("node", "double"),
    "length_km": ("edge", "double"),
}


def to_graphml(topology: Topology) -> str:
    """GraphML with the attributes of the Topology Zoo, and ``length_km`` of every link; links in order."""
    root = ElementTree.Element("graphml", xmlns=GRAPHML_NAMESPACE)
    for name, (owner, kind) in _KEYS.items():
        ElementTree.SubElement(root, "key", {"id": name, "for": owner, "attr.name": name, "attr.type": kind})
    graph = ElementTree.SubElement(root, "graph", edgedefault="undirected")

    def say(element: ElementTree.Element, **values: str | float) -> None:
        for key, value in values.items():
            ElementTree.SubElement(element, "data", key=key).text = str(value)

    say(graph, Network=topology.name, Source=topology.source)
    for index, node in enumerate(topology.nodes):
        element = ElementTree.SubElement(graph, "node", id=str(index))
        say(element, label=node.name, Latitude=node.latitude_deg, Longitude=node.longitude_deg)
    for fibre in topology.fibres:
        ends = (str(topology.node_index(end)) for end in (fibre.node_a, fibre.node_b))
        element = ElementTree.SubElement(graph, "edge", dict(zip(("source", "target"), ends, strict=True)))
        say(element, length_km=fibre.length_km)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def to_gnpy(topology: Topology) -> str:
    """A GNPy network: a transceiver and a ROADM a site, one fibre each way; amplifiers are GNPy's to add."""
    elements: list[dict[str, Any]] = []
    lines: list[tuple[str, ...]] = []
    for node in topology.nodes:
        trx, roadm = f"trx {node.name}", f"roadm {node.name}"
        location = {"metadata": {"location": _location(node)}}
        elements += [
            {"uid": trx, "type": "Transceiver", **location},
            {"uid": roadm, "type": "Roadm", **location},
        ]
        lines += [(trx, roadm), (roadm, trx)]
    for fibre in topology.fibres:
        for begin, end in ((fibre.node_a, fibre.node_b), (fibre.node_b, fibre.node_a)):
            uid = f"fiber ({begin} → {end})"
            params = {
                "length": fibre.length_km,
                "length_units": "km",
                "loss_coef": LOSS_DB_PER_KM,
                "con_in": None,
                "con_out": None,
            }
            elements.append({"uid": uid, "type": "Fiber", "type_variety": "SSMF", "params": params})
            lines.append((f"roadm {begin}", uid, f"roadm {end}"))
    connections = [{"from_node": a, "to_node": b} for line in lines for a, b in pairwise(line)]
    document = {"network_name": topology.name, "elements": elements, "connections": connections}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _location(node: Node) -> dict[str, str | float]:
    return {
        "city": node.name,
        "region": "",
        "latitude": node.latitude_deg,
        "longitude": node.longitude_deg,
    }
