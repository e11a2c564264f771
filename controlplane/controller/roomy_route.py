"""A route with room, looked for among all routes and not only the K best of a pair.

The path computation element lists the K best paths of what is left of the network. In a large network that is
loaded, a service can find no free block on them although another route has one. Not here: who asks, and what
is set up along the route (``setting_up.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush

import networkx as nx

from controlplane.controller.capacity import SlotsByReach
from controlplane.controller.disjoint import open_graph
from controlplane.controller.network import PlantView, block
from controlplane.tapi.context import Drained
from controlplane.tapi.service_body import ServiceRequest
from topologies.grid import SpectrumBand


def roomy_route(
    plant: PlantView, taken: Mapping[tuple[str, str], int], request: ServiceRequest, closed: Drained
) -> tuple[str, ...] | None:
    """The shortest route with a free block, with the most efficient format that reaches so far.

    Args:
        plant: the network.
        taken: slots taken on each directed link, bit i = slot i.
        request: its rate, ends and what it excludes count; its other bounds are for who computes the path.
        closed: links and nodes that cannot be crossed now.

    Returns:
        Names of the nodes; None where there is none, where the request names what to visit, or where quality
        of transmission decides, which depends on what is lit beside it.
    """
    rule = plant.capacity
    if not isinstance(rule, SlotsByReach) or request.include_links or request.include_nodes:
        return None
    graph = open_graph(plant.topology, request, closed)
    if request.destination not in graph:
        return None
    left_km = nx.single_source_dijkstra_path_length(graph, request.destination, weight="length_km")
    if request.source not in left_km:
        return None
    for used in rule.formats:
        size = rule.slots(request.bit_rate_gbps, used)
        fits = {
            (here, there): _starts(~taken.get((here, there), 0), size)
            for ends in graph.edges
            for here, there in (ends, ends[::-1])
        }
        found = _shortest(graph, fits, _places(plant.bands, size), request, used.reach_km, left_km)
        if found:
            return found
    return None


def _shortest(
    graph: nx.Graph,
    fits: Mapping[tuple[str, str], int],
    places: int,
    request: ServiceRequest,
    reach_km: float,
    left_km: Mapping[str, float],
) -> tuple[str, ...]:
    """Dijkstra's search for every place of a block at once; nothing where no route has room and is in reach.

    It carries from node to node the places where the block is free all along the way, as bits. Whoever comes
    to a node first with a place comes there by the shortest way for that place, so what comes later goes on
    only with the places that it brings anew. As "generic Dijkstra" in Szcześniak, Jajszczyk and
    Woźna-Szcześniak, JOCN 11(11), 2019.

    Args:
        graph: what may be crossed, with ``length_km``.
        fits: where a block may begin on each directed link, bit i = slot i.
        places: where a block may begin at all.
        request: tells the ends.
        reach_km: at most so long.
        left_km: from each node to the destination, whatever is free.
    """
    here = request.source
    heap: list[tuple[float, int, str, int, tuple[str, ...]]] = [
        (0.0, places & -places, here, places, (here,))
    ]
    been: dict[str, int] = {}
    while heap:
        km, _, here, carried, way = heappop(heap)
        carried &= ~been.get(here, 0)
        if carried and here == request.destination:
            return way
        if not carried:
            continue
        been[here] = been.get(here, 0) | carried
        for there, edge in graph.adj[here].items():
            carried_on = carried & fits[here, there] & ~been.get(there, 0)
            far_km = km + edge["length_km"]
            # What is left is added up from the other end, so its last digits may differ.
            if carried_on and far_km <= reach_km and far_km + left_km[there] * (1 - 1e-9) <= reach_km:
                heappush(heap, (far_km, carried_on & -carried_on, there, carried_on, (*way, there)))
    return ()


def _starts(free: int, size: int) -> int:
    """The slots at which so many free ones begin, as bits.

    >>> bin(_starts(0b1110111, 3))
    '0b10001'
    """
    run = 1
    while run < size:
        step = min(run, size - run)
        free &= free >> step
        run += step
    return free


def _places(bands: Iterable[SpectrumBand], size: int) -> int:
    """Where a block may begin, as bits: it lies in one band."""
    places = 0
    for band in bands:
        places |= block(band.first_slot, max(0, band.num_slots - size + 1))
    return places
