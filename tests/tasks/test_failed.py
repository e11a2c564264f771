"""What fails, and what is asked for then."""

from __future__ import annotations

import itertools
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from envs.forecast import DemandForecast, pairs_of
from envs.plant import Plant, build_plant
from envs.trace import TraceError
from envs.traffic import PoissonTraffic, make_trace
from tasks.failed import failed_plants, forecast_left, traffic_left
from topologies.model import Fibre, Node, RiskGroup, Topology


def test_each_failure_takes_one_thing_away_and_leaves_the_network_connected(plant: Plant) -> None:
    cut, other, down = failed_plants(plant, 2, 1)

    for after, num_nodes in ((cut, 5), (other, 5), (down, 4)):
        assert nx.is_connected(after.topology.graph())
        assert len(after.topology.nodes) == num_nodes
    fibres = {len(after.topology.fibres) for after in (cut, other)}
    assert fibres == {len(plant.topology.fibres) - 1}
    assert cut.topology.name != other.topology.name


def test_a_tree_has_only_a_leaf_to_spare() -> None:
    nodes = tuple(Node(name, 0.0, float(i)) for i, name in enumerate("ABC"))
    tree = Topology("tree", "test", nodes, (Fibre("A", "B", 100.0), Fibre("B", "C", 100.0)))

    names = [after.topology.name for after in failed_plants(build_plant(tree), 3, 3)]

    assert names == ["tree without A", "tree without C"]


def test_the_fibres_of_a_risk_group_go_down_together(plant: Plant) -> None:
    groups = (
        RiskGroup("bridge", (("A", "B"), ("C", "A"))),
        RiskGroup("cut-off", (("E", "A"), ("D", "E"))),  # would leave E alone
    )
    named = build_plant(replace(plant.topology, risk_groups=groups), plant.spec)

    (after,) = failed_plants(named, 0, 0, 2)

    assert after.topology.name == "five-node without bridge"
    left = {frozenset((item.node_a, item.node_b)) for item in after.topology.fibres}
    every = {frozenset((item.node_a, item.node_b)) for item in plant.topology.fibres}
    assert every - left == {frozenset("AB"), frozenset("AC")}


def test_without_named_groups_the_busiest_fibres_of_the_busiest_node_are_one(plant: Plant) -> None:
    (after,) = failed_plants(plant, 0, 0, 1)

    table, names = plant.path_table, plant.topology.node_names
    passed, crossed = dict.fromkeys(names, 0), dict.fromkeys(range(len(plant.topology.fibres)), 0)
    for a, b in itertools.permutations(range(5), 2):
        links = [int(link) for link in table.links(int(table.first_path[a * 5 + b]))]
        for link in links:
            crossed[link // 2] += 1
        for link in links[:-1]:
            passed[names[plant.topology.link_destination[link]]] += 1
    busiest = max(names, key=lambda name: passed[name])
    mine = [f for f, item in enumerate(plant.topology.fibres) if busiest in (item.node_a, item.node_b)]
    two = sorted(mine, key=lambda fibre: -crossed[fibre])[:2]
    gone = set(plant.topology.fibres) - set(after.topology.fibres)
    assert gone == {plant.topology.fibres[fibre] for fibre in two}
    assert after.topology.name.endswith("(derived risk group)")
    ring = Topology("ring", "test", plant.topology.nodes, plant.topology.fibres[:5])
    assert list(failed_plants(build_plant(ring), 0, 0, 1)) == []  # any two fibres cut a ring


def test_requests_of_a_node_that_is_down_are_no_longer_asked(plant: Plant, traffic: PoissonTraffic) -> None:
    trace = make_trace(traffic, plant, 500, 1)
    (down,) = failed_plants(plant, 0, 1)
    lost = set(plant.topology.node_names) - set(down.topology.node_names)

    left = traffic_left(trace, down.topology)

    names = np.array(trace.node_names)
    asked = ~(np.isin(names[trace.source], list(lost)) | np.isin(names[trace.destination], list(lost)))
    assert left.node_names == down.topology.node_names
    assert np.array_equal(left.arrival_s, trace.arrival_s[asked])
    assert np.array_equal(np.array(left.node_names)[left.source], names[trace.source][asked])
    nowhere = Topology("elsewhere", "test", (Node("X", 0, 0), Node("Y", 0, 1)), (Fibre("X", "Y", 10.0),))
    with pytest.raises(TraceError, match="without requests"):
        traffic_left(trace, nowhere)


def test_a_forecast_is_that_of_the_pairs_that_are_left(plant: Plant) -> None:
    (down,) = failed_plants(plant, 0, 1)
    pairs, rates_gbps = pairs_of(plant), tuple(sorted(plant.spec.future_rates_gbps))
    weights = np.linspace(0.5, 1.5, len(pairs))
    forecast = DemandForecast(
        topology_hash=plant.topology.content_hash,
        pairs=pairs,
        weights=tuple(map(float, weights / weights.mean())),
        rates_gbps=rates_gbps,
        shares=(1 / len(rates_gbps),) * len(rates_gbps),
        source_id="a test",
        num_requests=1000,
    )

    left = forecast_left(forecast, down.topology)

    left.demand_plant(down)
    assert np.mean(left.weights) == pytest.approx(1.0)
    by_pair = dict(zip(forecast.pairs, forecast.weights, strict=True))
    ratios = {weight / by_pair[pair] for pair, weight in zip(left.pairs, left.weights, strict=True)}
    assert max(ratios) == pytest.approx(min(ratios))
