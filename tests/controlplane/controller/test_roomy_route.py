"""The route with room is the one that a look at every simple route finds."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest

from controlplane.controller.roomy_route import roomy_route
from controlplane.tapi.context import Drained


def shortest_with_room(
    lab: Any, lit: dict[tuple[str, str], int], request: Any, closed: Drained
) -> set[tuple[str, ...] | None]:
    """The shortest simple routes with a free block, with the first format for which there is one."""
    plant = lab.plant
    graph = plant.topology.graph()
    graph.remove_edges_from([*closed.links, *request.exclude_links])
    graph.remove_nodes_from([*closed.nodes, *request.exclude_nodes])
    if not {request.source, request.destination} <= set(graph):
        return {None}
    for used in plant.capacity.formats:
        size = math.ceil(request.bit_rate_gbps / used.slot_capacity_gbps) + plant.capacity.guard_slots
        block = (1 << size) - 1
        fitting = {
            tuple(nodes): plant.length_km(tuple(nodes))
            for nodes in nx.all_simple_paths(graph, request.source, request.destination)
            if plant.length_km(tuple(nodes)) <= used.reach_km
            and any(
                all(not lit.get(hop, 0) >> start & block for hop in pairwise(nodes))
                for start in range(32 - size + 1)
            )
        }
        if fitting:
            least_km = min(fitting.values())
            return {nodes for nodes, km in fitting.items() if km <= least_km + 1e-6}
    return {None}


@pytest.mark.parametrize("is_shared", [True, False])
def test_it_is_the_shortest_of_all_simple_routes_that_have_room(lab: Any, is_shared: bool) -> None:
    dice, met = random.Random(7), set()
    links = [(fibre.node_a, fibre.node_b) for fibre in lab.plant.topology.fibres]
    for _ in range(120):
        lit = {}
        for a, b in links:
            lit[a, b] = sum(1 << slot for slot in range(32) if dice.random() < 0.45)
            lit[b, a] = lit[a, b] if is_shared else dice.getrandbits(32)
        request = lab.request(*dice.sample("ABCDE", 2), dice.choice((25, 50, 100)))
        request = replace(request, exclude_nodes=tuple(dice.sample("ABCDE", dice.random() < 0.2)))
        closed = Drained(frozenset(dice.sample(links, dice.randrange(3))))
        nodes = roomy_route(lab.plant, lit, request, closed)
        assert nodes in shortest_with_room(lab, lit, request, closed)
        met.add(nodes is None)
    assert met == {True, False}
    assert roomy_route(lab.plant, {}, replace(request, include_nodes=("A",)), Drained()) is None
