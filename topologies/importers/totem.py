"""Reads a network in the XML form of the TOTEM toolbox [1]: ``<domain>``, numbered nodes, directed links.

What is published in it, GEANT of 2005, has neither lengths nor places: ``--default-km`` sets the lengths. Its
demand matrices are read by ``envs/demand_forms.py``.

[1] Leduc et al. 2006, "An open source traffic engineering toolbox", Computer Communications 29(5).
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, clean_name, number, one_per_pair
from topologies.importers.safe_xml import child, children, text_of


def read(root: ElementTree.Element, path: Path) -> Draft:
    """The network in a TOTEM document.

    Raises:
        TopologyError: no nodes, a node without id, a place that is no number, a link without ends.
    """
    names: list[str] = []
    position_deg: dict[str, tuple[float, float]] = {}
    for count, node in enumerate(children(child(root, "topology", "nodes"), "node"), start=1):
        if not node.get("id"):
            raise TopologyError(f"{path}: node number {count}: id is missing")
        name = clean_name(str(node.get("id")))
        names.append(name)
        latitude, longitude = (
            _axis(node, axis, f"{path}: node {name!r}") for axis in ("latitude", "longitude")
        )
        if latitude or longitude:  # both zero: anonymised
            position_deg[name] = latitude, longitude
    links = []
    for count, link in enumerate(children(child(root, "topology", "links"), "link"), start=1):
        where = f"link number {count} ({link.get('id', 'no id')})"
        source, target = _end(link, "from"), _end(link, "to")
        if not source or not target:
            raise TopologyError(f"{path}: {where}: the node of {'to' if source else 'from'} is missing")
        links.append(Link(clean_name(source), clean_name(target), None, where))
    links, remark = one_per_pair(links)
    name = str(root.get("name") or path.stem)
    return Draft(
        path, name, f"TOTEM network {name}, imported from its XML.{remark}", names, position_deg, links
    )


def _axis(node: ElementTree.Element, axis: str, where: str) -> float:
    location = child(node, "location")
    told = text_of(location, axis) or (location.get(axis) if location is not None else None)
    return number(told, axis, where) if told else 0.0


def _end(link: ElementTree.Element, tag: str) -> str | None:
    end = child(link, tag)
    return None if end is None else end.get("node") or (end.text or "").strip() or None
