"""A service's lightpath as clients read it from the controller's TAPI. Not here: HTTP (``client.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi import names
from controlplane.tapi.capacity import read_rate_gbps
from controlplane.tapi.errors import TapiError
from controlplane.tapi.path_body import hops_of


@dataclass(frozen=True, kw_only=True)
class ServiceLightpath(Lightpath):
    """The lightpath of a service that is set up.

    ``total_ms`` is the time from asking to having it, as the client saw it (``place_service``) or as the
    controller did (``services``).
    """

    service_uuid: str
    total_ms: float
    bit_rate_gbps: float | None = None  # that the service asked for; None where it is not told

    @property
    def links(self) -> tuple[str, ...]:
        """The links along it, each as ``A-B``."""
        return tuple(f"{a}-{b}" for a, b in hops_of(self.nodes))

    @property
    def document(self) -> dict[str, Any]:
        """What people and scripts are told, as JSON has it; what is not known is left out."""
        told = {"uuid": self.service_uuid, "path": self.nodes, "links": self.links} | self.told()
        del told["nodes"]
        rate = {} if self.bit_rate_gbps is None else {"bit_rate_gbps": self.bit_rate_gbps}
        return told | rate | {"policy": self.policy, "total_ms": self.total_ms}


def asked_gbps(service: dict[str, Any]) -> float | None:
    """The bit rate that a TAPI service asks for; None where it asked for a channel so many GHz wide."""
    try:
        return read_rate_gbps(service.get("requested-capacity"), "requested-capacity")
    except TapiError:
        return None


def lightpath_of(service_uuid: str, connection: dict[str, Any]) -> ServiceLightpath:
    """A lightpath out of the TAPI connection that carries a service."""
    total_ms = float(names.as_dict(connection["name"]).get(names.SETUP_MS, "nan"))
    return ServiceLightpath.from_names(
        connection["uuid"], connection["name"], service_uuid=service_uuid, total_ms=total_ms
    )
