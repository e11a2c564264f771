"""Networks in tables and lists: TopologyBench's, GNPy's workbooks and other forms, bare lists of links."""

from __future__ import annotations

import json

import openpyxl
import pytest

from topologies.errors import TopologyError
from topologies.importers import files_in, import_topology, read_topology
from topologies.importers.draft import ImportOptions

NODES = [
    ["Node_ID", "Latitude", "Longitude", "Location Name", "Country"],
    [1, 51.5, -0.1, "London", "UK"],
    [2, 48.9, 2.3, "Paris", "France"],
    [3, 50.8, 4.4, "Brussels", "Belgium"],
]
EDGES = [
    ["Edge_ID", "Source", "Destination", "Computed Length (km)"],
    [1, 1, 2, 515.0],
    [2, 2, 3, 396.5],
]
GNPY_NODES = [
    ["a title"],
    ["City", "State", "Country", "Region", "Latitude", "Longitude", "Type"],
    *(
        [city, "", "", "", index, 0, kind]
        for index, (city, kind) in enumerate(
            [("A", "ROADM"), ("amp", "ILA"), ("B", "ROADM"), ("hub", "FUSED")]
        )
    ),
    ["C", "", "", "", 7, 1, "ROADM"],
]
GNPY_LINKS = [
    ["", "", "east cable (from a to z)", "", "west (from z to a)"],
    ["Node A", "Node Z", "Distance (km)", "Fiber type", "Distance (km)", "Fiber type"],
    ["A", "amp", 60, "", "", ""],
    ["B", "amp", 50, "", 55, ""],
    ["B", "hub", 40, "", "", ""],
    ["hub", "C", "", "", "", ""],
]


def write_csv(file, rows):
    file.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n", encoding="utf-8")
    return file


def write_workbook(file, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file


def fibres_of(topology):
    return [(f.node_a, f.node_b, f.length_km) for f in topology.fibres]


@pytest.mark.parametrize("given", ["nodes_X.csv", "edges_X.csv"])
def test_a_pair_of_topologybench_tables_is_read_by_either_file_and_once_in_a_folder(tmp_path, given):
    write_csv(tmp_path / "nodes_X.csv", NODES)
    write_csv(tmp_path / "edges_X.csv", EDGES)
    topology = import_topology(tmp_path / given)
    assert topology.name == "X"
    assert topology.node_names == ("London", "Paris", "Brussels")
    assert fibres_of(topology) == [("London", "Paris", 515.0), ("Paris", "Brussels", 396.5)]
    assert files_in(tmp_path) == [tmp_path / "edges_X.csv"]


def test_a_topologybench_table_alone_names_the_other_file(tmp_path):
    with pytest.raises(TopologyError, match=r"without a table of nodes.*beside this file as nodes_X\.csv"):
        import_topology(write_csv(tmp_path / "edges_X.csv", EDGES))


def test_topologybench_tables_in_one_workbook_are_read(tmp_path):
    topology = import_topology(write_workbook(tmp_path / "X.xlsx", first=NODES, second=EDGES))
    assert fibres_of(topology) == [("London", "Paris", 515.0), ("Paris", "Brussels", 396.5)]


def test_a_gnpy_workbook_makes_lines_of_amplifier_sites_and_takes_the_longer_direction(tmp_path):
    topology = import_topology(write_workbook(tmp_path / "net.xlsx", Nodes=GNPY_NODES, Links=GNPY_LINKS))
    assert topology.node_names == ("A", "B", "C")
    lengths = {frozenset((a, b)): km for a, b, km in fibres_of(topology)}
    assert lengths == {frozenset("AB"): 60 + 55, frozenset("BC"): 40 + 80}
    assert "GNPy's 80 km" in topology.source


@pytest.mark.parametrize(
    ("sheets", "words"),
    [
        ({"Nodes": GNPY_NODES, "Links": [*GNPY_LINKS, ["A", "Z", 1]]}, "row 7: unknown node 'Z'"),
        ({"Nodes": [*GNPY_NODES, ["A"]], "Links": GNPY_LINKS}, "row 8: city 'A' is given twice"),
        ({"Nodes": GNPY_NODES, "Links": [["x"]]}, "no headings Node A, Node Z"),
        ({"Sheet1": [["x"]]}, "sheets Sheet1"),
    ],
)
def test_workbooks_that_are_refused_say_where(tmp_path, sheets, words):
    with pytest.raises(TopologyError, match=words):
        import_topology(write_workbook(tmp_path / "net.xlsx", **sheets))


def test_a_file_that_is_no_workbook_is_refused(tmp_path):
    for suffix in ("xls", "xlsx"):
        file = tmp_path / f"net.{suffix}"
        file.write_bytes(b"hello")
        with pytest.raises(TopologyError, match="not a readable workbook"):
            import_topology(file)


def gnpy_with_a_fused_site_before_a_transceiver():
    def fibre(uid, km):
        return {"uid": uid, "type": "Fiber", "params": {"length": str(km), "length_units": "km"}}

    sites = [
        ("roadm A", "Roadm"),
        ("roadm B", "Roadm"),
        ("trx C", "Transceiver"),
        ("x", "Fused"),
        ("y", "Fused"),
    ]
    lines = [
        ("roadm A", "ab"), ("ab", "roadm B"), ("roadm B", "ba"), ("ba", "roadm A"),
        ("roadm B", "bc"), ("bc", "x"), ("x", "trx C"), ("trx C", "y"), ("y", "cb"), ("cb", "roadm B"),
    ]  # fmt: skip
    return {
        "elements": [
            *({"uid": uid, "type": kind} for uid, kind in sites),
            *(fibre(uid, km) for uid, km in [("ab", 80), ("ba", 80), ("bc", 60), ("cb", 60)]),
        ],
        "connections": [{"from_node": a, "to_node": b} for a, b in lines],
    }


@pytest.mark.parametrize("form", ["plain", "yang", "api"])
def test_a_fused_site_before_a_transceiver_hides_no_link_in_any_gnpy_form(tmp_path, form):
    document = gnpy_with_a_fused_site_before_a_transceiver()
    file = tmp_path / "net.json"
    if form == "api":
        for element in document["elements"]:
            element["type"] = f"gnpy-network-topology:{element['type']}"
    if form != "plain":
        document = {"gnpy-network-topology:topology": document}
    file.write_text(json.dumps({"gnpy-api:api": document} if form == "api" else document))
    found = {(frozenset((a, b)), km) for a, b, km in fibres_of(import_topology(file))}
    assert found == {(frozenset("AB"), 80.0), (frozenset("BC"), 60.0)}


@pytest.mark.parametrize("counts", ["", "3\n2\n"])
def test_a_bare_list_of_links_asks_for_its_unit(tmp_path, counts):
    file = tmp_path / "net.txt"
    file.write_text(f"# a network\n{counts}1\t10\t1100\n2 1 600  # a comment\n", encoding="utf-8")
    with pytest.raises(TopologyError, match="--length-unit"):
        import_topology(file)
    topology = read_topology(file, ImportOptions(length_unit="km")).topology
    assert topology.node_names == ("1", "2", "10")
    assert fibres_of(topology) == [("1", "10", 1100.0), ("2", "1", 600.0)]
    file.write_text("3\n4\n1 2 1100\n2 3 600\n", encoding="utf-8")
    with pytest.raises(TopologyError, match="4 links are announced, 2 found"):
        read_topology(file, ImportOptions(length_unit="km"))
