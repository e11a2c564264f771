"""Reads Net2Plan's networks (``.n2p``): nodes, and the links of one layer.

A file may have several layers, such as IP over WDM: the one called WDM, or else the first with links.
Net2Plan leaves a length open by 0. Older files have a ``physicalTopology`` whose nodes are counted from 0.
Not here: demands and routes.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from topologies.errors import TopologyError
from topologies.importers.attributed_graph import AttributedGraph, draft_of, lowered
from topologies.importers.draft import Draft, ImportOptions
from topologies.importers.safe_xml import child, children, local_name

FIBRE_LAYER = "wdm"
OLDER = "physicalTopology"
NODE = {"name": "name", "latitude": "yCoord", "longitude": "xCoord"}
LENGTHS = ("lengthInKm", "linkLengthInKm")


def is_network(root: ElementTree.Element) -> bool:
    """Whether a document is one of Net2Plan's."""
    nodes = children(root, "node") or children(child(root, OLDER), "node")
    return local_name(root) == "network" and any(node.get("xCoord") for node in nodes)


def read(root: ElementTree.Element, path: Path, options: ImportOptions) -> Draft:
    """The network in a Net2Plan document.

    Raises:
        TopologyError: no layer with links, or what ``draft_of`` refuses.
    """
    older = child(root, OLDER)
    nodes = children(root, "node") or children(older, "node")
    layers = [older] if older is not None else children(root, "layer")
    layers = [layer for layer in layers if children(layer, "link")]
    if not layers:
        raise TopologyError(f"{path}: Net2Plan network: no layer with links")
    layer = next((item for item in layers if item.get("name", "").lower() == FIBRE_LAYER), layers[0])
    chosen = f" (layer {layer.get('name') or layer.get('id')!r} of {len(layers)})" if len(layers) > 1 else ""
    found = AttributedGraph(
        form=f"Net2Plan{chosen}",
        about=lowered({"network": root.get("name")}),
        nodes=[
            (
                node.get("id", str(count)),
                lowered({ours: node.get(theirs) for ours, theirs in NODE.items()}),
            )
            for count, node in enumerate(nodes)
        ],
        edges=[
            (link.get("originNodeId", ""), link.get("destinationNodeId", ""), _length(link))
            for link in children(layer, "link")
        ],
        directed=True,
    )
    return draft_of(found, path, options)


def _length(link: ElementTree.Element) -> dict[str, str]:
    text = next((link.get(name, "") for name in LENGTHS if link.get(name)), "")
    return {} if text in ("", "0", "0.0") else {"length_km": text}
