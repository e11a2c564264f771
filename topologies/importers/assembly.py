"""From what a file says to a ``Topology``: what every importer does after reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers.geography import fill_positions, great_circle_km
from topologies.model import FORBIDDEN_IN_NAMES, Fibre, Node, Topology


@dataclass(frozen=True)
class Link:
    """A link as a file gives it."""

    node_a: str
    node_b: str
    length_km: float | None  # None: not given
    where: str  # line or element, for messages


def clean_name(text: str) -> str:
    """A node name that can stand in lists and addresses: no commas, slashes or control characters."""
    if not FORBIDDEN_IN_NAMES.search(text):
        return text.strip()
    return " ".join(re.sub(r"[/\\]", "-", text.replace(",", " ")).split())


def distinct_names(labels: Sequence[str], ids: Sequence[str]) -> list[str]:
    """A name for every node: its label, with its id behind where several share the label, or the id alone."""
    count_by_label = Counter(labels)
    return [
        clean_name((label if count_by_label[label] == 1 else f"{label} {node_id}") if label else node_id)
        for label, node_id in zip(labels, ids, strict=True)
    ]


def number(text: str | None, what: str, where: str) -> float:
    """The number in a text.

    Raises:
        TopologyError: missing, or not a number.
    """
    try:
        return float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TopologyError(f"{where}: {what} is {text!r}; a number is needed") from None


def one_per_pair(links: Sequence[Link]) -> tuple[list[Link], str]:
    """The links with both directions made one, where the file lists each direction of each link; a remark.

    The length of a pair is the longer of its two. In any other case the links come back as they are, and a
    link given twice is refused by ``Topology``.
    """
    by_direction = {(link.node_a, link.node_b): link for link in links}
    if len(by_direction) != len(links) or any((b, a) not in by_direction for a, b in by_direction):
        return list(links), ""
    merged: dict[frozenset[str], Link] = {}
    for link in links:
        pair = frozenset((link.node_a, link.node_b))
        kept = merged.setdefault(pair, link)
        if (link.length_km or 0.0) > (kept.length_km or 0.0):
            merged[pair] = Link(kept.node_a, kept.node_b, link.length_km, kept.where)
    return list(merged.values()), " Both directions of a link made one fibre pair, of the longer length."


def assemble(
    path: Path,
    name: str,
    source: str,
    names: Sequence[str],
    position_deg: Mapping[str, tuple[float, float]],
    links: Sequence[Link],
) -> Topology:
    """A topology from what was read.

    A link without a length gets the great-circle distance of its ends; nodes without a position get one for
    pictures. Both are said in the topology's source.

    Args:
        path: the file, for messages.
        name: of the topology.
        source: who published it.
        names: nodes in order.
        position_deg: (latitude, longitude) of the nodes that have one.
        links: in order.

    Raises:
        TopologyError: no links, a link without length between ends without positions or at the same place, or
            what ``Topology`` refuses.
    """
    if not links:
        raise TopologyError(f"{path}: no links in it")
    fibres = []
    num_computed = 0
    for link in links:
        length_km = link.length_km
        where = f"{path}: {link.where}: link {link.node_a!r}-{link.node_b!r}"
        for end in (link.node_a, link.node_b):
            if end not in names:
                raise TopologyError(f"{where}: unknown node {end!r}; known: {', '.join(sorted(names))}")
        if length_km is None:
            lost = [end for end in (link.node_a, link.node_b) if end not in position_deg]
            if lost:
                raise TopologyError(
                    f"{where}: no length, and no coordinates of {lost[0]!r} to compute it from"
                )
            length_km = round(great_circle_km(*position_deg[link.node_a], *position_deg[link.node_b]), 3)
            num_computed += 1
            if length_km == 0 and link.node_a != link.node_b:
                raise TopologyError(
                    f"{where}: no length, and both ends have the same coordinates; give a length"
                )
        fibres.append(Fibre(link.node_a, link.node_b, length_km))
    remarks = ""
    if num_computed:
        share = (
            "Lengths" if num_computed == len(links) else f"Lengths of {num_computed} of {len(links)} links"
        )
        remarks += f" {share}: great-circle distance of the coordinates."
    num_unplaced = sum(node not in position_deg for node in names)
    if num_unplaced:
        remarks += f" Coordinates of {num_unplaced} of {len(names)} nodes: made up, for pictures."
    lengths = [(fibre.node_a, fibre.node_b, max(fibre.length_km, 1e-3)) for fibre in fibres]
    placed = fill_positions(position_deg, names, lengths) if num_unplaced else position_deg
    try:
        return Topology(
            name=name,
            source=f"{source.rstrip('.')}.{remarks}",
            nodes=tuple(Node(node, *placed[node]) for node in names),
            fibres=tuple(fibres),
        )
    except TopologyError as error:
        raise TopologyError(f"{path}: {error}") from None
