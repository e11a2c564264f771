"""How large a network is, as the commands on topologies print it."""

from __future__ import annotations

from typing import Any


def summary(topology: Any) -> dict[str, Any]:
    """Size of a network: nodes, fibre pairs, lengths in km, degree, diameter."""
    import networkx as nx

    graph = topology.graph()
    km = dict(nx.all_pairs_dijkstra_path_length(graph, weight="length_km"))
    lengths = [fibre.length_km for fibre in topology.fibres]
    return {
        "name": topology.name,
        "source": topology.source,
        "hash": topology.content_hash,
        "num_nodes": topology.num_nodes,
        "num_fibres": len(topology.fibres),
        "num_links": topology.num_links,
        "total_km": sum(lengths),
        "longest_km": max(lengths),
        "mean_degree": 2 * len(lengths) / topology.num_nodes,
        "diameter_hops": nx.diameter(graph),
        "diameter_km": max(max(row.values()) for row in km.values()),
    }
