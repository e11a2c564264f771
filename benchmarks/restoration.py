"""What single cuts of a loaded network cost: of the services that a cut hits, how many stay lost, and why.

``python -m benchmarks.restoration TOPOLOGY``. The services over the link are set up again one after the other
by KSP-FF, as the path computation element would: with the K paths of the network that is left
(``topologies/detours.py``), and beside it with the K stored paths of the intact one, and with whatever route
has room where the K paths have none. That route is found without paths: for each block of slots, by Dijkstra
over the links that have it free. Not here: how long restoration takes (``controlplane.py``).
"""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from configs.build import plant_of, traffic_of
from configs.load import load_config
from envs.candidates import Candidate, observe
from envs.network import Network
from envs.plant import Plant
from envs.request import Request
from envs.slots import slots_needed_by
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


def single_cuts(plant: Plant, network: Network, services: Sequence[Carried]) -> Iterator[Cuts]:
    """What each cut costs; the network is as it was afterwards."""
    for fibre in plant.topology.fibres:
        ends = plant.topology.node_index(fibre.node_a), plant.topology.node_index(fibre.node_b)
        hit = [item for item in services if frozenset(ends) in _links(item.lightpath.nodes)]
        stored, best, anyhow = (_lost(plant, network, hit, ends, how) for how in ("stored", "k", "any"))
        cut = frozenset(ends)
        apart = sum(not is_connected(plant, item.request, cut) for item in anyhow)
        yield Cuts(len(hit), len(stored), len(best), len(anyhow), apart)


def _lost(
    plant: Plant, network: Network, hit: Sequence[Carried], ends: tuple[int, int], how: str
) -> list[Carried]:
    """Those that do not come back; the network is as it was afterwards."""
    for item in hit:
        _release(network, item)
    network.fail_link(*ends)
    restored, lost = [], []
    for item in hit:
        found: Candidate | AnyBlock | None = first(plant, network, item.request, how == "stored")
        if found is None and how == "any":
            found = any_block(plant, network, item.request, frozenset(ends))
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
    ends, km, is_left = _fibres(plant, cut)
    graph = _graph(plant, ends[is_left], km[is_left])
    return bool(np.isfinite(dijkstra(graph, indices=request.source)[request.destination]))


def any_block(plant: Plant, network: Network, request: Request, cut: frozenset[int]) -> AnyBlock | None:
    """The shortest route with a free block, of a network whose formats are chosen by reach; None without."""
    free = ~network.occupied()
    both = free[plant.unit_of_link[0::2]] & free[plant.unit_of_link[1::2]]  # (num_fibres, num_slots)
    ends, length_km, is_left = _fibres(plant, cut)
    for item in plant.formats:
        per_gbps = 1.0 / item.slot_capacity_gbps
        size = int(slots_needed_by(per_gbps, plant.spec.guard_slots, request.bit_rate_gbps))
        for start in range(plant.spec.num_slots - size + 1):
            usable = is_left & both[:, start : start + size].all(axis=1)
            graph = _graph(plant, ends[usable], length_km[usable])
            km, before = dijkstra(graph, indices=request.source, return_predecessors=True)
            if km[request.destination] <= item.reach_km and np.isfinite(km[request.destination]):
                way = [request.destination]
                while way[-1] != request.source:
                    way.append(int(before[way[-1]]))
                return AnyBlock(tuple(reversed(way)), start, size, item.name)
    return None


def _fibres(plant: Plant, cut: frozenset[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each fibre pair the two ends, the length in km, and whether it is left."""
    index, fibres = plant.topology.node_index, plant.topology.fibres
    ends = np.array([(index(fibre.node_a), index(fibre.node_b)) for fibre in fibres])
    is_left = np.array([frozenset(pair) != cut for pair in ends.tolist()])
    return ends, np.array([fibre.length_km for fibre in fibres]), is_left


def _graph(plant: Plant, ends: np.ndarray, km: np.ndarray) -> csr_matrix:
    both_ways = np.concatenate([ends, ends[:, ::-1]]).T
    nodes = len(plant.topology.nodes)
    return csr_matrix((np.concatenate([km, km]), both_ways), (nodes, nodes))


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
        total = sum(single_cuts(plant, network, services), Cuts())
        told = {"load_erlang": load_erlang, "services": len(services), "blocking": round(blocking, 4)}
        told |= {item.name: getattr(total, item.name) for item in fields(total)}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
