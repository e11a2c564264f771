"""Reads GNPy's workbooks (.xlsx, .xls) [1]: the sheets Nodes and Links.

Sites of type ILA and FUSED with two neighbours are part of a line, as GNPy takes them; all others are nodes.
The length of a link is the longer of its two directions; GNPy's 80 km stand where none is given.

[1] https://gnpy.readthedocs.io/en/master/excel.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import networkx as nx

from topologies.errors import TopologyError
from topologies.importers.draft import Draft, Link, clean_name, number
from topologies.importers.workbook import Rows, table

NODE_HEADINGS, LINK_HEADINGS = ("city",), ("node a", "node z")
ON_THE_WAY = ("ila", "fused", "")
GNPY_DEFAULT_KM = 80.0


def is_workbook(sheets: Mapping[str, Rows]) -> bool:
    """Whether these are the sheets of a GNPy network."""
    return {"nodes", "links"} <= {name.lower() for name in sheets}


def read(sheets: Mapping[str, Rows], path: Path) -> Draft:
    """The network in the sheets of a workbook.

    Raises:
        TopologyError: a heading is missing, a city is given twice, a link to nowhere, a value that is not a
            number.
    """
    by_name = {name.lower(): rows for name, rows in sheets.items()}
    nodes, links = table(by_name["nodes"], NODE_HEADINGS), table(by_name["links"], LINK_HEADINGS)
    if nodes is None or links is None:
        needed = "City in sheet Nodes" if nodes is None else "Node A, Node Z in sheet Links"
        raise TopologyError(f"{path}: no headings {needed}")
    graph = nx.MultiGraph()
    position_deg: dict[str, tuple[float, float]] = {}
    for row_number, row in nodes:
        name, where = clean_name(row["city"][0]), f"sheet Nodes, row {row_number}"
        if name in graph:
            raise TopologyError(f"{path}: {where}: city {name!r} is given twice")
        graph.add_node(name, on_the_way=_value(row, "type").lower() in ON_THE_WAY)
        if _value(row, "latitude") and _value(row, "longitude"):
            latitude_deg, longitude_deg = (
                number(_value(row, key), key, f"{path}: {where}") for key in ("latitude", "longitude")
            )
            position_deg[name] = (latitude_deg, longitude_deg)
    remark = ""
    for row_number, row in links:
        where = f"sheet Links, row {row_number}"
        ends = [clean_name(_value(row, heading)) for heading in LINK_HEADINGS]
        for end in ends:
            if end not in graph:
                raise TopologyError(f"{path}: {where}: unknown node {end!r}")
        given = [value for value in row.get("distance (km)", []) if value]
        lengths_km = [number(value, "Distance (km)", f"{path}: {where}") for value in given]
        if not lengths_km:
            remark = f" Lengths that are not given: GNPy's {GNPY_DEFAULT_KM:g} km."
        graph.add_edge(*ends, km=max(lengths_km, default=GNPY_DEFAULT_KM), where=where, node_a=ends[0])
    _make_lines(graph)
    return Draft(
        path,
        path.stem,
        f"{path.stem}, imported from a GNPy workbook.{remark}",
        list(graph),
        {name: place for name, place in position_deg.items() if name in graph},
        [
            Link(a if data["node_a"] == a else b, b if data["node_a"] == a else a, data["km"], data["where"])
            for a, b, data in graph.edges(data=True)
        ],
    )


def _make_lines(graph: nx.MultiGraph) -> None:
    """Take out the sites that are part of a line, adding up the lengths on both sides."""
    for name in [name for name, data in graph.nodes(data=True) if data["on_the_way"]]:
        spans = list(graph.edges(name, data=True))
        ends = [end for _, end, _ in spans]
        if len(spans) == 2 and name not in ends:
            total_km = round(sum(data["km"] for _, _, data in spans), 6)
            graph.add_edge(*ends, km=total_km, where=spans[0][2]["where"], node_a=ends[0])
            graph.remove_node(name)


def _value(row: Mapping[str, list[str]], heading: str) -> str:
    return row.get(heading, [""])[0]
