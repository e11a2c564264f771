"""Connectivity services, connections and their end points as TAPI documents. Not here: the state behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi import ids, names
from controlplane.tapi.frequency import Bands, central_frequency, spectrum, wire_modulation
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import ServiceRequest
from controlplane.tapi.service_schema import CONSTRAINT

ADD_DROP = "add-drop"
NMC = "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_NMC"
OTSI = "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_OTSi"

SERVICE = "tapi-connectivity:connectivity-service"
CONNECTION = "tapi-connectivity:connection"
PLANNED, SCHEDULED, INSTALLED = "PLANNED", "SCHEDULED", "INSTALLED"
CONNECTIVITY_CONTEXT = "tapi-connectivity:connectivity-context"


@dataclass(frozen=True)
class Service:
    """A service and the lightpath that carries it.

    Attributes:
        request: what the client asked for.
        lifecycle: ``PLANNED`` until it is configured and acknowledged, then ``INSTALLED``; ``SCHEDULED``
            while its start is to come, which TAPI calls planned too.
        path: the lightpath; None while planned, or while a cut leaves the service without one.
        setup_ms: from the arrival of the request to the stored lightpath.
        set_up_version, set_up_cause, set_up_s: version, cause (``create``, ``restore``, ``move``) and time
            (since 1970 UTC) of the change that set the lightpath up; 0 and empty where it is not known.
        refused: why it could not be set up when its start came; empty where nothing kept it.
        home: the lightpath that a cut or a drain took, of a service that goes back to it afterwards.
        carried_gbps: where it was restored with less than it asks for; else 0.
        protection: the second lightpath of a protected service, as it stands now; stored as a service of its
            own (``ServiceRequest.protection``), which TAPI does not show.
        began_s: when it was first set up, whatever became of that lightpath; since 1970 UTC, 0 as above.
    """

    request: ServiceRequest
    lifecycle: str
    path: Lightpath | None = None
    setup_ms: float = 0.0
    set_up_version: int = 0
    set_up_cause: str = ""
    set_up_s: float = 0.0
    began_s: float = 0.0
    refused: str = ""
    home: Lightpath | None = None
    carried_gbps: float = 0.0
    protection: Lightpath | None = field(default=None, compare=False)

    @property
    def uuid(self) -> str:
        """UUID of the service."""
        return self.request.uuid

    @property
    def key(self) -> str:
        """Under which the elements hold its lightpath."""
        return ids.cross_connect_key(self.uuid, self.path.leg if self.path else 0)

    @property
    def rate_gbps(self) -> float:
        """What its lightpath carries, or would."""
        return self.carried_gbps or self.request.bit_rate_gbps

    @property
    def darkened(self) -> Service:
        """The service as a cut of its lightpath leaves it."""
        home = self.home or (self.path if self.request.reverts else None)
        return Service(self.request, self.lifecycle, began_s=self.began_s, home=home)

    @property
    def waits_to_revert(self) -> bool:
        """It is to go back, and not at once."""
        return self.home is not None and self.request.wait_to_revert_s > 0

    @property
    def carries(self) -> bool:
        """It has a lightpath, and the elements are to carry it."""
        return (self.path or self.protection) is not None and not self.request.is_locked


def service_entry(service: Service) -> dict[str, Any]:
    """One entry of ``connectivity-service``: the client's configuration and our state.

    TAPI 2.1.3 has no ``connectivity-constraint`` there. A client that nests its capacity in one looks for
    capacity and direction there, so it finds them there too.
    """
    entry = dict(service.request.document) | {
        "connectivity-direction": service.request.direction,
        "operational-state": "ENABLED" if service.carries else "DISABLED",
        "lifecycle-state": "PLANNED" if service.lifecycle == SCHEDULED else service.lifecycle,
    }
    if service.carried_gbps:
        entry["name"] = [*entry.get("name", ()), *names.pairs({names.CARRIED_GBPS: service.carried_gbps})]
    if service.refused:
        entry["name"] = [*entry.get("name", ()), *names.pairs({names.START_OUTCOME: service.refused})]
    if service.request.capacity_nested:
        told = ("requested-capacity", "connectivity-direction")
        entry[CONSTRAINT] = {name: entry[name] for name in told}
    standing = ((service.path, service.uuid), (service.protection, ids.protection_uuid(service.uuid)))
    if connections := [ids.connection_uuid(uuid) for path, uuid in standing if path]:
        entry["connection"] = [{"connection-uuid": uuid} for uuid in connections]
    return entry


def connection_entry(service: Service, naming: Naming) -> dict[str, Any]:
    """The connection of a service that has a lightpath; its route runs from the source to the destination.

    Raises:
        ValueError: the service has none.
    """
    if service.path is None:
        raise ValueError(f"service {service.uuid} has no lightpath")
    crossed = [
        _end_point_reference(service.uuid, node, port, naming) for node, port in ports_of(service.path)
    ]
    return {
        "uuid": ids.connection_uuid(service.uuid),
        "name": names.pairs(service.path.name_pairs() | {names.SETUP_MS: float(service.setup_ms)}),
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "direction": service.request.direction,
        "operational-state": "ENABLED" if service.carries else "DISABLED",
        "lifecycle-state": service.lifecycle,
        "connection-end-point": [crossed[0], crossed[-1]],
        "route": [
            {
                "local-id": "protection" if service.request.protects else "working",
                "connection-end-point": crossed,
            }
        ],
    }


def ports_of(path: Lightpath) -> list[tuple[str, str]]:
    """``(node, port)`` along a path, two a node; a port is a neighbour's name or ``ADD_DROP``."""
    ports = [(path.nodes[0], ADD_DROP)]
    for here, there in hops_of(path.nodes):
        ports += [(here, there), (there, here)]
    return [*ports, (path.nodes[-1], ADD_DROP)]


def connection_end_point(
    service: Service, node: str, port: str, naming: Naming, bands: Bands
) -> dict[str, Any]:
    """The end point of a service's connection at a port, with its spectrum; at add-drop also the signal's.

    Raises:
        ValueError: the service has no lightpath, or one outside the bands.
    """
    if service.path is None:
        raise ValueError(f"service {service.uuid} has no lightpath")
    slots = (service.path.first_slot, service.path.num_slots)
    end_point: dict[str, Any] = {
        "uuid": ids.connection_end_point_uuid(service.uuid, node, port),
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "layer-protocol-qualifier": OTSI if port == ADD_DROP else NMC,
        "operational-state": "ENABLED",
        "lifecycle-state": service.lifecycle,
        "parent-node-edge-point": {
            "topology-uuid": naming.topology_uuid,
            "node-uuid": naming.node_uuid(node),
            "node-edge-point-uuid": ids.node_edge_point_uuid(naming.topology.name, node, port),
        },
        "tapi-photonic-media:media-channel-connection-end-point-spec": {
            "media-channel": {"occupied-spectrum": spectrum(bands, *slots)}
        },
    }
    if port == ADD_DROP:
        termination: dict[str, Any] = {
            "selected-central-frequency": central_frequency(bands, *slots),
            "selected-spectrum": spectrum(bands, *slots),
        }
        modulation = wire_modulation(service.path.modulation_format)
        if modulation is not None:
            termination["selected-modulation"] = modulation
        end_point["tapi-photonic-media:otsi-connection-end-point-spec"] = {"otsi-termination": termination}
    return end_point


def _end_point_reference(service: str, node: str, port: str, naming: Naming) -> dict[str, str]:
    return {
        "topology-uuid": naming.topology_uuid,
        "node-uuid": naming.node_uuid(node),
        "node-edge-point-uuid": ids.node_edge_point_uuid(naming.topology.name, node, port),
        "connection-end-point-uuid": ids.connection_end_point_uuid(service, node, port),
    }
