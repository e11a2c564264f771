"""Reads networks of TopologyBench [1]: a table of nodes and a table of edges, as two CSV files or as sheets.

    Node_ID,Latitude,Longitude,Location Name,Country
    Edge_ID,Source,Destination,Computed Length (km)

The files are ``nodes_NAME`` and ``edges_NAME`` in one folder; either may be given.

[1] Matzner et al., "Topology Bench: systematic graph-based benchmarking for core optical networks", JOCN 2024
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, distinct_names, number
from topologies.importers.workbook import Rows, sheets_of, table

NODE_HEADINGS, EDGE_HEADINGS = ("node_id",), ("source", "destination")
LENGTH_HEADINGS = ("computed length (km)", "length (km)", "distance (km)")
LABEL_HEADINGS = ("location name", "location", "name", "label")
PREFIXES = {"nodes_": "edges_", "edges_": "nodes_"}


def is_part(sheets: Mapping[str, Rows]) -> bool:
    """Whether one of the tables is of this form."""
    return any(table(rows, NODE_HEADINGS) is not None or _is_edges(rows) for rows in sheets.values())


def partner_of(path: Path) -> Path | None:
    """The other file of the pair, whether it is there or not; None where the name has no such prefix."""
    for prefix, other in PREFIXES.items():
        if path.name.lower().startswith(prefix):
            return path.with_name(other + path.name[len(prefix) :])
    return None


def read(sheets: Mapping[str, Rows], path: Path) -> Draft:
    """The network in the tables of a file, and in those of its partner where one of the two is missing.

    Raises:
        TopologyError: no table of nodes or none of edges, or a value that is not a number.
    """
    tables = list(sheets.values())
    partner = partner_of(path)
    if partner is not None and partner.is_file():
        tables += sheets_of(partner.read_bytes(), partner).values()
    nodes = next((found for rows in tables if (found := table(rows, NODE_HEADINGS)) is not None), None)
    edges = next((table(rows, EDGE_HEADINGS) for rows in tables if _is_edges(rows)), None)
    if nodes is None or edges is None:
        missing = "nodes (Node_ID, Latitude, Longitude)" if nodes is None else "edges (Source, Destination)"
        beside = f"; put it beside this file as {partner.name}" if partner else ""
        raise TopologyError(f"{path}: TopologyBench form without a table of {missing}{beside}")
    ids = [row["node_id"][0] for _, row in nodes]
    names = distinct_names([_first(row, LABEL_HEADINGS) for _, row in nodes], ids)
    name_by_id = dict(zip(ids, names, strict=True))
    position_deg: dict[str, tuple[float, float]] = {}
    for name, (row_number, row) in zip(names, nodes, strict=True):
        place = _first(row, ("latitude",)), _first(row, ("longitude",))
        if all(place):
            where = f"{path}: nodes, row {row_number}"
            position_deg[name] = number(place[0], "Latitude", where), number(place[1], "Longitude", where)
    links = []
    for row_number, row in edges:
        where = f"edges, row {row_number}"
        node_a, node_b = (row[heading][0] for heading in EDGE_HEADINGS)
        length = _first(row, LENGTH_HEADINGS)
        length_km = number(length, "length", f"{path}: {where}") if length else None
        links.append(Link(name_by_id.get(node_a, node_a), name_by_id.get(node_b, node_b), length_km, where))
    prefix = next((prefix for prefix in PREFIXES if path.stem.lower().startswith(prefix)), "")
    name = path.stem[len(prefix) :]
    source = f"{name}, imported from tables in the form of TopologyBench (Matzner et al. 2024)"
    return Draft(path, name, source, names, position_deg, links)


def _is_edges(rows: Rows) -> bool:
    return table(rows, EDGE_HEADINGS) is not None


def _first(row: Mapping[str, list[str]], headings: tuple[str, ...]) -> str:
    return next((row[heading][0] for heading in headings if row.get(heading, [""])[0]), "")
