"""What a client asks of a route: most links, what to keep off, what to visit.

Not here: the latency bound, which the twin's own listing holds, and the search for routes around what is
excluded (``topologies.detours``). The controller checks the same in other code (``controller/verify.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from controlplane.tapi.service_body import ComputeRequest
from topologies.detours import Avoided
from topologies.model import Topology


def avoided_of(topology: Topology, links: Iterable[tuple[str, str]], nodes: Iterable[str]) -> Avoided:
    """What must not be crossed, out of names."""
    fibres = frozenset(topology.link_index(*ends) // 2 for ends in links)
    return Avoided(fibres, frozenset(map(topology.node_index, nodes)))


@dataclass(frozen=True)
class RouteConstraint:
    """The constraints of a request that has any.

    Attributes:
        request: names them.
        names: of the nodes, by index.
    """

    request: ComputeRequest
    names: tuple[str, ...]

    @classmethod
    def of(cls, request: ComputeRequest, names: tuple[str, ...]) -> RouteConstraint | None:
        """The constraints of a request; None where it has none."""
        made = cls(request, names)
        return made if made.told() else None

    def admits(self, nodes: tuple[int, ...]) -> bool:
        """Whether a route, given as node indices, holds them all; what to visit comes in any order."""
        asked, route = self.request, [self.names[node] for node in nodes]
        links = {frozenset(hop) for hop in pairwise(route)}
        return (
            (asked.max_hops is None or len(links) <= asked.max_hops)
            and links.isdisjoint(map(frozenset, asked.exclude_links))
            and set(asked.exclude_nodes).isdisjoint(route)
            and links.issuperset(map(frozenset, asked.include_links))
            and set(asked.include_nodes).issubset(route)
        )

    def told(self) -> str:
        """The constraints in words, as TAPI names them; empty where there are none."""
        asked = self.request
        hops = [] if asked.max_hops is None else [str(asked.max_hops)]
        named = {
            "max-allowed-hops": hops,
            "exclude-link": map("-".join, asked.exclude_links),
            "exclude-node": asked.exclude_nodes,
            "include-link": map("-".join, asked.include_links),
            "include-node": asked.include_nodes,
        }
        return ", ".join(f"{name} {value}" for name, values in named.items() for value in values)
