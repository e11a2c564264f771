"""A route with room, looked for among all routes and not only the K best of a pair.

The path computation element lists the K best paths of what is left of the network. In a large network that is
loaded, a service can find no free block on them although another route has one. Not here: who asks, and what
is set up along the route (``setting_up.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from controlplane.controller.capacity import SlotsByReach
from controlplane.controller.network import PlantView
from controlplane.tapi.context import Drained
from controlplane.tapi.service_body import ServiceRequest


def roomy_route(
    plant: PlantView, lit: Mapping[tuple[str, str], int], request: ServiceRequest, closed: Drained
) -> tuple[str, ...] | None:
    """The shortest route with a free block, with the most efficient format that reaches so far.

    Of each block that may begin somewhere, Dijkstra's search goes over the links that have it free.

    Args:
        plant: the network.
        lit: slots taken on each directed link, bit i = slot i.
        request: its rate, ends and what it excludes count; its other bounds are for who computes the path.
        closed: links and nodes that cannot be crossed now.

    Returns:
        Names of the nodes; None where there is none, where the request names what to visit, or where quality
        of transmission decides, which depends on what is lit beside it.
    """
    rule, names = plant.capacity, plant.topology.node_names
    if not isinstance(rule, SlotsByReach) or request.include_links or request.include_nodes:
        return None
    away = {*request.exclude_nodes, *closed.nodes}
    shut = {frozenset(ends) for ends in (*request.exclude_links, *closed.links)}
    arcs = [
        (here, there, fibre.length_km)
        for fibre in plant.topology.fibres
        if {fibre.node_a, fibre.node_b} not in shut and away.isdisjoint((fibre.node_a, fibre.node_b))
        for here, there in ((fibre.node_a, fibre.node_b), (fibre.node_b, fibre.node_a))
    ]
    index = {name: number for number, name in enumerate(names)}
    ends = np.array([(index[here], index[there]) for here, there, _ in arcs]).reshape(-1, 2)
    km = np.array([length_km for *_, length_km in arcs])
    free = np.array([_free(plant, lit.get((here, there), 0)) for here, there, _ in arcs])
    source, destination = index[request.source], index[request.destination]
    for used in rule.formats:
        size = rule.slots(request.bit_rate_gbps, used)
        found: tuple[float, tuple[int, ...]] = (math.inf, ())
        for start in _starts(plant, free, size):
            usable = free[:, start : start + size].all(axis=1)
            graph = csr_matrix((km[usable], ends[usable].T), (len(names), len(names)))
            lengths_km, before = dijkstra(graph, indices=source, return_predecessors=True)
            if lengths_km[destination] < min(found[0], math.nextafter(used.reach_km, math.inf)):
                found = float(lengths_km[destination]), _way(before, source, destination)
        if found[1]:
            return tuple(names[node] for node in found[1])
    return None


def _free(plant: PlantView, lit: int) -> list[bool]:
    num_slots = max(band.end_slot for band in plant.bands)
    return [not lit >> slot & 1 for slot in range(num_slots)]


def _starts(plant: PlantView, free: np.ndarray, size: int) -> Iterator[int]:
    """Where a band begins, or a run of free slots on some link: any block can be shifted down to one."""
    if not len(free):
        return
    begins: np.ndarray = np.asarray(free.any(axis=0))
    begins[1:] = (free[:, 1:] & ~free[:, :-1]).any(axis=0)
    for band in plant.bands:
        for start in range(band.first_slot, band.end_slot - size + 1):
            if begins[start] or start == band.first_slot:
                yield start


def _way(before: np.ndarray, source: int, destination: int) -> tuple[int, ...]:
    way = [destination]
    while way[-1] != source:
        way.append(int(before[way[-1]]))
    return tuple(reversed(way))
