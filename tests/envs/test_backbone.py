"""Which fibre pairs are the backbone, in closed form. Its column beside a slow twin: ``test_energy.py``."""

from __future__ import annotations

import pytest

from envs.candidates import observe
from envs.features import COLUMN
from envs.network import Network
from envs.plant import build_plant
from envs.request import Request
from envs.spec import PlantSpec
from topologies.model import Fibre, Node, Topology


def test_the_backbone_is_the_tree_of_fewest_watts_until_that_fills() -> None:
    names = ("a", "b", "c")
    fibres = (Fibre("a", "c", 500.0), Fibre("a", "b", 100.0), Fibre("b", "c", 100.0))
    triangle = Topology("triangle", "test", tuple(Node(name, 0.0, 0.0) for name in names), fibres)
    spec = PlantSpec(k_paths=2, num_slots=100, power_model="default")
    plant = build_plant(triangle, spec)
    # Over a-b-c each of the tree's four directions serves two of the six node pairs, so all fill alike.
    assert plant.arrays.parts.energy.joins_from.tolist() == pytest.approx([0.6 * 100 * 4, 0.0, 0.0])

    network, direct = Network(plant), Request(source=0, destination=2, bit_rate_gbps=25.0)
    seen, candidates = observe(plant, network, direct)
    outside = {item.nodes: seen.features[c, COLUMN.off_backbone] for c, item in enumerate(candidates)}
    assert (outside[0, 1, 2], outside[0, 2] > 0) == (0.0, True)
    for nodes in ((0, 1, 2), (2, 1, 0)):
        network.provision(nodes, 40, 60)
    seen, _ = observe(plant, network, direct)
    assert not seen.features[:, COLUMN.off_backbone].any()
