"""Choices of the pairs are drawn once and for all, and who looks at no demand gains by none of them."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np

from benchmarks.forecast import BASE, HOT
from benchmarks.hot_pairs import HotPairsEffort, _geometry, drawn_choices, figures, hot_traffic
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.policy import LinearPolicy
from envs.settings import agent_plant
from topologies.catalogue import load_topology


def test_more_choices_begin_with_the_same_ones() -> None:
    few, many = drawn_choices(14, 5), drawn_choices(14, 40)
    assert many[:5] == few
    assert len(set(many)) == 40
    assert all(a < b for choice in many for a, b in choice)
    assert all(first != second for first, second in many)


def test_both_ways_of_both_pairs_are_hot() -> None:
    weights = hot_traffic(((0, 3), (3, 5)), 6).pair_weights
    assert weights is not None
    assert np.array_equal(weights, weights.T)
    assert {tuple(pair) for pair in np.argwhere(weights == HOT).tolist()} == {(0, 3), (3, 0), (3, 5), (5, 3)}


def test_hops_are_those_of_the_shortest_way() -> None:
    plant = build_plant(load_topology(BASE.topology), agent_plant(BASE))
    graph, names = plant.topology.graph(), plant.topology.node_names
    for choice in drawn_choices(14, 20):
        found = _geometry(plant, choice)
        hops = [nx.shortest_path_length(graph, names[a], names[b]) for a, b in choice]
        assert found["hops"] == hops
        assert found["shared_ends"] == 4 - len({*choice[0], *choice[1]})


def test_a_rule_that_looks_at_no_demand_is_changed_by_no_choice(tmp_path: Path) -> None:
    rule = baseline("ksp_ff")
    assert isinstance(rule, LinearPolicy)
    effort = HotPairsEffort(choices=2, requests=2000, log_requests=200)
    told: list[str] = []

    found = figures(rule, effort, told.append, tmp_path / "rows.json")

    assert [row["forecast"]["change"] for row in found["choices"]] == [0.0, 0.0]
    assert found["mean"]["placebo"] == {"change": 0.0, "change_ci95": [0.0, 0.0]}
    assert all(row["none"]["request_blocking"] > 0 for row in found["choices"])
    assert len(told) == 2
    assert figures(rule, effort, told.append, tmp_path / "rows.json") == found  # from the file
