"""The TAPI context: service interface points, topology, connectivity. Pure functions of a ``NetworkView``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.tapi import connectivity, ids, names
from controlplane.tapi.connectivity import ADD_DROP, NMC, OTSI, Service
from controlplane.tapi.frequency import pool, wire_modulation
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import hops_of, path_entry
from envs.latency import LatencyModel
from topologies.grid import SpectrumBand

CONTEXT = "tapi-common:context"
SIP = "tapi-common:service-interface-point"
TOPOLOGY_CONTEXT = "tapi-topology:topology-context"
TOPOLOGY = "tapi-topology:topology"
PATH_CONTEXT = "tapi-path-computation:path-computation-context"

_IN_SERVICE = {
    "administrative-state": "UNLOCKED",
    "operational-state": "ENABLED",
    "lifecycle-state": "INSTALLED",
}


@dataclass(frozen=True)
class Drained:
    """What carries what it carries, and takes nothing new.

    Attributes:
        links: by their ends, in the topology's order.
        nodes: by name.
    """

    links: frozenset[tuple[str, str]] = frozenset()
    nodes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.links or self.nodes)

    def __str__(self) -> str:
        links = [f"link {'-'.join(ends)}" for ends in sorted(self.links)]
        return ", ".join([*links, *(f"node {node}" for node in sorted(self.nodes))])

    def is_crossed_by(self, nodes: Sequence[str]) -> bool:
        """Whether a route, by its nodes, passes any of it."""
        hops = {frozenset(hop) for hop in hops_of(nodes)}
        return not hops.isdisjoint(map(frozenset, self.links)) or not self.nodes.isdisjoint(nodes)


class ServiceEntries:
    """The entries of single services; who keeps what it has told passes its own in the view."""

    def service(self, view: NetworkView, service: Service) -> Any:
        """One entry of ``connectivity-service``."""
        return connectivity.service_entry(service)

    def connection(self, view: NetworkView, service: Service) -> Any:
        """One entry of ``connection``."""
        return connectivity.connection_entry(service, view.naming)

    def path(self, view: NetworkView, service: Service) -> Any:
        """One entry of ``path``."""
        assert service.path is not None
        return path_entry(service.path, view.naming, view.bands, service.request.direction)

    def end_point(self, view: NetworkView, service: Service, node: str, port: str) -> Any:
        """One entry of ``connection-end-point`` at a port."""
        return connectivity.connection_end_point(service, node, port, view.naming, view.bands)


@dataclass(frozen=True)
class NetworkView:
    """The network's state at one version, as the builders need it.

    Attributes:
        naming: the topology and its UUIDs.
        latency_model: where the latencies of links and nodes come from.
        formats: names of the modulation formats of the plant.
        bands: of a spectrum unit, in order of frequency.
        occupied: slots taken towards a neighbour, by ``(node, neighbour)``, bit i = slot i; both directions
            of a fibre pair together.
        failed_links: ends of the links that are cut, in the topology's order.
        drained: links and nodes that take nothing new.
        services: every service.
        revision: another number for every other state.
        entries: how single services are told.
    """

    naming: Naming
    latency_model: LatencyModel
    formats: tuple[str, ...]
    bands: tuple[SpectrumBand, ...]
    occupied: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failed_links: frozenset[tuple[str, str]] = frozenset()
    drained: Drained = Drained()
    services: Sequence[Service] = ()
    revision: int = 0
    entries: ServiceEntries = field(default_factory=ServiceEntries)


def context(view: NetworkView) -> dict[str, Any]:
    """The whole context; the lists that clients read without asking are there even when empty."""
    return context_head() | {name: build(view) for name, build in PARTS.items()}


def context_head() -> dict[str, Any]:
    """What of the context never changes."""
    return {"uuid": ids.context_uuid(), "name": names.pairs({"context-name": "lightloop"})}


def service_interface_points(view: NetworkView) -> list[dict[str, Any]]:
    """One per node: where a service can begin or end.

    Add and drop are colourless and contentionless, so a slot is available here while one of the node's links
    has it free.
    """
    told = (wire_modulation(name) for name in view.formats)
    modulations = list(dict.fromkeys(name for name in told if name is not None))
    return [
        {
            "uuid": view.naming.sip_uuid(node),
            "name": names.pairs({names.LOCAL_NAME: f"SIP-{node}", "node": node}),
            "layer-protocol-name": "PHOTONIC_MEDIA",
            "direction": "BIDIRECTIONAL",
            "supported-layer-protocol-qualifier": [OTSI, NMC],
            **_IN_SERVICE,
            "tapi-photonic-media:media-channel-service-interface-point-spec": pool(
                view.bands, _taken_everywhere(view, node)
            ),
            "tapi-photonic-media:otsi-service-interface-point-spec": {
                "otsi-capability": {"supportable-modulation": modulations}
            },
        }
        for node in view.naming.topology.node_names
    ]


def topology_context(view: NetworkView) -> dict[str, Any]:
    """The one topology and the service that lists it."""
    name = view.naming.topology.name
    return {
        "nw-topology-service": {
            "uuid": ids.topology_service_uuid(name),
            "topology": [{"topology-uuid": view.naming.topology_uuid}],
        },
        "topology": [topology(view)],
    }


def topology(view: NetworkView) -> dict[str, Any]:
    """Nodes with their edge points, and links with length and latency."""
    by_port: dict[tuple[str, str], list[Service]] = defaultdict(list)
    for service in view.services:
        if service.path:
            for port in connectivity.ports_of(service.path):
                by_port[port].append(service)
    plant = view.naming.topology
    return {
        "uuid": view.naming.topology_uuid,
        "name": names.pairs({names.LOCAL_NAME: plant.name}),
        "layer-protocol-name": ["PHOTONIC_MEDIA"],
        "node": [_node(view, node, by_port) for node in plant.node_names],
        "link": [_link(view, f.node_a, f.node_b, f.length_km) for f in plant.fibres],
    }


def connectivity_context(view: NetworkView) -> dict[str, Any]:
    """Services and the connections that carry them."""
    return {
        "connectivity-service": [
            view.entries.service(view, service) for service in view.services if not service.request.protects
        ],
        "connection": [view.entries.connection(view, service) for service in view.services if service.path],
    }


def path_computation_context(view: NetworkView) -> dict[str, Any]:
    """The paths of the services that are set up."""
    return {
        "path-comp-service": [],
        "path": [view.entries.path(view, service) for service in view.services if service.path],
    }


# The parts of the context that change with the network.
PARTS: Mapping[str, Callable[[NetworkView], Any]] = {
    "service-interface-point": service_interface_points,
    TOPOLOGY_CONTEXT: topology_context,
    connectivity.CONNECTIVITY_CONTEXT: connectivity_context,
    PATH_CONTEXT: path_computation_context,
}


def neighbours(view: NetworkView, node: str) -> list[str]:
    """Nodes that a node has a link to, in the topology's order."""
    found = []
    for fibre in view.naming.topology.fibres:
        if node in (fibre.node_a, fibre.node_b):
            found.append(fibre.node_b if node == fibre.node_a else fibre.node_a)
    return found


def _node(view: NetworkView, node: str, by_port: Mapping[tuple[str, str], list[Service]]) -> dict[str, Any]:
    site = view.naming.topology.nodes[view.naming.topology.node_index(node)]
    position: dict[str, object] = {"latitude-deg": site.latitude_deg, "longitude-deg": site.longitude_deg}
    return {
        "uuid": view.naming.node_uuid(node),
        "name": names.pairs({names.LOCAL_NAME: node, **position}),
        "layer-protocol-name": ["PHOTONIC_MEDIA"],
        **_in_service(node in view.drained.nodes),
        "owned-node-edge-point": [
            _node_edge_point(view, node, port, by_port.get((node, port), ()))
            for port in (ADD_DROP, *neighbours(view, node))
        ],
        "cost-characteristic": [{"cost-name": "hop", "cost-value": "1"}],
        "latency-characteristic": [
            {
                "traffic-property-name": "fixed-latency",
                "fixed-latency-characteristic": f"{view.latency_model.node_us:g}",
            }
        ],
    }


def _node_edge_point(view: NetworkView, node: str, port: str, services: Sequence[Service]) -> dict[str, Any]:
    taken = _taken_everywhere(view, node) if port == ADD_DROP else view.occupied.get((node, port), 0)
    point: dict[str, Any] = {
        "uuid": ids.node_edge_point_uuid(view.naming.topology.name, node, port),
        "name": names.pairs({names.LOCAL_NAME: f"{node}:{port if port == ADD_DROP else f'to-{port}'}"}),
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "link-port-direction": "BIDIRECTIONAL",
        **_IN_SERVICE,
        "supported-cep-layer-protocol-qualifier": [NMC, OTSI],
        "tapi-photonic-media:media-channel-node-edge-point-spec": pool(view.bands, taken),
        "tapi-connectivity:cep-list": {
            "connection-end-point": [
                view.entries.end_point(view, service, node, port) for service in services
            ]
        },
    }
    if port == ADD_DROP:
        point["mapped-service-interface-point"] = [
            {"service-interface-point-uuid": view.naming.sip_uuid(node)}
        ]
    return point


def _link(view: NetworkView, node_a: str, node_b: str, length_km: float) -> dict[str, Any]:
    fibre_us = view.latency_model.line_us_per_km * length_km
    shared = [group.name for group in view.naming.topology.risk_groups_of(node_a, node_b)]
    up = (node_a, node_b) not in view.failed_links
    return {
        "uuid": view.naming.link_uuid(node_a, node_b),
        "name": names.pairs({names.LOCAL_NAME: f"{node_a}-{node_b}"}),
        "node-edge-point": [
            {
                "topology-uuid": view.naming.topology_uuid,
                "node-uuid": view.naming.node_uuid(here),
                "node-edge-point-uuid": ids.node_edge_point_uuid(view.naming.topology.name, here, there),
            }
            for here, there in ((node_a, node_b), (node_b, node_a))
        ],
        "layer-protocol-name": ["PHOTONIC_MEDIA"],
        "direction": "BIDIRECTIONAL",
        **_in_service((node_a, node_b) in view.drained.links),
        "operational-state": "ENABLED" if up else "DISABLED",
        "cost-characteristic": [{"cost-name": "length-km", "cost-value": f"{length_km:g}"}],
        "latency-characteristic": [
            {"traffic-property-name": "fixed-latency", "fixed-latency-characteristic": f"{fibre_us:.1f}"}
        ],
        "risk-characteristic": [
            {"risk-characteristic-name": "srlg", "risk-identifier-list": [f"duct-{node_a}-{node_b}", *shared]}
        ],
        "validation-mechanism": [{"validation-mechanism": "NONE"}],
        "transitioned-layer-protocol-name": ["PHOTONIC_MEDIA", "NA"],
    }


def _in_service(is_drained: bool) -> dict[str, str]:
    return _IN_SERVICE | ({"administrative-state": "LOCKED"} if is_drained else {})


def _taken_everywhere(view: NetworkView, node: str) -> int:
    taken = (1 << view.bands[-1].end_slot) - 1
    for neighbour in neighbours(view, node):
        taken &= view.occupied.get((node, neighbour), 0)
    return taken
