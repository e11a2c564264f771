"""Every path of the fewest hops that give K of them, against networkx's enumeration in order of hops."""

from __future__ import annotations

from itertools import islice, takewhile

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topologies import fewest_hops
from topologies.catalogue import load_topology
from topologies.fewest_hops import paths_of_fewest_hops
from topologies.paths import PathRule, build_path_table


def by_networkx(graph: nx.Graph, source: str, destination: str, k: int) -> list[list[str]]:
    enumeration = nx.shortest_simple_paths(graph, source, destination)
    try:
        found = list(islice(enumeration, k))
    except nx.NetworkXNoPath:
        return []
    return found + list(takewhile(lambda path: len(found) == k and len(path) <= len(found[-1]), enumeration))


@given(
    num_nodes=st.integers(2, 11),
    share=st.floats(0.0, 0.6),
    seed=st.integers(0, 10**6),
    k=st.integers(1, 12),
)
def test_they_are_those_of_networkx(num_nodes: int, share: float, seed: int, k: int) -> None:
    graph = nx.relabel_nodes(nx.gnp_random_graph(num_nodes, share, seed), str)
    found = paths_of_fewest_hops(dict(graph.adjacency()), "0", "1", k)
    assert found is not None
    assert sorted(found) == sorted(by_networkx(graph, "0", "1", k))
    assert [len(path) for path in found] == sorted(len(path) for path in found)


def test_a_search_that_leads_nowhere_is_given_up_and_the_table_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = nx.relabel_nodes(nx.lollipop_graph(12, 3), str)  # two paths at the tail, ten thousand ways aside
    assert paths_of_fewest_hops(dict(graph.adjacency()), "12", "14", 3) is None
    topology, rule = load_topology("nsfnet"), PathRule(k=7)
    searched = build_path_table(topology, rule)
    monkeypatch.setattr(fewest_hops, "MOST_STEPS", 0)
    enumerated = build_path_table(topology, rule)
    assert np.array_equal(enumerated.path_nodes, searched.path_nodes)
    assert enumerated.content_hash == searched.content_hash


def test_a_node_that_is_not_there_has_no_paths() -> None:
    neighbours = {"a": ["b"], "b": ["a"], "c": []}
    assert paths_of_fewest_hops(neighbours, "a", "c", 2) == []
    assert paths_of_fewest_hops(neighbours, "a", "d", 2) == []
    assert paths_of_fewest_hops(neighbours, "d", "a", 2) == []
