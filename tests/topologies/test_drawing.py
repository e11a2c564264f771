"""Pictures: written in both formats, with every name and length in them, labels that do not collide."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from topologies import drawing
from topologies.catalogue import load_topology
from topologies.drawing import draw_topology
from topologies.errors import TopologyError
from topologies.label_placement import NO_LINK, Obstacles, Spot, place, spread_apart


def test_svg_carries_every_name_and_length_as_text(tmp_path):
    topology = load_topology("nsfnet")
    file = draw_topology(topology, tmp_path / "nsfnet.svg", [("WA", "IL", "PA")])
    texts = [text.text for text in ET.parse(file).iter("{http://www.w3.org/2000/svg}text")]
    assert set(topology.node_names) <= set(texts)
    assert texts.count("1,950") == 1
    assert "WA – IL – PA, 3,150 km" in texts


def test_same_topology_same_svg(tmp_path):
    files = [draw_topology(load_topology("cost239"), tmp_path / f"{n}.svg").read_bytes() for n in "ab"]
    assert files[0] == files[1]


def test_png_is_one(tmp_path):
    file = draw_topology(load_topology("five-node"), tmp_path / "five.png")
    assert file.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("name", "paths", "words"),
    [
        ("a.pdf", (), ".png or .svg"),
        ("none/a.svg", (), "there is no folder"),
        ("a.svg", [("A", "D")], "no link 'A' -> 'D'"),
        ("a.svg", [("A", "Q")], "unknown node 'Q'"),
    ],
)
def test_refusals_leave_no_file(tmp_path, name, paths, words):
    with pytest.raises(TopologyError, match=words):
        draw_topology(load_topology("five-node"), tmp_path / name, paths)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nsfnet", "jpn48", "usnet"])
def test_nodes_keep_apart_and_links_keep_clear_of_nodes_that_are_not_theirs(name):
    topology = load_topology(name)
    position = drawing._positions(topology)
    gap = np.hypot(*(position[:, None] - position[None]).transpose(2, 0, 1)) + 9 * np.eye(len(position))
    assert gap.min() > 4 * drawing.NODE_RADIUS
    for a, b in drawing._ends(topology):
        curve = drawing._curve(position, a, b)
        np.testing.assert_allclose(curve[[0, -1]], position[[a, b]])
        others = np.delete(position, [a, b], axis=0)
        assert np.hypot(*(curve[:, None] - others[None]).transpose(2, 0, 1)).min() > drawing.NODE_RADIUS


def test_a_label_takes_the_spot_that_covers_nothing():
    obstacles = Obstacles(np.array([[0.0, 0.0]]), np.array([0.1]), np.array([8.0]), np.array([-1]))
    spots = [Spot(0.0, 0.0, 0.0, 0.0), Spot(3.0, 0.0, 0.0, 0.05)]
    assert place(["name"], [9.0], [spots], [NO_LINK], obstacles) == [spots[1]]


def test_of_two_labels_that_want_one_spot_one_moves():
    nothing = Obstacles(np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0, int))
    spots = [Spot(0.0, 0.0, 0.0, 0.0), Spot(5.0, 0.0, 0.0, 0.01)]
    chosen = place(["one", "two"], [9.0, 9.0], [spots, spots], [NO_LINK, NO_LINK], nothing)
    assert chosen[0] != chosen[1]


def test_sites_at_one_place_are_spread_and_others_stay():
    position = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [9.0, 9.0]])
    spread = spread_apart(position, 0.5)
    gap = np.hypot(*(spread[:, None] - spread[None]).transpose(2, 0, 1)) + 9 * np.eye(4)
    assert gap.min() > 0.49
    np.testing.assert_array_equal(spread[3], position[3])
