"""Two lightpaths of one service that have no link, or no node between their ends, in common.

Not here: who proposes routes (the path computation element), how the two are set up (``setting_up.py``).
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from controlplane.tapi.context import Drained
from controlplane.tapi.errors import no_path
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import ServiceRequest
from topologies.model import Topology


def apart_from(request: ServiceRequest, nodes: tuple[str, ...]) -> ServiceRequest:
    """The request for a lightpath with nothing in common with one along these nodes."""
    between = nodes[1:-1] if request.disjoint == "node" else ()
    return replace(
        request,
        exclude_links=(*request.exclude_links, *hops_of(nodes)),
        exclude_nodes=(*request.exclude_nodes, *between),
    )


def on_route(topology: Topology, request: ServiceRequest, nodes: tuple[str, ...]) -> ServiceRequest:
    """The request for a lightpath along these nodes and no others."""
    crossed = {frozenset(hop) for hop in hops_of(nodes)}
    links = ((fibre.node_a, fibre.node_b) for fibre in topology.fibres)
    others = tuple(ends for ends in links if frozenset(ends) not in crossed)
    return replace(request, exclude_links=(*request.exclude_links, *others))


def open_graph(topology: Topology, request: ServiceRequest, closed: Drained) -> nx.Graph:
    """The fibre pairs that a request may cross now; edges carry ``length_km``.

    Args:
        topology: of the network.
        request: what it excludes is left out.
        closed: likewise, links and nodes that cannot be crossed now.
    """
    graph = topology.graph()
    graph.remove_edges_from([*closed.links, *request.exclude_links])
    graph.remove_nodes_from([*closed.nodes, *request.exclude_nodes])
    return graph


def two_routes(
    topology: Topology, request: ServiceRequest, closed: Drained
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two routes that have nothing in common, the shorter one first.

    Args:
        topology: of the network.
        request: says what they must not have in common, and what else they must avoid.
        closed: links and nodes that cannot be crossed now.

    Raises:
        TapiError: 409, there are no two.
    """
    graph = open_graph(topology, request, closed)
    find = nx.node_disjoint_paths if request.disjoint == "node" else nx.edge_disjoint_paths
    try:
        found = [tuple(nodes) for nodes in find(graph, request.source, request.destination, cutoff=2)]
    except (nx.NetworkXNoPath, nx.NodeNotFound, nx.NetworkXError):
        found = []
    if len(found) < 2:
        raise no_path(
            f"there are no two {request.disjoint}-disjoint routes from {request.source} to "
            f"{request.destination} on what works now; ask without protection, or for another disjointness"
        )
    lengths_km = {nodes: nx.path_weight(graph, nodes, "length_km") for nodes in found}
    first, second = sorted(found, key=lengths_km.__getitem__)[:2]
    return first, second
