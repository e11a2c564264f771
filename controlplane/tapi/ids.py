"""UUIDs of TAPI objects, derived from names (RFC 9562 5.5), so that all sides agree unasked."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

_NAMESPACE = uuid5(NAMESPACE_URL, "https://lightloop.invalid/tapi")


def _uuid(*words: str) -> UUID:
    return uuid5(_NAMESPACE, "/".join(words))


def context_uuid() -> str:
    """UUID of the one TAPI context."""
    return str(_uuid("context"))


def topology_uuid(topology: str) -> str:
    """UUID of a topology by its name."""
    return str(_uuid("topology", topology))


def node_uuid(topology: str, node: str) -> str:
    """UUID of a node by topology and node name."""
    return str(_uuid("topology", topology, "node", node))


def link_uuid(topology: str, node_a: str, node_b: str) -> str:
    """UUID of a fibre pair (a bidirectional TAPI link); the order of the ends does not count."""
    first, second = sorted((node_a, node_b))
    return str(_uuid("topology", topology, "link", first, second))


def sip_uuid(topology: str, node: str) -> str:
    """UUID of the service interface point (the add/drop side) of a node."""
    return str(_uuid("topology", topology, "sip", node))


def node_edge_point_uuid(topology: str, node: str, neighbour: str) -> str:
    """UUID of the node edge point of ``node`` towards a neighbour, or towards its clients (``add-drop``)."""
    return str(_uuid("topology", topology, "node", node, "nep", neighbour))


def path_uuid(decision: str) -> str:
    """UUID of a computed path, by the identity of the decision that made it."""
    return str(_uuid("path", decision))


def connection_uuid(service: str) -> str:
    """UUID of the connection (the lightpath) that carries a service."""
    return str(_uuid("connection", service))


def cross_connect_key(service: str, leg: int) -> str:
    """Under which the elements hold a lightpath of a service: the service's own UUID for leg 0."""
    return str(_uuid("service", service, "leg", str(leg))) if leg else service


def protection_uuid(service: str) -> str:
    """UUID under which the second lightpath of a protected service is stored, decided and told."""
    return str(_uuid("service", service, "protection"))


def offered_service_uuid(trace: str, started: str, row: int) -> str:
    """UUID of the service that row ``row`` of a trace asks for, played from a stamp of time on."""
    return str(_uuid("offer", trace, started, str(row)))


def flow_service_uuid(flow_id: int) -> str:
    """UUID of the service behind a lightpath that a client knows by a number."""
    return str(_uuid("flow", str(flow_id)))


def topology_service_uuid(topology: str) -> str:
    """UUID of the network topology service that lists a topology."""
    return str(_uuid("topology", topology, "service"))


def connection_end_point_uuid(service: str, node: str, neighbour: str) -> str:
    """UUID of the end point of a service's connection at the port of ``node`` towards a neighbour."""
    return str(_uuid("connection", service, "cep", node, neighbour))


def notification_uuid(store: str, sequence: int) -> str:
    """UUID of a notification, by the store that numbered it and its sequence number."""
    return str(_uuid("notification", store, str(sequence)))


def path_service_uuid(decision: str) -> str:
    """UUID of the path computation service that points to a computed path, by the same identity."""
    return str(_uuid("path-service", decision))
