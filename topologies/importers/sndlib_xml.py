"""Reads an SNDlib network in the XML format: nodes with coordinates, links by source and target.

SNDlib networks carry no lengths, so a length is the great-circle distance of the coordinates.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, ImportOptions, Link, clean_name, number, one_per_pair
from topologies.importers.safe_xml import child, children, local_name, text_of


def read(root: ElementTree.Element, path: Path, options: ImportOptions) -> Draft:
    """The network in an SNDlib document.

    Raises:
        TopologyError: another kind of document, a node without id, coordinates that are no map, or a
            link without ends.
    """
    nodes = child(root, "networkStructure", "nodes")
    if local_name(root) != "network" or nodes is None:
        raise TopologyError(f"{path}: not an SNDlib network: <network> with <networkStructure> is needed")
    is_map = nodes.get("coordinatesType", "geographical") == "geographical"
    if not is_map and options.default_km is None:
        raise TopologyError(
            f"{path}: coordinatesType is {nodes.get('coordinatesType')!r}; lengths need "
            "geographical coordinates, or --default-km KM sets them all"
        )
    names: list[str] = []
    position_deg: dict[str, tuple[float, float]] = {}
    for count, node in enumerate(children(nodes, "node"), start=1):
        if not node.get("id"):
            raise TopologyError(f"{path}: node number {count}: id is missing")
        name = clean_name(str(node.get("id")))
        names.append(name)
        longitude, latitude = text_of(node, "coordinates", "x"), text_of(node, "coordinates", "y")
        if is_map and (longitude or latitude):
            where = f"{path}: node {name!r}"
            position_deg[name] = number(latitude, "y", where), number(longitude, "x", where)
    links = []
    for count, link in enumerate(children(child(root, "networkStructure", "links"), "link"), start=1):
        where = f"link number {count} ({link.get('id', 'no id')})"
        source, target = text_of(link, "source"), text_of(link, "target")
        if not source or not target:
            raise TopologyError(f"{path}: {where}: {'target' if source else 'source'} is missing")
        links.append(Link(clean_name(source), clean_name(target), None, where))
    links, remark = one_per_pair(links)
    source_note = f"SNDlib network {path.stem}, imported from its XML format.{remark}"
    return Draft(path, path.stem, source_note, names, position_deg, links)
