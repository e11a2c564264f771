"""Path computation documents: the input of ``compute-p-2-p-path``, its output, and the path it points to.

The controller builds inputs and reads outputs, the path computation element the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi import names
from controlplane.tapi.capacity import read_rate_gbps, told_rate
from controlplane.tapi.errors import TapiError, invalid
from controlplane.tapi.fields import as_list, as_object, as_uint64, required, strip_prefixes
from controlplane.tapi.frequency import Bands, spectrum
from controlplane.tapi.naming import Naming
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL, ComputeRequest, Named, named

INPUT = "tapi-path-computation:input"
OUTPUT = "tapi-path-computation:output"
PATH = "tapi-path-computation:path"
COMPUTE_OPERATION = "/restconf/operations/tapi-path-computation:compute-p-2-p-path"
PATH_RESOURCE = "/restconf/data/tapi-common:context/tapi-path-computation:path-computation-context/path="


def build_compute_input(
    request: ComputeRequest, naming: Naming, purpose: Purpose | None = None
) -> dict[str, Any]:
    """The body of ``compute-p-2-p-path``; the first ``sep`` is the source."""
    constraint: dict[str, Any] = {"route-direction": request.direction}
    if math.isfinite(request.max_latency_ms):
        constraint["max-allowed-delay"] = {"value": str(round(request.max_latency_ms * 1000.0))}
    if request.max_hops is not None:
        constraint["max-allowed-hops"] = {"value": str(request.max_hops)}
    topology: dict[str, Any] = {"include-topology": [naming.topology_uuid]}
    if request.exclude_links:
        topology["exclude-link"] = [naming.link_uuid(*ends) for ends in request.exclude_links]
    if request.exclude_nodes:
        topology["exclude-node"] = [naming.node_uuid(node) for node in request.exclude_nodes]
    if request.include_links:
        topology["include-link"] = [naming.link_uuid(*ends) for ends in request.include_links]
    if request.include_nodes:
        topology["include-node"] = [naming.node_uuid(node) for node in request.include_nodes]
    content: dict[str, Any] = {
        "sep": _end_points(request, naming),
        "routing-constraint": constraint,
        "topology-constraint": topology,
    }
    told = [] if purpose is None else purpose.name_pairs()
    if request.ends_s is not None:
        told += names.pairs({names.ENDS_S: float(request.ends_s)})
    if told:
        content["objective-function"] = {"name": told}
    return {INPUT: content}


def parse_compute_input(document: Any, naming: Naming, shared_spectrum: bool) -> ComputeRequest:
    """The request behind the body of ``compute-p-2-p-path``; liberal as ``service_body.parse_service``.

    Raises:
        TapiError: 400; the message names the leaf and the remedy.
    """
    body = strip_prefixes(document)
    if not isinstance(body, dict) or "input" not in body:
        raise TapiError(
            400, "malformed-message", f'the body must be {{"{INPUT}": {{...}}}}', error_type="protocol"
        )
    root = f"/{INPUT}"
    content = as_object(body["input"], root)
    points = as_list(required(content, "sep", root), f"{root}/sep")
    if len(points) != 2:
        raise invalid(f"{root}/sep: {len(points)} end point(s); exactly two are needed", f"{root}/sep")
    ends, rates = [], []
    for point in points:
        point = as_object(point, f"{root}/sep")
        reference = as_object(required(point, "service-interface-point", f"{root}/sep"), f"{root}/sep")
        sip = str(required(reference, "service-interface-point-uuid", f"{root}/sep")).lower()
        if sip not in naming.sip_names:
            raise invalid(f"{root}/sep: no service interface point {sip!r}", f"{root}/sep")
        ends.append(naming.sip_names[sip])
        if "capacity" in point:
            rates.append(read_rate_gbps(point["capacity"], f"{root}/sep/capacity"))
    if [point.get("direction") for point in points] == ["OUTPUT", "INPUT"]:
        ends.reverse()
    if ends[0] == ends[1]:
        raise invalid(f"{root}/sep: both are at {ends[0]}; two different nodes are needed", f"{root}/sep")
    if not rates:
        raise invalid(f"{root}/sep/capacity: a total-size in GBPS or MBPS is needed", f"{root}/sep/capacity")
    routing = as_object(content.get("routing-constraint", {}), f"{root}/routing-constraint")
    topology = as_object(content.get("topology-constraint", {}), f"{root}/topology-constraint")
    delay_us = _value(routing, "max-allowed-delay", f"{root}/routing-constraint")
    asked = routing.get("route-direction")
    if asked not in (BIDIRECTIONAL, UNIDIRECTIONAL):
        asked = BIDIRECTIONAL if shared_spectrum else UNIDIRECTIONAL
    return ComputeRequest(
        source=ends[0],
        destination=ends[1],
        bit_rate_gbps=rates[0],
        max_latency_ms=math.inf if delay_us is None else delay_us / 1000.0,
        direction=asked,
        max_hops=_value(routing, "max-allowed-hops", f"{root}/routing-constraint"),
        exclude_links=_named(topology, "exclude-link", naming.link_ends, root),
        exclude_nodes=_named(topology, "exclude-node", naming.node_names, root),
        include_links=_named(topology, "include-link", naming.link_ends, root),
        include_nodes=_named(topology, "include-node", naming.node_names, root),
        ends_s=_end(content, f"{root}/objective-function/name"),
    )


def build_compute_output(
    request: ComputeRequest, naming: Naming, service_uuid: str, path: Lightpath
) -> dict[str, Any]:
    """The answer of ``compute-p-2-p-path``: a path computation service that points to the path.

    The model has room for the path's UUID only. What the path is stands in the service's ``name`` pairs, so
    that nobody has to ask again.
    """
    constraint: dict[str, Any] = {"route-direction": request.direction}
    if math.isfinite(request.max_latency_ms):
        constraint["max-allowed-delay"] = {"value": str(round(request.max_latency_ms * 1000.0))}
    return {
        OUTPUT: {
            "service": {
                "uuid": service_uuid,
                "name": names.pairs(path.name_pairs()),
                "end-point": _end_points(request, naming),
                "routing-constraint": constraint,
                "topology-constraint": {"include-topology": [naming.topology_uuid]},
                "path": [{"path-uuid": path.uuid}],
            }
        }
    }


def parse_compute_output(document: Any) -> Lightpath:
    """The computed path.

    Raises:
        TapiError: 502, the answer points to no path, or a ``name`` pair is missing.
    """
    try:
        output = as_object(as_object(strip_prefixes(document), OUTPUT)["output"], OUTPUT)
        service = as_object(output["service"], OUTPUT)
        uuid = str(as_object(as_list(service["path"], OUTPUT)[0], OUTPUT)["path-uuid"])
    except (KeyError, IndexError, TapiError):
        raise TapiError(
            502, "operation-failed", "the path computation element answered without a path"
        ) from None
    return Lightpath.from_names(uuid, service.get("name"))


def path_entry(path: Lightpath, naming: Naming, bands: Bands, direction: str) -> dict[str, Any]:
    """One entry of ``path-computation-context/path``.

    Raises:
        ValueError: the path's slots lie outside the bands or across two.
    """
    block = spectrum(bands, path.first_slot, path.num_slots)
    topology = naming.topology
    length_km = sum(float(topology.link_length_km[topology.link_index(a, b)]) for a, b in hops_of(path.nodes))
    return {
        "uuid": path.uuid,
        "name": names.pairs(
            path.name_pairs()
            | {"lower-frequency": block["lower-frequency"], "upper-frequency": block["upper-frequency"]}
        ),
        "link": [
            {"topology-uuid": naming.topology_uuid, "link-uuid": naming.link_uuid(a, b)}
            for a, b in hops_of(path.nodes)
        ],
        "direction": direction,
        "layer-protocol-name": "PHOTONIC_MEDIA",
        "routing-constraint": {
            "cost-characteristic": [{"cost-name": "length-km", "cost-value": f"{length_km:g}"}],
            "latency-characteristic": [
                {
                    "traffic-property-name": "end-to-end",
                    "fixed-latency-characteristic": f"{path.latency_ms * 1000.0:.1f}",
                }
            ],
        },
    }


def build_path(path: Lightpath, naming: Naming, bands: Bands, direction: str) -> dict[str, Any]:
    """The body of ``GET .../path={uuid}``."""
    return {PATH: [path_entry(path, naming, bands, direction)]}


def hops_of(nodes: Sequence[str]) -> list[tuple[str, str]]:
    """Consecutive pairs of a route.

    >>> hops_of(("A", "B", "C"))
    [('A', 'B'), ('B', 'C')]
    """
    return list(pairwise(nodes))


def _end_points(request: ComputeRequest, naming: Naming) -> list[dict[str, Any]]:
    one_way = request.direction == UNIDIRECTIONAL
    return [
        {
            "local-id": local_id,
            "service-interface-point": {"service-interface-point-uuid": naming.sip_uuid(node)},
            "layer-protocol-name": "PHOTONIC_MEDIA",
            "layer-protocol-qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_OTSi",
            "capacity": told_rate(request.bit_rate_gbps),
            "direction": port if one_way else BIDIRECTIONAL,
            "role": "SYMMETRIC",
        }
        for local_id, node, port in (
            ("source", request.source, "INPUT"),
            ("destination", request.destination, "OUTPUT"),
        )
    ]


def _end(content: Mapping[str, Any], path: str) -> float | None:
    objective = content.get("objective-function")
    told = names.as_dict(objective.get("name")) if isinstance(objective, dict) else {}
    if names.ENDS_S not in told:
        return None
    try:
        ends_s = float(told[names.ENDS_S])
    except ValueError:
        ends_s = math.nan
    if not math.isfinite(ends_s):
        raise invalid(
            f"{path}: {names.ENDS_S} {told[names.ENDS_S][:40]!r}; seconds since 1970 UTC are needed", path
        )
    return ends_s


def _value(container: Mapping[str, Any], name: str, path: str) -> int | None:
    target = as_object(container.get(name, {}), f"{path}/{name}")
    return as_uint64(target["value"], f"{path}/{name}/value") if target.get("value") is not None else None


def _named(
    container: Mapping[str, Any], name: str, known: Mapping[str, Named], root: str
) -> tuple[Named, ...]:
    value, path = container.get(name, []), f"{root}/topology-constraint/{name}"
    if not isinstance(value, list):
        raise invalid(f"{path}: a list is needed", path)
    return named(map(str, value), known, path)
