"""What single cuts of a loaded network cost: of the services that a cut hits, how many stay lost, and why.

``python -m benchmarks.restoration TOPOLOGY``. The services over the link are set up again one after the other
by KSP-FF, as the path computation element would: with the K paths of the network that is left
(``topologies/detours.py``), and beside it with the K stored paths of the intact one, and with whatever route
has room where the K paths have none. That one the controller looks for (``controller/roomy_route.py``); how
long each search takes is told. Not here: how long restoration takes (``controlplane.py``).
"""

from __future__ import annotations

import heapq
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

from configs.build import plant_of, traffic_of
from configs.load import load_config
from controlplane.controller.capacity import SlotsByReach
from controlplane.controller.network import PlantView, plant_view
from controlplane.controller.roomy_route import roomy_route
from controlplane.tapi.context import Drained
from controlplane.tapi.service_body import ServiceRequest
from envs.candidates import Candidate, observe
from envs.network import Network
from envs.plant import Plant
from envs.request import Request
from envs.trace import Trace
from envs.traffic import make_trace

SCENARIO = "latency-rsa"
LOADS_ERLANG = (75.0, 150.0, 300.0)
REQUESTS_PER_ERLANG = 4.0  # after three mean holding times a network is as full as it gets


class AnyBlock(NamedTuple):
    """A free block on a route that may be none of the K."""

    nodes: tuple[int, ...]
    first_slot: int
    num_slots: int
    modulation_format: str


@dataclass(frozen=True)
class Carried:
    """A service with its lightpath."""

    request: Request
    lightpath: Candidate | AnyBlock


@dataclass(frozen=True)
class Cuts:
    """Over all single cuts, in services.

    Attributes:
        hit: that a cut took from their lightpath.
        lost_stored: that stay without one, with the stored paths of the intact network only.
        lost: with K paths on what is left.
        lost_any: with any route that has room, where the K paths have none.
        disconnected: of the latter, those whose ends nothing connects any more.
    """

    hit: int = 0
    lost_stored: int = 0
    lost: int = 0
    lost_any: int = 0
    disconnected: int = 0

    def __add__(self, other: Cuts) -> Cuts:
        return Cuts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(Cuts)))


def fill(plant: Plant, trace: Trace) -> tuple[Network, list[Carried], float]:
    """A network after a trace, what stands there, and which share of the requests was blocked."""
    network, blocked, leaving = Network(plant), 0, list[tuple[float, int, Carried]]()
    for row in range(trace.num_requests):
        now_s = float(trace.arrival_s[row])
        while leaving and leaving[0][0] <= now_s:
            _release(network, heapq.heappop(leaving)[2])
        request = Request(
            int(trace.source[row]), int(trace.destination[row]), float(trace.bit_rate_gbps[row])
        )
        found = first(plant, network, request)
        if found is None:
            blocked += 1
            continue
        carried = Carried(request, found)
        _provision(network, found)
        heapq.heappush(leaving, (now_s + float(trace.holding_s[row]), row, carried))
    return (
        network,
        [item[2] for item in sorted(leaving, key=lambda item: item[1])],
        blocked / trace.num_requests,
    )


class RouteSearch:
    """The controller's search for any route, on the twin's network.

    Args:
        view: the controller's plant.
        plant: the twin's of the same network.

    Attributes:
        took_ms: each search.
    """

    def __init__(self, view: PlantView, plant: Plant) -> None:
        self._view = view
        self._plant = plant
        self.took_ms: list[float] = []

    def block(self, network: Network, request: Request, cut: frozenset[int]) -> AnyBlock | None:
        """The first free block along the shortest route that has one; None where no route has."""
        names, rule = self._plant.topology.node_names, self._view.capacity
        assert isinstance(rule, SlotsByReach)
        ends = names[request.source], names[request.destination]
        asked = ServiceRequest(*ends, request.bit_rate_gbps, uuid="restored")
        here, there = (names[node] for node in cut)
        occupied = network.occupied()
        rows = {}
        for link, unit in enumerate(self._plant.unit_of_link):
            fibre = self._plant.topology.fibres[link // 2]
            both = fibre.node_a, fibre.node_b
            rows[both[link % 2], both[1 - link % 2]] = occupied[unit]
        taken = {ends: sum(1 << int(slot) for slot in np.flatnonzero(row)) for ends, row in rows.items()}
        began = time.perf_counter()
        route = roomy_route(self._view, taken, asked, Drained(frozenset({(here, there)})))
        self.took_ms.append((time.perf_counter() - began) * 1000)
        if route is None:
            return None
        free = ~np.any([rows[hop] for hop in pairwise(route)], axis=0)
        nodes = tuple(map(names.index, route))
        for used in rule.formats:
            size = rule.slots(request.bit_rate_gbps, used)
            for start in range(len(free) - size + 1):
                if self._view.length_km(route) <= used.reach_km and free[start : start + size].all():
                    return AnyBlock(nodes, start, size, used.name)
        raise AssertionError(f"no block along {route}")


def single_cuts(
    plant: Plant, network: Network, services: Sequence[Carried], search: RouteSearch
) -> Iterator[Cuts]:
    """What each cut costs; the network is as it was afterwards."""
    for fibre in plant.topology.fibres:
        ends = plant.topology.node_index(fibre.node_a), plant.topology.node_index(fibre.node_b)
        hit = [item for item in services if frozenset(ends) in _links(item.lightpath.nodes)]
        stored = _lost(plant, network, hit, ends, only_stored=True)
        best = _lost(plant, network, hit, ends)
        anyhow = _lost(plant, network, hit, ends, search)
        cut = frozenset(ends)
        apart = sum(not is_connected(plant, item.request, cut) for item in anyhow)
        yield Cuts(len(hit), len(stored), len(best), len(anyhow), apart)


def _lost(
    plant: Plant,
    network: Network,
    hit: Sequence[Carried],
    ends: tuple[int, int],
    search: RouteSearch | None = None,
    only_stored: bool = False,
) -> list[Carried]:
    """Those that do not come back; the network is as it was afterwards."""
    for item in hit:
        _release(network, item)
    network.fail_link(*ends)
    restored, lost = [], []
    for item in hit:
        found: Candidate | AnyBlock | None = first(plant, network, item.request, only_stored)
        if found is None and search is not None:
            found = search.block(network, item.request, frozenset(ends))
        if found is None:
            lost.append(item)
            continue
        restored.append(Carried(item.request, found))
        _provision(network, found)
    for item in restored:
        _release(network, item)
    network.repair_link(*ends)
    for item in hit:
        _provision(network, item.lightpath)
    return lost


def first(plant: Plant, network: Network, request: Request, only_stored: bool = False) -> Candidate | None:
    """KSP-FF's choice: the first candidate that can be taken; None where there is none."""
    table = plant.path_table
    stored = {table.nodes(path) for path in table.paths_of(request.source, request.destination)}
    observation, candidates = observe(plant, network, request)
    for candidate, is_possible in zip(candidates, observation.action_mask, strict=False):
        if is_possible and (not only_stored or candidate.nodes in stored):
            return candidate
    return None


def is_connected(plant: Plant, request: Request, cut: frozenset[int]) -> bool:
    """Whether anything still connects the ends of a service."""
    names, graph = plant.topology.node_names, plant.topology.graph()
    graph.remove_edge(*(names[node] for node in cut))
    return bool(nx.has_path(graph, names[request.source], names[request.destination]))


def _links(nodes: Sequence[int]) -> set[frozenset[int]]:
    return {frozenset(hop) for hop in pairwise(nodes)}


def _provision(network: Network, path: Candidate | AnyBlock) -> None:
    network.provision(path.nodes, path.first_slot, path.num_slots, path.modulation_format)


def _release(network: Network, item: Carried) -> None:
    path = item.lightpath
    network.release(path.nodes, path.first_slot, path.num_slots)


def main(topology: str) -> None:
    """Print a line of JSON for each load."""
    for load_erlang in LOADS_ERLANG:
        config = load_config(SCENARIO, [f"plant.topology={topology}", f"traffic.load_erlang={load_erlang}"])
        plant = plant_of(config)
        trace = make_trace(traffic_of(config), plant, int(load_erlang * REQUESTS_PER_ERLANG), seed=1)
        network, services, blocking = fill(plant, trace)
        search = RouteSearch(plant_view(config), plant)
        total = sum(single_cuts(plant, network, services, search), Cuts())
        told: dict[str, Any] = {"load_erlang": load_erlang, "services": len(services)}
        told |= {"blocking": round(blocking, 4)}
        told |= {item.name: getattr(total, item.name) for item in fields(total)}
        told["searches"] = len(search.took_ms)
        if search.took_ms:
            told["search_median_ms"] = round(statistics.median(search.took_ms), 2)
            told["search_longest_ms"] = round(max(search.took_ms), 2)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
