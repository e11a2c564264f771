"""What a change says of a service (docs/contracts.md), as it is stored and told. Not here: storing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controlplane.tapi.connectivity import Service


def lightpath_change(kind: str, service: Service) -> dict[str, Any]:
    """A ``lightpath-added`` or ``lightpath-removed`` of a service that has a lightpath."""
    path = service.path
    assert path is not None
    asked: dict[str, Any] = {
        "bit_rate_gbps": service.rate_gbps,
        "service_class": service.request.service_class,
        "decision_id": path.decision_id,
    }
    if service.request.ends_s is not None:
        asked["ends_s"] = service.request.ends_s
    if service.began_s not in (0.0, service.set_up_s):
        asked["began_s"] = service.began_s
    asked |= _pair(service)
    if path.leg:
        asked["leg"] = path.leg
    return {"kind": kind, "service_uuid": service.uuid} | path.told() | asked


def _pair(service: Service) -> dict[str, Any]:
    told = {"protects": service.request.protects, "disjoint": service.request.disjoint}
    return {name: value for name, value in told.items() if value}


def drain_change(nodes: Sequence[str], is_drained: bool) -> dict[str, Any]:
    """The change after which a link, by its ends, or a node takes nothing new, or takes what comes again."""
    return {"kind": "drained" if is_drained else "undrained", "nodes": list(nodes)}


def lock_change(service: Service) -> dict[str, Any]:
    """The change after which a service is carried no more, its slots kept, or is carried again."""
    request = service.request
    return {
        "kind": "locked" if request.is_locked else "unlocked",
        "service_uuid": request.life,
        "nodes": [request.source, request.destination],
        "service_class": request.service_class,
    }


def removed_dark(service: Service) -> dict[str, Any]:
    """The change of a deletion where a cut had left no lightpath to remove."""
    request = service.request
    return {
        "kind": "service-removed",
        "service_uuid": service.uuid,
        "nodes": [request.source, request.destination],
        "bit_rate_gbps": request.bit_rate_gbps,
        "service_class": request.service_class,
    } | _pair(service)


def standing(service: Service) -> dict[str, Any]:
    """The change that set a service's lightpath up, as ``/changes`` told it.

    Where an older version stored it, and the log does not reach back, the version is 0, and the cause and the
    time are left out.
    """
    told = {"version": service.set_up_version} | lightpath_change("lightpath-added", service)
    if service.request.is_locked:
        told["is_locked"] = True
    if service.set_up_version:
        told |= {"cause": service.set_up_cause, "time_s": service.set_up_s}
    return told
