"""What a cut costs, counted another way: every simple route of a small network, slot by slot."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np

from benchmarks.restoration import Cuts, RouteSearch, fill, single_cuts
from configs.build import plant_of, traffic_of
from configs.load import load_config
from controlplane.controller.network import plant_view
from envs.network import Network
from envs.plant import Plant
from envs.request import Request
from envs.traffic import make_trace

SMALL = ("plant.num_slots=32", "plant.k_paths=2", "traffic.load_erlang=120")


def any_route_carries(plant: Plant, network: Network, request: Request, cut: frozenset[int]) -> bool:
    """Every simple route with every format that reaches, at every start."""
    occupied, topology = network.occupied(), plant.topology
    graph = nx.relabel_nodes(topology.graph(), {name: i for i, name in enumerate(topology.node_names)})
    for nodes in nx.all_simple_paths(graph, request.source, request.destination):
        if cut in {frozenset(hop) for hop in pairwise(nodes)}:
            continue
        km = sum(graph.edges[hop]["length_km"] for hop in pairwise(nodes))
        links = [topology.link_index(*(topology.node_names[n] for n in hop)) for hop in pairwise(nodes)]
        taken = occupied[plant.unit_of_link[links]].any(axis=0)
        for item in plant.formats:
            size = (
                int(np.ceil(request.bit_rate_gbps / item.slot_capacity_gbps - 1e-9)) + plant.spec.guard_slots
            )
            for start in range(plant.spec.num_slots - size + 1) if km <= item.reach_km else ():
                if not taken[start : start + size].any():
                    return True
    return False


def test_what_stays_lost_and_why_is_what_all_simple_routes_say() -> None:
    config = load_config("five-node", SMALL)
    plant = plant_of(config)
    network, services, blocking = fill(plant, make_trace(traffic_of(config), plant, 400, seed=3))
    before, search = network.occupied(), RouteSearch(plant_view(config), plant)
    assert 0 < blocking < 1

    total = sum(single_cuts(plant, network, services, search), Cuts())

    assert np.array_equal(network.occupied(), before)
    assert total.hit == sum(len(item.lightpath.nodes) - 1 for item in services)
    assert total.hit > total.lost_stored >= total.lost >= total.lost_any > total.disconnected == 0
    for fibre in plant.topology.fibres:
        ends = plant.topology.node_index(fibre.node_a), plant.topology.node_index(fibre.node_b)
        for item in services:
            if frozenset(ends) in {frozenset(hop) for hop in pairwise(item.lightpath.nodes)}:
                continue
            wider = replace(item.request, bit_rate_gbps=100.0)
            found = search.block(network, wider, frozenset(ends))
            assert (found is not None) == any_route_carries(plant, network, wider, frozenset(ends))
