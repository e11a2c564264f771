"""What ships: names, sources, sizes, agreement with the published tables; what else can be loaded."""

from __future__ import annotations

import json

import pytest

from topologies.catalogue import CATALOGUE_DIR, dump_topology, load_topology, topology_names
from topologies.errors import TopologyError
from topologies.importers import import_topology

# (nodes, fibre pairs, total km), counted by hand from the publications' tables.
PUBLISHED = {
    "nsfnet": (14, 22, 21_300),
    "cost239": (11, 26, 30_090),
    "usnet": (24, 43, 13_216),
    "jpn48": (48, 82, 12_576),
    "german17": (17, 24, 6_719),
    "abilene": (12, 15, 19_144),
}


@pytest.mark.parametrize("name", topology_names())
def test_each_network_loads_names_its_source_and_is_named_like_its_file(name):
    topology = load_topology(name)
    assert topology.name == name
    assert len(topology.source) > 20
    assert load_topology(str(CATALOGUE_DIR / f"{name}.json")) == topology


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name):
    topology = load_topology(name)
    total_km = sum(fibre.length_km for fibre in topology.fibres)
    assert (topology.num_nodes, len(topology.fibres), total_km) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_nodes_and_lengths_agree_with_the_shared_tables(name, shared_data):
    """Same order, same lengths; the same names and coordinates where the table has any."""
    ours, theirs = load_topology(name), import_topology(shared_data / "topologies" / f"{name}.csv")
    for fibre, other in zip(ours.fibres, theirs.fibres, strict=True):
        ends = [ours.node_index(fibre.node_a), ours.node_index(fibre.node_b)]
        assert ends == [theirs.node_index(other.node_a), theirs.node_index(other.node_b)]
        assert fibre.length_km == other.length_km
    for node, other in zip(ours.nodes, theirs.nodes, strict=True):
        assert other.name in (node.name, str(ours.node_index(node.name)))
        if "made up" not in theirs.source:
            assert (node.latitude_deg, node.longitude_deg) == (other.latitude_deg, other.longitude_deg)


def test_the_five_node_network_has_alternatives_between_all_pairs():
    topology = load_topology("five-node")
    assert topology.num_nodes == 5
    assert min(degree for _, degree in topology.graph().degree()) >= 2


def test_dump_is_read_back_the_same(tmp_path):
    topology = load_topology("jpn48")
    file = tmp_path / "copy.json"
    file.write_text(dump_topology(topology), encoding="utf-8")
    assert load_topology(file) == topology
    assert json.loads(file.read_text(encoding="utf-8")) == topology.to_json()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nsfnett", ["nsfnett", "known:", "nsfnet", "file"]),
        ("", ["unknown topology"]),
        ("missing.json", ["missing.json", "No such file"]),
        ("network.docx", [".docx", "known: .json"]),
        ("folder/noname", ["folder/noname", "without suffix"]),
    ],
)
def test_unknown_names_and_files_are_refused(what, words):
    with pytest.raises(TopologyError) as refusal:
        load_topology(what)
    for word in words:
        assert word in str(refusal.value)
