"""``compRoute``, the request of ETSI TeraFlowSDN's path computation: documents in, requests out, and back.

Its front end sends services, and the devices and links as it knows them; it wants the route in its own words.
Those are our nodes where a device is called by a node's name or UUID, or where an end point is one of our
service interface points. Pure code. Not here: who computes (``pce/route_answers.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.lightpath import Lightpath
from controlplane.tapi import ids
from controlplane.tapi.errors import TapiError, invalid
from controlplane.tapi.fields import UINT64_MAX, required
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import hops_of
from controlplane.tapi.service_body import BIDIRECTIONAL, UNIDIRECTIONAL, ComputeRequest

COMP_ROUTE = "/pathComp/api/v1/compRoute"
MAX_SERVICES = 100  # of one request: each is a decision
NO_PATH = {"issue": "1"}  # what its front end looks for; 1: within the constraints there is none
_ALGORITHMS = ("SP", "KSP")
_GBPS = 3  # of its enumeration of units
_BOTH_WAYS = 0  # its forwarding direction

Hop = tuple[str, str]


@dataclass(frozen=True)
class RouteQuestion:
    """One service of a request.

    Attributes:
        service_id, ends: as they were sent, for the answer.
        request: what is to be computed.
    """

    service_id: Any
    ends: tuple[dict[str, Any], dict[str, Any]]
    request: ComputeRequest


@dataclass(frozen=True)
class TheirLinks:
    """The links of a request that are links of ours.

    Attributes:
        end_points: where a hop begins, in their words; by hop.
    """

    end_points: Mapping[Hop, dict[str, Any]]

    def missing(self, naming: Naming) -> tuple[Hop, ...]:
        """Our links that they do not have both ways; none where they have none at all."""
        ours = [(fibre.node_a, fibre.node_b) for fibre in naming.topology.fibres] if self.end_points else []
        return tuple((a, b) for a, b in ours if not {(a, b), (b, a)} <= set(self.end_points))


def read_links(document: Any, naming: Naming) -> TheirLinks:
    """The links of a request.

    Raises:
        TapiError: 400, it cannot be read.
    """
    found: dict[Hop, dict[str, Any]] = {}
    ours = {frozenset((fibre.node_a, fibre.node_b)) for fibre in naming.topology.fibres}
    for index, link in enumerate(_list(_root(document).get("linkList", []), "linkList")):
        path = f"linkList[{index}]"
        link = _object(link, path)
        ends = [
            _object(required(_object(end, path), "endpoint_id", path), path)
            for end in _list(required(link, "link_endpoint_ids", path), path)
        ]
        nodes = [_node_of_device(end, naming) for end in ends]
        if len(nodes) != 2 or frozenset(nodes) not in ours:
            continue
        a, b = (str(node) for node in nodes)
        found.setdefault((a, b), ends[0])
        if link.get("forwarding_direction") == _BOTH_WAYS:
            found.setdefault((b, a), ends[1])
    return TheirLinks(found)


def read_questions(
    document: Any, links: TheirLinks, naming: Naming, shared_spectrum: bool
) -> tuple[RouteQuestion, ...]:
    """The services of a request; a link of ours that they do not have is excluded.

    Raises:
        TapiError: 400, it cannot be read, or names what this network does not have; says which.
    """
    services = _list(required(_root(document), "serviceList", "the body"), "serviceList")
    if not 0 < len(services) <= MAX_SERVICES:
        raise invalid(f"serviceList: {len(services)} services; 1 to {MAX_SERVICES} are answered at once")
    direction = BIDIRECTIONAL if shared_spectrum else UNIDIRECTIONAL
    excluded = links.missing(naming)
    questions = []
    for index, service in enumerate(services):
        path = f"serviceList[{index}]"
        service = _object(service, path)
        _refuse_other_ways(service, len(services), path)
        ends = _ends(service, path)
        source, destination = (_node_of_end(end, naming, path) for end in ends)
        if source == destination:
            raise invalid(f"{path}/service_endpoints_ids: both are at {source}; two nodes are needed")
        rate_gbps, latency_ms = _constraints(service, path)
        request = ComputeRequest(
            source, destination, rate_gbps, latency_ms, direction, exclude_links=excluded
        )
        questions.append(RouteQuestion(required(service, "serviceId", path), ends, request))
    return tuple(questions)


def build_answer(answers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The reply with an entry for each service."""
    return {"response-list": list(answers)}


def found_entry(
    question: RouteQuestion, path: Lightpath, links: TheirLinks, naming: Naming
) -> dict[str, Any]:
    """The entry of a service that has a path.

    ``devices`` is the source, where each hop begins, and the destination. ``lightpath`` beside it says what
    their form has no room for: the block of slots, the format, who decided.
    """
    told = {
        "path-capacity": {"total-size": {"value": question.request.bit_rate_gbps, "unit": _GBPS}},
        "path-latency": {"fixed-latency-characteristic": f"{path.latency_ms:f}"},
        "path-cost": {
            "cost-name": "hops",
            "cost-value": f"{len(path.nodes) - 1:f}",
            "cost-algorithm": f"{0:f}",
        },
        "devices": _devices(question, path, links, naming),
        "lightpath": {"uuid": path.uuid, **path.name_pairs()},
    }
    return _entry(question) | {"path": [told]}


def no_path_entry(question: RouteQuestion, reason: str) -> dict[str, Any]:
    """The entry of a service that has none."""
    return _entry(question) | {"noPath": NO_PATH | {"reason": reason}}


def _entry(question: RouteQuestion) -> dict[str, Any]:
    return {"serviceId": question.service_id, "service_endpoints_ids": list(question.ends)}


def _devices(
    question: RouteQuestion, path: Lightpath, links: TheirLinks, naming: Naming
) -> list[dict[str, Any]]:
    source, destination = question.ends
    if source["device_id"] == destination["device_id"]:  # to them the whole network is one device
        return [source, destination]
    by_name = source["device_id"] in naming.topology.node_names
    hops = []
    for here, there in hops_of(path.nodes):
        ours = {
            "topology_id": source.get("topology_id", {}),
            "device_id": here if by_name else naming.node_uuid(here),
            "endpoint_uuid": ids.node_edge_point_uuid(naming.topology.name, here, there),
        }
        hops.append(links.end_points.get((here, there), ours))
    return [source, *hops, destination]


def _refuse_other_ways(service: Mapping[str, Any], num_services: int, path: str) -> None:
    algorithm = service.get("algId", "SP")
    if algorithm not in _ALGORITHMS:
        raise TapiError(
            400,
            "operation-not-supported",
            f"{path}/algId: {str(algorithm)[:40]!r}; {' and '.join(_ALGORITHMS)} are answered, with the path "
            "that the policy in service chooses",
        )
    if service.get("syncPaths") is True and num_services > 1:
        raise TapiError(
            400,
            "operation-not-supported",
            f"{path}/syncPaths: nothing is held for those before; ask for one at a time, or send false",
        )


def _ends(service: Mapping[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    where = f"{path}/service_endpoints_ids"
    ends = _list(required(service, "service_endpoints_ids", path), where)
    if len(ends) != 2:
        raise invalid(f"{where}: {len(ends)} end point(s); exactly two are needed")
    source, destination = (_object(end, where) for end in ends)
    for end in (source, destination):
        required(end, "device_id", where)
        required(end, "endpoint_uuid", where)
    return source, destination


def _node_of_end(end: Mapping[str, Any], naming: Naming, path: str) -> str:
    node = naming.sip_names.get(str(end["endpoint_uuid"]).lower()) or _node_of_device(end, naming)
    if node is None:
        raise invalid(
            f"{path}/service_endpoints_ids: device {str(end['device_id'])[:100]!r} is no node of this network"
            " by name or UUID, and its end point is none of the service interface points"
        )
    return node


def _node_of_device(end: Mapping[str, Any], naming: Naming) -> str | None:
    device = str(end.get("device_id", ""))
    return device if device in naming.topology.node_names else naming.node_names.get(device.lower())


def _constraints(service: Mapping[str, Any], path: str) -> tuple[float, float]:
    """Gb/s and ms; without a latency there is no bound. A circuit has no jitter, so that one always holds."""
    rate_gbps, latency_ms = math.nan, math.inf
    for item in _list(service.get("service_constraints", []), f"{path}/service_constraints"):
        where = f"{path}/service_constraints"
        constraint = _object(item, where)
        kind = str(required(constraint, "constraint_type", where))
        value = _positive(required(constraint, "constraint_value", where), f"{where} {kind[:40]}")
        if kind in ("bandwidth[gbps]", "bandwidth"):
            rate_gbps = value
        elif kind in ("latency[ms]", "latency"):
            latency_ms = value
        elif not kind.startswith("jitter"):
            raise invalid(f"{where}: {kind[:40]!r}; bandwidth[gbps], latency[ms] and jitter[us] are known")
    if math.isnan(rate_gbps):
        raise invalid(f"{path}/service_constraints: a bandwidth[gbps] is needed")
    return rate_gbps, latency_ms


def _positive(value: Any, path: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 < number <= UINT64_MAX:
        raise invalid(f"{path}: {str(value)[:40]!r}; a positive number below 2^64 is needed")
    return number


def _root(document: Any) -> dict[str, Any]:
    return _object(document, "the body")


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(f"{path}: one JSON object is needed, not {str(value)[:40]!r}")
    return value


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"{path}: a list is needed, not {str(value)[:40]!r}")
    return value
