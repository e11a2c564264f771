"""Paths around what has failed against the whole table of the network that is left, built anew."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.topologies.test_paths import ORDERS, REACH, pairs_of, small_topologies
from topologies.detours import Avoided, Detours
from topologies.model import Fibre, Node, Topology
from topologies.paths import PathRule, build_path_table


def left_of(topology, avoided):
    """The topology without some fibres and nodes, as a person would write it down."""
    gone = {topology.node_names[node] for node in avoided.nodes}
    fibres = [item for index, item in enumerate(topology.fibres) if index not in avoided.fibres]
    return Topology(
        name="left",
        source="what is left",
        nodes=tuple(item for item in topology.nodes if item.name not in gone),
        fibres=tuple(item for item in fibres if not gone & {item.node_a, item.node_b}),
    )


@st.composite
def failures(draw):
    topology = draw(small_topologies())
    fibres = draw(st.sets(st.integers(0, len(topology.fibres) - 1), max_size=2))
    nodes = draw(st.sets(st.integers(0, topology.num_nodes - 1), max_size=1))
    assume(fibres or nodes)
    return topology, Avoided(frozenset(fibres), frozenset(nodes))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ties", ["km", "lexicographic", "reverse", "library"])
@settings(max_examples=30)
@given(failure=failures(), k=st.integers(1, 6))
def test_routes_are_those_of_the_table_of_what_is_left(order, ties, failure, k):
    topology, avoided = failure
    graph = nx.Graph([(item.node_a, item.node_b) for item in topology.fibres])
    graph.remove_edges_from([(topology.fibres[f].node_a, topology.fibres[f].node_b) for f in avoided.fibres])
    graph.remove_nodes_from([topology.node_names[node] for node in avoided.nodes])
    assume(len(graph) >= 2 and nx.is_connected(graph))
    rule = PathRule(k=k, order=order, ties=ties, reach=REACH)
    table = build_path_table(topology, rule)
    detours = Detours(topology, table)
    left = left_of(topology, avoided)
    anew = build_path_table(left, rule)
    for source, destination in pairs_of(left):
        ends = [topology.node_index(left.node_names[node]) for node in (source, destination)]
        found = detours.routes(*ends, avoided)
        expected = [anew.nodes(path) for path in anew.paths_of(source, destination)]
        if detours.is_affected(*ends, avoided) or ties != "library":
            names = [tuple(topology.node_names[node] for node in nodes) for nodes in found]
            assert names == [tuple(left.node_names[node] for node in nodes) for nodes in expected]
        else:  # the library's own order may change with any link; the pair keeps what it has
            assert found == tuple(table.nodes(path) for path in table.paths_of(*ends))


def test_a_pair_that_is_cut_off_has_no_routes_and_rows_can_be_added():
    nodes = tuple(Node(name, 0.0, float(index)) for index, name in enumerate("ABC"))
    line = Topology("line", "made for a test", nodes, (Fibre("A", "B", 500.0), Fibre("B", "C", 400.0)))
    table = build_path_table(line, PathRule(k=2))
    detours = Detours(line, table)
    assert detours.routes(0, 2, Avoided(frozenset({1}))) == ()
    assert detours.routes(0, 2, Avoided(nodes=frozenset({2}))) == ()
    assert detours.routes(0, 1, Avoided(frozenset({1}))) == ((0, 1),)
    more = table.with_rows(line, [[(2, 1, 0), (1, 0)], [], [(0, 1)]])
    assert [len(more.paths_of_row(row)) for row in (9, 10, 11)] == [2, 0, 1]
    assert [more.nodes(path) for path in more.paths_of_row(9)] == [(2, 1, 0), (1, 0)]
    assert [more.path_length_km[path] for path in more.paths_of_row(9)] == [900.0, 500.0]
    assert more.links(table.num_paths) == (3, 1)
    assert [more.nodes(path) for path in more.paths_of(0, 2)] == [(0, 1, 2)]
