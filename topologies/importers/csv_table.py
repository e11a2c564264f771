"""Reads a topology from one CSV file with node and link rows.

    # nsfnet: 14 nodes, 22 fibre pairs. Source: Chen et al., JLT 2019
    node,0,WA,47.61,-122.33
    link,0,1,1050

First field ``node``: index (0, 1, ... in order), name, latitude and longitude in degrees. Name and
coordinates may be empty; a node without a name is named by its index, and the index
follows a name that others share.
First field ``link``: two node indices, length in km (empty: great-circle distance). Lines that begin with
``#`` are comments; the first one may give name and source.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, distinct_names, number


def read(text: str, path: Path) -> Draft:
    """The network in a CSV text.

    Raises:
        TopologyError: a row of another kind or length, a node out of order, an unknown node, or a
            value that is no number.
    """
    lines = text.splitlines()
    rows = [
        (line_number, [field.strip() for field in row])
        for line_number, row in enumerate(csv.reader(lines), start=1)
        if row and not row[0].startswith("#")
    ]
    listed = [row for _, row in rows if row[0] == "node" and len(row) == 5]
    names = distinct_names([row[2] for row in listed], [row[1] for row in listed])
    position_deg: dict[str, tuple[float, float]] = {}
    links: list[Link] = []
    num_nodes = 0
    for line_number, row in rows:
        where = f"line {line_number}"
        place = f"{path}: {where}"
        if row[0] == "node" and len(row) == 5:
            if row[1] != str(num_nodes):
                raise TopologyError(f"{place}: node index {row[1]!r}; the next one is {num_nodes}")
            if row[3] or row[4]:
                latitude_deg, longitude_deg = (
                    number(row[3], "latitude_deg", place),
                    number(row[4], "longitude_deg", place),
                )
                position_deg[names[num_nodes]] = (latitude_deg, longitude_deg)
            num_nodes += 1
        elif row[0] == "link" and len(row) == 4:
            node_a, node_b = (_node(field, names, place) for field in row[1:3])
            length_km = number(row[3], "length_km", place) if row[3] else None
            links.append(Link(node_a, node_b, length_km, where))
        else:
            raise TopologyError(
                f"{place}: {','.join(row)!r}; node,index,name,latitude_deg,longitude_deg or "
                "link,node_a,node_b,length_km is needed"
            )
    heading = re.match(r"#\s*([\w.-]+)\s*:", lines[0]) if lines else None
    source = re.search(r"[Ss]ource:\s*(.+)", lines[0]) if lines else None
    return Draft(
        path,
        heading[1] if heading else path.stem,
        source[1].strip() if source else f"Imported from {path.name}, which names no source",
        names,
        position_deg,
        links,
    )


def _node(field: str, names: list[str], place: str) -> str:
    if not field.isdecimal() or int(field) >= len(names):
        raise TopologyError(f"{place}: unknown node {field!r}; the nodes are 0 to {len(names) - 1}")
    return names[int(field)]
