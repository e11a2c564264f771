"""The path table against a plain enumeration of every loopless path, for every order and tie rule."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topologies import paths
from topologies.catalogue import load_topology
from topologies.errors import TopologyError
from topologies.model import Fibre, Node, Topology
from topologies.paths import PathRule, build_path_table

ORDERS = ("km", "hops", "hops_over_se", "hops_se_all")
TIES = ("km", "lexicographic", "reverse", "hash", "library")
REACH = ((625.0, 4), (1250.0, 3), (2500.0, 2), (math.inf, 1))


@st.composite
def small_topologies(draw):
    """Connected graphs of 3 to 6 nodes whose lengths often tie."""
    num_nodes = draw(st.integers(3, 6))
    length_km = st.sampled_from([300.0, 600.0, 700.0, 1300.0, 2600.0])
    links = {(draw(st.integers(0, node - 1)), node): draw(length_km) for node in range(1, num_nodes)}
    pairs = [(a, b) for a in range(num_nodes) for b in range(a + 1, num_nodes) if (a, b) not in links]
    for pair in draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []:
        links[pair] = draw(length_km)
    return Topology(
        name="drawn",
        source="drawn by a test",
        nodes=tuple(Node(f"n{index}", float(index), 0.0) for index in range(num_nodes)),
        fibres=tuple(Fibre(f"n{a}", f"n{b}", km) for (a, b), km in links.items()),
    )


def all_simple_paths(topology, source, destination):
    """Every loopless path, by depth-first search on the fibre list."""
    km = {}
    for fibre in topology.fibres:
        a, b = topology.node_names.index(fibre.node_a), topology.node_names.index(fibre.node_b)
        km[a, b] = km[b, a] = fibre.length_km
    found = []

    def walk(path, length_km):
        if path[-1] == destination:
            found.append((tuple(path), length_km))
            return
        for a, b in km:
            if a == path[-1] and b not in path:
                walk([*path, b], length_km + km[a, b])

    walk([source], 0.0)
    return found


def hops_over_se(path, length_km):
    bits = next(bits for reach_km, bits in REACH if length_km <= reach_km)
    return (len(path) - 1) / bits


def expected_paths(topology, source, destination, k, order, ties):
    tie = {
        "km": lambda path, km: (km, path),
        "lexicographic": lambda path, km: path,
        "reverse": lambda path, km: tuple(-node for node in path),
    }[ties]
    cost = {
        "km": lambda path, km: km,
        "hops": lambda path, km: len(path),
        "hops_over_se": lambda path, km: len(path),
        "hops_se_all": hops_over_se,
    }[order]
    paths = sorted(all_simple_paths(topology, source, destination), key=lambda p: (cost(*p), tie(*p)))[:k]
    if order == "hops_over_se":
        paths.sort(key=lambda p: (hops_over_se(*p), tie(*p)))
    return [path for path, _ in paths]


def pairs_of(topology):
    nodes = range(topology.num_nodes)
    return [(a, b) for a in nodes for b in nodes if a != b]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ties", ["km", "lexicographic", "reverse"])
@settings(max_examples=25)
@given(topology=small_topologies(), k=st.integers(1, 6))
def test_table_holds_the_k_best_of_all_paths_in_order(order, ties, topology, k):
    table = build_path_table(topology, PathRule(k=k, order=order, ties=ties, reach=REACH))
    for source, destination in pairs_of(topology):
        paths = [table.nodes(path) for path in table.paths_of(source, destination)]
        assert paths == expected_paths(topology, source, destination, k, order, ties)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ties", ["hash", "library"])
@settings(max_examples=25)
@given(topology=small_topologies(), k=st.integers(1, 6))
def test_table_with_library_ties_holds_paths_of_the_k_least_costs(order, ties, topology, k):
    table = build_path_table(topology, PathRule(k=k, order=order, ties=ties, reach=REACH))
    for source, destination in pairs_of(topology):
        km_of = dict(all_simple_paths(topology, source, destination))
        paths = [table.nodes(path) for path in table.paths_of(source, destination)]
        assert len(set(paths)) == len(paths) == min(k, len(km_of))

        entry = {"km": lambda path, km: km, "hops_se_all": hops_over_se}.get(
            order, lambda path, km: len(path)
        )
        least = sorted(entry(path, km) for path, km in km_of.items())[:k]
        assert sorted(entry(path, km_of[path]) for path in paths) == pytest.approx(least)

        rank = {"km": lambda path, km: km, "hops": lambda path, km: len(path)}.get(order, hops_over_se)
        ranks = [rank(path, km_of[path]) for path in paths]
        assert ranks == sorted(ranks)
        if ties == "hash":
            keys = [hashlib.sha256(str(list(path)).encode()).hexdigest() for path in paths]
            for (rank_a, key_a), (rank_b, key_b) in pairwise(zip(ranks, keys, strict=True)):
                assert rank_a < rank_b or key_a < key_b


@settings(max_examples=25)
@given(topology=small_topologies())
def test_links_and_lengths_belong_to_the_nodes_of_a_path(topology):
    table = build_path_table(topology, PathRule(k=3))
    names = topology.node_names
    for path in range(table.num_paths):
        nodes, links = table.nodes(path), table.links(path)
        assert [topology.link_name(link) for link in links] == [
            f"{names[a]}-{names[b]}" for a, b in pairwise(nodes)
        ]
        assert table.path_hops[path] == len(links) == len(nodes) - 1
        assert table.path_length_km[path] == pytest.approx(sum(topology.link_length_km[list(links)]))


def test_every_pair_of_nsfnet_has_k_paths_from_its_source_to_its_destination():
    topology = load_topology("nsfnet")
    table = build_path_table(topology, PathRule(k=5))
    for source, destination in pairs_of(topology):
        paths = table.paths_of(source, destination)
        assert len(paths) == 5
        assert all((table.nodes(p)[0], table.nodes(p)[-1]) == (source, destination) for p in paths)
    assert all(len(table.paths_of(node, node)) == 0 for node in range(topology.num_nodes))


def test_hash_tells_rules_topologies_and_lengths_apart():
    five = load_topology("five-node")
    longer = Topology(five.name, five.source, five.nodes, (Fibre("A", "B", 251.0), *five.fibres[1:]))
    tables = [
        build_path_table(five),
        build_path_table(five, PathRule(k=4)),
        build_path_table(five, PathRule(order="km")),
        build_path_table(five, PathRule(ties="reverse")),
        build_path_table(longer),
    ]
    assert len({table.content_hash for table in tables}) == len(tables)
    assert build_path_table(five).content_hash == tables[0].content_hash


def test_no_paths_at_all_is_refused():
    with pytest.raises(TopologyError, match="k_paths is 0"):
        build_path_table(load_topology("five-node"), PathRule(k=0))


def test_more_ties_than_anybody_waits_for_are_refused_with_the_remedy(monkeypatch):
    rows, columns = 3, 4  # from corner to corner of a grid: 10 paths of 5 hops
    nodes = [(row, column) for row in range(rows) for column in range(columns)]
    grid = Topology(
        name="grid",
        source="drawn by a test",
        nodes=tuple(Node(f"{row}{column}", float(column), float(row)) for row, column in nodes),
        fibres=tuple(
            Fibre(f"{row}{column}", f"{row + down}{column + right}", 100.0)
            for row, column in nodes
            for down, right in ((0, 1), (1, 0))
            if row + down < rows and column + right < columns
        ),
    )
    monkeypatch.setattr(paths, "MOST_TIED", 9)  # beside the first
    assert build_path_table(grid, PathRule(k=1)).num_paths
    monkeypatch.setattr(paths, "MOST_TIED", 8)
    with pytest.raises(TopologyError, match=r"00 to 23: over 8 paths .* plant\.path_ties to library or hash"):
        build_path_table(grid, PathRule(k=1))
    assert build_path_table(grid, PathRule(k=1, ties="library")).num_paths
