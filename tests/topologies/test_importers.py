"""Other people's files: what is read from them, what is computed and said, what is refused and how."""

from __future__ import annotations

import copy
import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topologies.catalogue import load_topology
from topologies.errors import TopologyError
from topologies.importers import import_topology
from topologies.importers.geography import EARTH_RADIUS_KM, great_circle_km

CSV = """\
# triangle: 3 nodes. Source: A Paper, 2024
# node,index,name,latitude_deg,longitude_deg
node,0,Berlin,52.52,13.40
node,1,Hamburg,53.55,9.99
node,2,"Frankfurt, Main",50.11,8.68
link,0,1,290
link,1,2,
link,2,0,550.5
"""

NATIVE = """\
?SNDlib native format; type: network; version: 1.0
# network triangle
NODES (
  Berlin ( 13.40 52.52 )
  Hamburg ( 9.99 53.55 )
  Frankfurt ( 8.68 50.11 )
)
LINKS (
  L1 ( Berlin Hamburg ) 0.00 0.00 0.00 0.00 ( 40.00 1.00 )   # a comment
  L2 ( Hamburg Frankfurt ) 0.00 0.00 0.00 0.00 ( )
  L3 ( Frankfurt Berlin ) 0.00 0.00 0.00 0.00 ( )
)
DEMANDS (
  D1 ( Berlin Hamburg ) 1 12.5 UNLIMITED
)
"""

SNDLIB_XML = """\
<?xml version="1.0"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="Berlin"><coordinates><x>13.40</x><y>52.52</y></coordinates></node>
   <node id="Hamburg"><coordinates><x>9.99</x><y>53.55</y></coordinates></node>
   <node id="Frankfurt"><coordinates><x>8.68</x><y>50.11</y></coordinates></node>
  </nodes>
  <links>
   <link id="L1"><source>Berlin</source><target>Hamburg</target></link>
   <link id="L2"><source>Hamburg</source><target>Frankfurt</target></link>
   <link id="L3"><source>Frankfurt</source><target>Berlin</target></link>
  </links>
 </networkStructure>
</network>
"""

GRAPHML = """\
<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="length" attr.type="double" for="edge" id="d9" />
  <key attr.name="Latitude" attr.type="double" for="node" id="d1" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d2" />
  <key attr.name="label" attr.type="string" for="node" id="d3" />
  <key attr.name="Network" attr.type="string" for="graph" id="d4" />
  <key attr.name="Source" attr.type="string" for="graph" id="d5" />
  <graph edgedefault="undirected">
    <data key="d4">Triangle</data>
    <data key="d5">http://example.org/map</data>
    <node id="0"><data key="d1">52.52</data><data key="d2">13.40</data><data key="d3">Berlin</data></node>
    <node id="1"><data key="d1">53.55</data><data key="d2">9.99</data><data key="d3">Hamburg</data></node>
    <node id="2"><data key="d1">50.11</data><data key="d2">8.68</data><data key="d3">Frankfurt</data></node>
    <edge source="0" target="1"><data key="d9">290</data></edge>
    <edge source="1" target="2" />
    <edge source="2" target="0" />
  </graph>
</graphml>
"""


def gnpy_document():
    """Two ROADM sites, an amplifier on the way, a fused site to the third; every direction its own fibres."""

    def element(uid, kind, **params):
        location = {"city": uid, "region": "", "latitude": len(uid) * 1.0, "longitude": 2.0}
        return {"uid": uid, "type": kind, "metadata": {"location": location}, "params": params}

    def fibre(uid, length, units="km"):
        return element(uid, "Fiber", length=length, length_units=units, loss_coef=0.2, con_in=0, con_out=0)

    elements = [
        *(element(f"trx {site}", "Transceiver") for site in "ABC"),
        *(element(f"roadm {site}", "Roadm") for site in ("A", "BB", "CCC")),
        element("fused F", "Fused"),
        element("east edfa", "Edfa"),
        element("west edfa", "Edfa"),
        *(fibre("A-amp", 80.0), fibre("amp-BB", 60000.0, "m"), fibre("BB-amp", 60.0), fibre("amp-A", 85.0)),
        *(fibre("BB-F", 40.0), fibre("F-CCC", 50.0), fibre("CCC-F", 50.0), fibre("F-BB", 40.0)),
    ]
    lines = [
        ["trx A", "roadm A", "A-amp", "east edfa", "amp-BB", "roadm BB", "trx B"],
        ["trx B", "roadm BB", "BB-amp", "west edfa", "amp-A", "roadm A", "trx A"],
        ["roadm BB", "BB-F", "fused F", "F-CCC", "roadm CCC", "trx C"],
        ["trx C", "roadm CCC", "CCC-F", "fused F", "F-BB", "roadm BB"],
    ]
    connections = [{"from_node": a, "to_node": b} for line in lines for a, b in pairwise(line)]
    return {"network_name": "Line", "elements": elements, "connections": connections}


FILES = {"t.csv": CSV, "t.txt": NATIVE, "t.xml": SNDLIB_XML, "t.graphml": GRAPHML}


def load(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return import_topology(file)


def refusal_of(tmp_path, name, text):
    with pytest.raises(TopologyError) as refusal:
        load(tmp_path, name, text)
    assert name in str(refusal.value)
    return str(refusal.value)


@given(*[st.floats(-90, 90), st.floats(-180, 180)] * 2)
def test_great_circle_agrees_with_the_angle_between_vectors(lat_a, lon_a, lat_b, lon_b):
    def vector(lat, lon):
        phi, lam = math.radians(lat), math.radians(lon)
        return (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))

    a, b = vector(lat_a, lon_a), vector(lat_b, lon_b)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    angle = math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))
    assert great_circle_km(lat_a, lon_a, lat_b, lon_b) == pytest.approx(angle * EARTH_RADIUS_KM, abs=1e-3)


def test_csv_gives_names_lengths_and_source_and_computes_what_is_empty(tmp_path):
    topology = load(tmp_path, "t.csv", CSV)
    assert topology.name == "triangle"
    assert topology.node_names == ("Berlin", "Hamburg", "Frankfurt Main")
    assert [fibre.length_km for fibre in topology.fibres] == [290.0, pytest.approx(393, abs=3), 550.5]
    assert topology.source == (
        "A Paper, 2024. Lengths of 1 of 3 links: great-circle distance of the coordinates."
    )


def test_csv_nodes_without_names_and_coordinates_get_an_index_and_a_place_for_pictures(tmp_path):
    text = "node,0,,,\nnode,1,,,\nnode,2,x,,\nlink,0,1,10\nlink,1,2,20\n"
    topology = load(tmp_path, "mine.csv", text)
    assert topology.node_names == ("0", "1", "x")
    assert len({(node.latitude_deg, node.longitude_deg) for node in topology.nodes}) == 3
    assert "Coordinates of 3 of 3 nodes: made up" in topology.source
    assert "names no source" in topology.source


def test_csv_names_that_are_shared_get_their_index(tmp_path):
    text = "node,0,town,1,1\nnode,1,town,2,2\nlink,0,1,10\n"
    assert load(tmp_path, "mine.csv", text).node_names == ("town 0", "town 1")


@pytest.mark.parametrize("name", ["t.txt", "t.xml", "t.graphml"])
def test_lengths_without_a_source_are_great_circles_and_said_to_be(tmp_path, name):
    topology = load(tmp_path, name, FILES[name].replace('<data key="d9">290</data>', ""))
    assert topology.node_names == ("Berlin", "Hamburg", "Frankfurt")
    # Berlin - Hamburg 255 km, Hamburg - Frankfurt 393 km, Frankfurt - Berlin 424 km as the crow flies.
    assert [fibre.length_km for fibre in topology.fibres] == pytest.approx([255, 393, 424], abs=2)
    assert "Lengths: great-circle distance" in topology.source


def test_graphml_lengths_are_taken_where_given_and_the_publisher_is_the_source(tmp_path):
    topology = load(tmp_path, "t.graphml", GRAPHML)
    assert topology.fibres[0].length_km == 290.0
    assert topology.source.startswith("Triangle, http://example.org/map")
    assert "attribute length, read as km" in topology.source
    assert "Lengths of 2 of 3 links: great-circle" in topology.source


def test_graphml_nodes_without_a_place_sit_among_their_neighbours_when_lengths_are_given(tmp_path):
    text = GRAPHML.replace('<data key="d1">50.11</data><data key="d2">8.68</data>', "")
    with_km = text.replace('target="2" />', 'target="2"><data key="d9">393</data></edge>').replace(
        'source="2" target="0" />', 'source="2" target="0"><data key="d9">424</data></edge>'
    )
    topology = load(tmp_path, "t.graphml", with_km)
    frankfurt = topology.nodes[2]
    assert (frankfurt.latitude_deg, frankfurt.longitude_deg) == pytest.approx((53.035, 11.695), abs=1e-3)
    assert "no coordinates of 'Frankfurt'" in refusal_of(tmp_path, "t.graphml", text)


def test_directed_graphml_with_both_ways_makes_one_fibre_pair_of_the_longer_length(tmp_path):
    text = (
        "<graphml><key id='k' for='edge' attr.name='length_km'/><graph edgedefault='directed'>"
        "<node id='a'/><node id='b'/>"
        "<edge source='a' target='b'><data key='k'>10</data></edge>"
        "<edge source='b' target='a'><data key='k'>12</data></edge></graph></graphml>"
    )
    topology = load(tmp_path, "two.graphml", text)
    assert [(f.node_a, f.node_b, f.length_km) for f in topology.fibres] == [("a", "b", 12.0)]
    assert "longer" in topology.source


def test_gnpy_lines_become_links_of_the_sum_of_their_fibres(tmp_path):
    topology = load(tmp_path, "line.json", gnpy_document())
    assert topology.node_names == ("A", "BB", "CCC")
    # A to BB 80 + 60 km, back 60 + 85: the longer one counts; BB to CCC 40 + 50 km through the fused site.
    assert [(f.node_a, f.node_b, f.length_km) for f in topology.fibres] == [
        ("A", "BB", 145.0),
        ("BB", "CCC", 90.0),
    ]
    assert "longer" in topology.source
    assert [node.latitude_deg for node in topology.nodes] == [7.0, 8.0, 9.0]


def _without_length(document):
    next(e for e in document["elements"] if e["uid"] == "BB-F")["params"].pop("length")


def _without_way_back(document):
    document["connections"] = [c for c in document["connections"] if "BB-amp" not in c.values()]


def _with_a_fork(document):
    document["connections"].append({"from_node": "east edfa", "to_node": "F-CCC"})


def _with_an_unknown_end(document):
    document["connections"].append({"from_node": "roadm A", "to_node": "roadm Z"})


def _with_a_parallel_line(document):
    extra = copy.deepcopy(next(e for e in document["elements"] if e["uid"] == "A-amp")) | {"uid": "second"}
    document["elements"].append(extra)
    document["connections"] += [
        {"from_node": "roadm A", "to_node": "second"},
        {"from_node": "second", "to_node": "roadm BB"},
    ]


def _with_miles(document):
    next(e for e in document["elements"] if e["uid"] == "A-amp")["params"]["length_units"] = "mi"


def _with_a_dead_end(document):
    document["connections"] = [
        c for c in document["connections"] if c != {"from_node": "amp-BB", "to_node": "roadm BB"}
    ]


def _with_an_element_twice(document):
    document["elements"].append(document["elements"][0])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_length, ["fibre 'BB-F'", "length is missing"]),
        (_without_way_back, ["from 'roadm A' to 'roadm BB'", "'BB' to 'A' is missing"]),
        (_with_a_fork, ["forks at 'east edfa'"]),
        (_with_an_unknown_end, ["unknown node 'roadm Z'", "to_node"]),
        (_with_a_parallel_line, ["from 'roadm A' to 'roadm BB'", "given twice"]),
        (_with_miles, ["'A-amp'", "'mi'", "km or m"]),
        (_with_a_dead_end, ["ends at 'amp-BB'"]),
        (_with_an_element_twice, ["'trx A'", "given twice"]),
    ],
)
def test_gnpy_refusals_name_the_element(tmp_path, damage, words):
    document = gnpy_document()
    damage(document)
    text = refusal_of(tmp_path, "line.json", document)
    for word in words:
        assert word in text


BOMB = """<?xml version="1.0"?><!DOCTYPE network [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<network xmlns="http://sndlib.zib.de/network"><networkStructure>&b;</networkStructure></network>"""


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("t.csv", "link,0,1,290", "link,0,9,290", ["line 6", "unknown node '9'"]),
        ("t.csv", "link,0,1,290", "link,0,1,far", ["line 6", "length_km", "'far'"]),
        ("t.csv", "link,0,1,290", "link,0,1,-4", ["'Berlin'-'Hamburg'", "-4"]),
        ("t.csv", "link,0,1,290", "link,0,2,290", ["given twice"]),
        ("t.csv", "link,0,1,290", "span,0,1,290", ["line 6", "span,0,1,290"]),
        ("t.csv", "link,0,1,290", "link,0,1", ["line 6"]),
        ("t.csv", "node,1,", "node,7,", ["line 4", "'7'", "next one is 1"]),
        ("t.csv", "52.52", "north", ["line 3", "latitude_deg", "'north'"]),
        ("t.csv", "52.52", "152.52", ["Berlin", "152.52"]),
        ("t.csv", "link,1,2,\nlink,2,0,550.5\n", "", ["disconnected", "Frankfurt Main"]),
        ("t.txt", "type: network", "type: model", ["line 1", "type: network"]),
        ("t.txt", "( Berlin Hamburg ) 0", "( Berlin Bremen ) 0", ["line 9", "unknown node 'Bremen'"]),
        ("t.txt", "Berlin ( 13.40 52.52 )", "Berlin 13.40 52.52", ["line 4", "node ( longitude latitude )"]),
        ("t.txt", "13.40 52.52", "134.0 522.5", ["Berlin", "522.5"]),
        ("t.txt", "( Hamburg Frankfurt )", "( Hamburg Berlin )", ["given twice"]),
        (
            "t.xml",
            "<target>Hamburg</target>",
            "<target>Bremen</target>",
            ["number 1", "unknown node 'Bremen'"],
        ),
        ("t.xml", "<target>Hamburg</target>", "", ["number 1", "target is missing"]),
        ("t.xml", '"geographical"', '"pixel"', ["pixel", "geographical"]),
        ("t.xml", "<x>13.40</x>", "<x>east</x>", ["'Berlin'", "'east'"]),
        ("t.xml", SNDLIB_XML, BOMB, ["DOCTYPE"]),
        ("t.xml", "</network>", "", ["not well-formed"]),
        ("t.xml", SNDLIB_XML, "<html/>", ["<html>", "<network>"]),
        (
            "t.graphml",
            'source="2" target="0"',
            'source="2" target="5"',
            ["edge number 3", "unknown node '5'"],
        ),
        ("t.graphml", 'source="2" target="0"', 'source="1" target="0"', ["given twice"]),
        ("t.graphml", '<node id="2">', '<node id="1">', ["node number 3", "'1'"]),
        ("t.graphml", ">290<", ">long<", ["edge number 1", "'long'"]),
        ("t.graphml", "53.55", "52.52", None),
    ],
)
def test_refusals_name_file_place_and_reason(tmp_path, name, old, new, words):
    assert old in FILES[name]
    damaged = FILES[name].replace(old, new, 1)
    if words is None:  # still a sound file: the table above does not refuse everything
        load(tmp_path, name, damaged)
        return
    text = refusal_of(tmp_path, name, damaged)
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "line 1: not JSON"),
        ("a.json", "[]", "an object is needed, not list"),
        ("a.json", '{"name": "x"}', "field 'source' is missing"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"Edfa": [], "SI": []}', "JSON of no network that is known; it has 'Edfa', 'SI'"),
        (
            "a.json",
            '{"nodes": [{"id": 0}], "adjacency": [[{"to": 1}]]}',
            "networkx graph of the adjacency form",
        ),
        ("a.json", '{"elements": [], "connections": []}', "no links"),
        ("a.csv", "", "no links"),
        ("a.txt", "hello", "?SNDlib native format"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, name, text, words):
    assert words in refusal_of(tmp_path, name, text)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"node,0,\xff\xfe,1,1\n")
    with pytest.raises(TopologyError, match="not UTF-8"):
        import_topology(file)


@pytest.mark.parametrize(
    "name", ["coronet", "cost239_ptrnet", "geant2", "tataind", "usa100", "usnet_ptrnet", "german17"]
)
def test_the_shared_networks_enter_through_the_importer(shared_data, name):
    """Counts as in the first line of each file."""
    file = shared_data / "topologies" / f"{name}.csv"
    words = file.read_text(encoding="utf-8").splitlines()[0].split()
    topology = load_topology(file)
    assert (topology.name, topology.num_nodes, len(topology.fibres)) == (name, int(words[2]), int(words[4]))
    assert topology.source.split(".")[0] in file.read_text(encoding="utf-8")
