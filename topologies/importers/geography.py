"""Distances on the globe, and what importers do where a file gives no length or no position."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import networkx as nx

MOST_DRAWN_BY_LENGTH = 50  # nodes; a drawing by the lengths of many more takes minutes
EARTH_RADIUS_KM = 6371.0088  # mean radius R1 of GRS 80


def great_circle_km(
    latitude_a_deg: float, longitude_a_deg: float, latitude_b_deg: float, longitude_b_deg: float
) -> float:
    """Length of the great circle between two points (haversine formula, mean radius of the Earth).

    >>> round(great_circle_km(52.52, 13.40, 48.14, 11.58))  # Berlin - Munich
    504
    """
    phi_a, phi_b = math.radians(latitude_a_deg), math.radians(latitude_b_deg)
    half_dphi = (phi_b - phi_a) / 2
    half_dlambda = math.radians(longitude_b_deg - longitude_a_deg) / 2
    h = math.sin(half_dphi) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(h, 1.0)))


def _layout(graph: nx.Graph) -> Mapping[str, Sequence[float]]:
    if not nx.is_connected(graph):
        return nx.circular_layout(graph)
    if len(graph) > MOST_DRAWN_BY_LENGTH:
        return nx.spring_layout(graph, seed=1, scale=10.0, weight=None)
    return nx.kamada_kawai_layout(graph, scale=10.0)


def fill_positions(
    known_deg: Mapping[str, tuple[float, float]],
    names: Sequence[str],
    links_km: Sequence[tuple[str, str, float]],
) -> dict[str, tuple[float, float]]:
    """A (latitude, longitude) for every node: as given, else drawn from the lengths around (0, 0).

    Where some positions are given, a node without one sits at the mean of its neighbours that have one.
    Positions made up here serve pictures; no length is derived from them.
    """
    position_deg = {name: known_deg[name] for name in names if name in known_deg}
    graph = nx.Graph()
    graph.add_nodes_from(names)
    graph.add_weighted_edges_from(links_km)
    if not position_deg:
        layout = _layout(graph)
        return {name: (round(float(layout[name][1]), 4), round(float(layout[name][0]), 4)) for name in names}
    while len(position_deg) < len(names):
        placed = {
            name: [position_deg[other] for other in graph.neighbors(name) if other in position_deg]
            for name in names
            if name not in position_deg
        }
        reached = {name: found for name, found in placed.items() if found}
        if not reached:  # an island; the topology will be refused with its nodes named
            return {name: position_deg.get(name, (0.0, 0.0)) for name in names}
        for name, found in reached.items():
            mean = [sum(axis) / len(found) for axis in zip(*found, strict=True)]
            position_deg[name] = (round(mean[0], 4), round(mean[1], 4))
    return {name: position_deg[name] for name in names}
