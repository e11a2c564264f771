"""Files with faults: all told at once, each with its cure; what ``--repair`` makes of them and says."""

from __future__ import annotations

import json

import networkx as nx
import pytest

from topologies.errors import TopologyError
from topologies.importers import read_topology
from topologies.importers.draft import ImportOptions
from topologies.importers.faults import reason_of
from topologies.importers.geography import great_circle_km

PLACES = {"A": (50.0, 8.0), "B": (51.0, 9.0), "C": (52.0, 8.0)}


def graphml(tmp_path, nodes, edges, kind=nx.MultiGraph):
    """Nodes with a place or None; edges as (a, b) or (a, b, attributes)."""
    graph = kind()
    for name, place in nodes.items():
        graph.add_node(name, **({"Latitude": place[0], "Longitude": place[1]} if place else {}))
    for a, b, *attributes in edges:
        graph.add_edge(a, b, **(attributes[0] if attributes else {}))
    file = tmp_path / "net.graphml"
    nx.write_graphml(graph, file)
    return file


def read(file, **options):
    return read_topology(file, ImportOptions(**options))


def refusal(file, **options):
    with pytest.raises(TopologyError) as refused:
        read(file, **options)
    return refused.value


def km(topology):
    return {(f.node_a, f.node_b): f.length_km for f in topology.fibres}


def test_all_faults_are_told_at_once_and_repaired_at_once(tmp_path):
    nodes = {**PLACES, "D": None, "X": (0.0, 0.0), "Y": (1.0, 1.0)}
    edges = [("A", "B"), ("A", "B"), ("B", "C"), ("A", "D"), ("C", "D"), ("C", "C"), ("X", "Y")]
    file = graphml(tmp_path, nodes, edges)
    error = refusal(file)
    for word in ("'A'-'B': is given twice", "no coordinates of 'D'", "both ends are the same", "X, Y cannot"):
        assert word in str(error)
    assert str(error).count("--repair") == 5  # two links of D
    assert set(reason_of(error).split(", ")) == {
        "loop",
        "parallel links",
        "several parts",
        "no length and no coordinates",
    }
    topology, repairs = (imported := read(file, repair=True)).topology, imported.repairs
    assert topology.node_names == ("A", "B", "C", "D")
    assert (topology.nodes[3].latitude_deg, topology.nodes[3].longitude_deg) == (51.0, 8.0)  # mean of A and C
    assert km(topology)["A", "D"] == pytest.approx(great_circle_km(50, 8, 51, 8), abs=1e-3)
    assert len(repairs) == 5
    assert all(text in topology.source for text in repairs)


def test_a_leaf_without_a_place_gets_a_length_that_is_said_or_asked_for_or_is_left_out(tmp_path):
    file = graphml(tmp_path, {**PLACES, "leaf": None}, [("A", "B"), ("B", "C"), ("C", "leaf")])
    assert "--leave-out-unplaced" in str(refusal(file))
    mended = read(file, repair=True)
    lengths = km(mended.topology)
    assert lengths["C", "leaf"] == pytest.approx((lengths["A", "B"] + lengths["B", "C"]) / 2, abs=1e-3)
    assert any("--default-km" in text for text in mended.repairs)
    assert km(read(file, default_km=77).topology)["C", "leaf"] == 77
    assert read(file, leave_out_unplaced=True).topology.node_names == ("A", "B", "C")


def test_parallel_links_are_merged_into_the_shortest(tmp_path):
    file = graphml(tmp_path, PLACES, [("A", "B", {"km": 130}), ("B", "A", {"km": 150}), ("B", "C")])
    assert km(read(file, repair=True).topology)["A", "B"] == 130


def test_two_sites_at_one_place_get_the_least_length(tmp_path):
    file = graphml(tmp_path, {**PLACES, "A2": PLACES["A"]}, [("A", "B"), ("B", "C"), ("A", "A2")])
    assert "same coordinates" in str(refusal(file))
    assert km(read(file, repair=True).topology)["A", "A2"] == 1.0


def test_the_direction_that_is_missing_is_named(tmp_path):
    file = graphml(
        tmp_path,
        dict.fromkeys("ABC"),
        [("A", "B", {"length": 100}), ("B", "A", {"length": 120}), ("B", "C", {"length": 90})],
        nx.DiGraph,
    )
    assert "'C' to 'B' is missing" in str(refusal(file))
    assert km(read(file, repair=True).topology) == {("A", "B"): 120, ("B", "C"): 90}


def test_lengths_beyond_half_the_earth_or_against_the_map_ask_for_their_unit(tmp_path):
    far = graphml(tmp_path, PLACES, [("A", "B", {"length": 132e3}), ("B", "C", {"length": 132e3})])
    assert "--length-unit" in str(refusal(far))
    assert "beyond half the earth" in str(refusal(far, length_unit="km"))
    assert km(read(far, length_unit="m").topology)["A", "B"] == 132
    small = graphml(tmp_path, PLACES, [("A", "B", {"length": 0.2}), ("B", "C", {"length": 0.2})])
    assert reason_of(refusal(small, repair=True)) == "unit not stated"
    assert km(read(small, length_unit="km").topology)["A", "B"] == 0.2


def test_a_weight_is_offered_as_the_length_and_taken_when_named(tmp_path):
    file = graphml(tmp_path, dict.fromkeys("AB"), [("A", "B", {"weight": 100.0})])
    assert "--length weight" in str(refusal(file))
    assert km(read(file, length_attribute="weight").topology) == {("A", "B"): 100}


@pytest.mark.parametrize("form", ["node-link", "adjacency", "Cytoscape", "GML"])
@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph])
def test_what_networkx_writes_is_read(tmp_path, form, kind):
    graph = kind()
    for index, (name, (latitude, longitude)) in enumerate(PLACES.items()):
        graph.add_node(index, name=name, latitude=latitude, longitude=longitude)
    for a, b in [(0, 1), (1, 2), *([(1, 0), (2, 1)] if kind is nx.DiGraph else [])]:
        graph.add_edge(a, b, distance=150.5)
    written = {
        "node-link": lambda: nx.node_link_data(graph, edges="links"),
        "adjacency": lambda: nx.adjacency_data(graph),
        "Cytoscape": lambda: nx.cytoscape_data(graph),
    }
    file = tmp_path / ("net.gml" if form == "GML" else "net.json")
    if form == "GML":
        nx.write_gml(graph, file)
    else:
        file.write_text(json.dumps(written[form]()), encoding="utf-8")
    topology = read(file).topology
    assert [(n.latitude_deg, n.longitude_deg) for n in topology.nodes] == list(PLACES.values())
    assert list(km(topology).values()) == [150.5, 150.5]
    assert "distance, read as km" in topology.source
    assert form in topology.source


LAYERS = """<network name="Two" version="5"><node id="7" name="A" xCoord="8" yCoord="50"/>
<node id="9" name="B" xCoord="9" yCoord="51"/><layer id="1" name="IP"><link originNodeId="7"
destinationNodeId="7" lengthInKm="1"/></layer><layer id="2" name="WDM">
<link originNodeId="7" destinationNodeId="9" lengthInKm="150.5"/>
<link originNodeId="9" destinationNodeId="7" lengthInKm="150.5"/></layer></network>"""
OLDER = """<network name="Two"><physicalTopology><node name="A" xCoord="8" yCoord="50"/>
<node name="B" xCoord="9" yCoord="51"/><link originNodeId="0" destinationNodeId="1" linkLengthInKm="{}"/>
<link originNodeId="1" destinationNodeId="0" linkLengthInKm="{}"/></physicalTopology></network>"""


@pytest.mark.parametrize(
    ("text", "length_km"),
    [
        (LAYERS, 150.5),
        (OLDER.format(150.5, 150.5), 150.5),
        (OLDER.format(0, 0), great_circle_km(50, 8, 51, 9)),
    ],
)
def test_net2plans_fibres_are_read_from_either_version(tmp_path, text, length_km):
    file = tmp_path / "net.n2p"
    file.write_text(text, encoding="utf-8")
    assert km(read(file).topology) == {("A", "B"): pytest.approx(length_km, abs=1e-3)}


def test_pixels_are_no_map_even_where_some_lie_within_the_bounds(tmp_path):
    nodes = {"A": (10.0, 10.0), "B": (300.0, 20.0), "C": (50.0, 400.0)}
    file = graphml(tmp_path, nodes, [("A", "B"), ("B", "C"), ("C", "A")])
    assert "no length and no coordinates" in reason_of(refusal(file, repair=True))
    topology = read(file, repair=True, default_km=120).topology
    assert {fibre.length_km for fibre in topology.fibres} == {120}


def test_a_totem_network_needs_a_length_and_gets_it(tmp_path):
    links = "".join(
        f'<link id="{a}_{b}"><from node="{a}" if="0"/><to node="{b}" if="1"/></link>'
        for a, b in (("12", "13"), ("13", "12"), ("13", "2"), ("2", "13"))
    )
    nodes = "".join(
        f'<node id="{name}"><location longitude="0.0" latitude="0.0"/></node>' for name in ("2", "12", "13")
    )
    file = tmp_path / "geant.xml"
    file.write_text(
        f'<domain ASID="20965" name="GEANT"><topology><nodes>{nodes}</nodes><links>{links}</links></topology>'
        "</domain>"
    )

    with pytest.raises(TopologyError, match="--default-km"):
        read_topology(file, ImportOptions())
    read = read_topology(file, ImportOptions(default_km=400.0)).topology

    assert [node.name for node in read.nodes] == ["2", "12", "13"]
    assert sorted((fibre.node_a, fibre.node_b, fibre.length_km) for fibre in read.fibres) == [
        ("12", "13", 400.0),
        ("13", "2", 400.0),
    ]
