"""What a topology refuses, how it counts links, and what its hash depends on."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from topologies.catalogue import dump_topology
from topologies.errors import TopologyError
from topologies.model import Fibre, FibreSpan, Node, RiskGroup, Topology, topology_from_json

NODES = (Node("a", 0.0, 0.0), Node("b", 1.0, 1.0), Node("c", 2.0, 0.0))
FIBRES = (Fibre("a", "b", 100.0), Fibre("b", "c", 200.0))
LINE = Topology("line", "a test", NODES, FIBRES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": NODES[:1], "fibres": ()}, ["1 node(s)", "two"]),
        ({"nodes": (*NODES, Node("a", 5.0, 5.0))}, ["'a'", "twice"]),
        ({"nodes": (Node("x,y", 0.0, 0.0), *NODES[1:])}, ["'x,y'", "comma"]),
        ({"nodes": (Node("x/y", 0.0, 0.0), *NODES[1:])}, ["'x/y'", "slash"]),
        ({"nodes": (Node(" ", 0.0, 0.0), *NODES[1:])}, ["empty"]),
        ({"nodes": (Node("a", 91.0, 0.0), *NODES[1:])}, ["'a'", "91.0", "±90"]),
        ({"nodes": (Node("a", math.nan, 0.0), *NODES[1:])}, ["'a'", "nan"]),
        ({"fibres": (*FIBRES, Fibre("a", "z", 1.0))}, ["'a'-'z'", "unknown node 'z'", "a, b, c"]),
        ({"fibres": (*FIBRES, Fibre("a", "a", 1.0))}, ["'a'-'a'", "same node"]),
        ({"fibres": (*FIBRES, Fibre("b", "a", 1.0))}, ["'b'-'a'", "given twice"]),
        ({"fibres": (FIBRES[0], Fibre("b", "c", 0.0))}, ["'b'-'c'", "0.0", "positive"]),
        ({"fibres": (FIBRES[0], Fibre("b", "c", -3.0))}, ["'b'-'c'", "-3.0"]),
        ({"fibres": (FIBRES[0], Fibre("b", "c", math.inf))}, ["'b'-'c'", "inf"]),
        ({"fibres": (FIBRES[0], Fibre("b", "c", 200.0, (FibreSpan(90.0, "SSMF"),)))}, ["90", "200"]),
        ({"fibres": (FIBRES[0], Fibre("b", "c", 1.0, (FibreSpan(-1.0, "SSMF"),)))}, ["'b'-'c'", "-1.0"]),
        ({"fibres": FIBRES[:1]}, ["disconnected", "c"]),
        ({"risk_groups": (RiskGroup("duct", (("a", "b"),)),)}, ["'duct'", "1 fibre", "two or more"]),
        ({"risk_groups": (RiskGroup("duct", (("a", "b"), ("b", "a"))),)}, ["'duct'", "1 fibre"]),
        ({"risk_groups": (RiskGroup("duct", (("a", "b"), ("a", "c"))),)}, ["no fibre 'a'-'c'"]),
        ({"risk_groups": (RiskGroup(" ", (("a", "b"), ("b", "c"))),)}, ["a name is needed"]),
        ({"risk_groups": (RiskGroup("d", (("a", "b"), ("b", "c"))),) * 2}, ["'d'", "twice"]),
    ],
)
def test_refusals_name_the_topology_the_place_and_the_value(change, words):
    with pytest.raises(TopologyError) as refusal:
        replace(LINE, **change)
    for word in ("line", *words):
        assert word in str(refusal.value)


def test_links_go_forth_and_back_in_fibre_order():
    assert [LINE.link_name(link) for link in range(LINE.num_links)] == ["a-b", "b-a", "b-c", "c-b"]
    assert LINE.link_index("c", "b") == 3
    np.testing.assert_array_equal(LINE.link_length_km, [100, 100, 200, 200])
    with pytest.raises(TopologyError, match="no link 'a' -> 'c'"):
        LINE.link_index("a", "c")
    with pytest.raises(TopologyError, match=r"unknown node 'q'.*a, b, c"):
        LINE.node_index("q")


def test_risk_groups_are_told_back_and_do_not_make_another_network():
    grouped = replace(LINE, risk_groups=(RiskGroup("bridge", (("b", "a"), ("b", "c"))),))

    assert topology_from_json(json.loads(dump_topology(grouped)), "here") == grouped
    assert "risk_groups" not in LINE.to_json()
    assert grouped.content_hash == LINE.content_hash
    assert [group.name for group in grouped.risk_groups_of("a", "b")] == ["bridge"]
    assert LINE.risk_groups_of("a", "b") == ()
    broken = grouped.to_json() | {"risk_groups": [{"name": "bridge", "fibres": [["a"]]}]}
    with pytest.raises(TopologyError, match="here"):
        topology_from_json(broken, "here")


def test_hash_counts_nodes_and_fibres_and_not_name_and_source():
    assert replace(LINE, name="other", source="other").content_hash == LINE.content_hash
    assert replace(LINE, fibres=(FIBRES[0], Fibre("b", "c", 200.5))).content_hash != LINE.content_hash
    assert replace(LINE, nodes=NODES[::-1]).content_hash != LINE.content_hash


def test_json_comes_back_as_it_went():
    assert topology_from_json(LINE.to_json(), "memory") == LINE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": None}, "'nodes' must be a list, not NoneType"),
        ({"fibres": [{"node_a": "a", "node_b": "b"}]}, "field 'length_km' is missing"),
        ({"fibres": [{"node_a": "a", "node_b": "b", "length_km": "far"}]}, "far"),
        ({"fibres": []}, "disconnected"),
    ],
)
def test_broken_json_is_refused_with_the_file(change, words):
    with pytest.raises(TopologyError) as refusal:
        topology_from_json(LINE.to_json() | change, "mine.json")
    assert str(refusal.value).startswith("mine.json: ")
    assert words in str(refusal.value)


def test_spans_of_a_link_come_back_and_count_in_the_hash():
    spans = (FibreSpan(120.0, "SSMF"), FibreSpan(80.0, "G.655"))
    listed = replace(LINE, fibres=(FIBRES[0], replace(FIBRES[1], spans=spans)))
    assert topology_from_json(json.loads(dump_topology(listed)), "here") == listed
    assert listed.content_hash != LINE.content_hash
