"""A connectivity-service body from a client to one frozen ``ServiceRequest``. Not here: what is sent back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from controlplane.tapi.capacity import ChannelRate, rate_of_channel_gbps, read_rate_gbps, told_rate
from controlplane.tapi.dialects import has_colon_directions, in_model_words, media_channel_width_ghz
from controlplane.tapi.errors import TapiError, invalid, missing
from controlplane.tapi.fields import as_list, as_object, required, strip_prefixes
from controlplane.tapi.ids import protection_uuid
from controlplane.tapi.names import as_dict
from controlplane.tapi.naming import Naming
from controlplane.tapi.purpose import ANY_CLASS, class_of
from controlplane.tapi.resilience import disjoint_of, lowest_gbps_of
from controlplane.tapi.schedule import parse_schedule
from controlplane.tapi.schema import canonical
from controlplane.tapi.service_schema import CONSTRAINT, SERVICE, WRAPPERS
from controlplane.tapi.wishes import NO_WISHES, Wishes

ROOT = "/tapi-connectivity:connectivity-service"
BIDIRECTIONAL = "BIDIRECTIONAL"
UNIDIRECTIONAL = "UNIDIRECTIONAL"
Named = TypeVar("Named")


@dataclass(frozen=True)
class ComputeRequest:
    """What a path is computed for, in our own terms.

    Attributes:
        source, destination: node names.
        bit_rate_gbps: asked for.
        max_latency_ms: one-way bound; infinite when none.
        direction: ``BIDIRECTIONAL`` or ``UNIDIRECTIONAL``.
        max_hops: most links of the route; None when none.
        exclude_links, exclude_nodes: what the route must avoid, by names.
        include_links, include_nodes: what the route must visit, in whatever order, by names.
        ends_s: when the service ends, as its client tells it, in seconds since 1970 UTC; None: not told.
    """

    source: str
    destination: str
    bit_rate_gbps: float
    max_latency_ms: float = math.inf
    direction: str = UNIDIRECTIONAL
    max_hops: int | None = None
    exclude_links: tuple[tuple[str, str], ...] = ()
    exclude_nodes: tuple[str, ...] = ()
    include_links: tuple[tuple[str, str], ...] = ()
    include_nodes: tuple[str, ...] = ()
    ends_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceRequest(ComputeRequest):
    """A service as asked for: ``uuid`` is chosen by the client, else made here.

    ``document`` is the client's configuration in canonical form, as it is sent back. ``service_class`` groups
    services that behave alike; it does not steer the network. ``capacity_nested``: the client
    looks for the capacity under ``connectivity-constraint``. ``starts_s``: when it is to be set up, in
    seconds since 1970 UTC; None: at once. ``disjoint``: ``link`` or ``node``, where a second lightpath is to
    protect it that has none of these in common with the first; else empty. ``protects``: of such a second
    lightpath, the service's UUID. ``lowest_gbps``: what it may be restored with where no more fits; None:
    only with all of it.
    """

    uuid: str
    service_class: str = ANY_CLASS
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)
    capacity_nested: bool = field(default=False, compare=False)
    starts_s: float | None = None
    disjoint: str = ""
    protects: str = ""
    lowest_gbps: float | None = None

    @property
    def reverts(self) -> bool:
        """After a repair it goes back to the lightpath that a cut or a drain took from it."""
        return self.document.get("reversion-mode") == "REVERTIVE"

    @property
    def wait_to_revert_s(self) -> float:
        """So long that lightpath must be usable again before it goes back."""
        return 60.0 * int(self.document.get("wait-to-revert-time", 0))

    @property
    def life(self) -> str:
        """The UUID under whose lock it is changed: both lightpaths of a protected service have one life."""
        return self.protects or self.uuid

    @property
    def protection(self) -> ServiceRequest:
        """What the second lightpath of a protected service is set up for."""
        return replace(self, uuid=protection_uuid(self.uuid), protects=self.uuid, starts_s=None)

    @property
    def is_locked(self) -> bool:
        """Its spectrum is kept, and no element carries it."""
        return self.document.get("administrative-state") == "LOCKED"

    @property
    def digest(self) -> str:
        """Equal for equal bodies, whatever the order of members, prefixes, and numbers sent as strings."""
        unlocked = ("administrative-state", "UNLOCKED")  # which is what a service is where nothing is said
        told = {name: value for name, value in self.document.items() if (name, value) != unlocked}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def parse_service(
    document: Any,
    naming: Naming,
    shared_spectrum: bool,
    uuid_in_path: str | None = None,
    channel_rate: ChannelRate | None = None,
    default_rate_gbps: float | None = None,
) -> ServiceRequest:
    """The request behind a body.

    Where the body gives no capacity, the document of the request says which was taken.

    Args:
        document: decoded JSON: ``{"tapi-connectivity:connectivity-service": object or [object]}``, with or
            without prefixes, or the same inside a ``connectivity-context``.
        naming: the topology whose SIPs may be named.
        shared_spectrum: whether both directions of a fibre pair share one spectrum; then a service is
            bidirectional unless it says otherwise.
        uuid_in_path: of a PUT; the body must agree.
        channel_rate: the bit rate that a channel so many GHz wide asks for; None: GHz is not taken.
        default_rate_gbps: of a body that gives neither a capacity nor a media channel; None: it is refused.

    Raises:
        TapiError: 400; the message names the leaf and the remedy.
    """
    body = service_object(document)
    constraint = body.get(CONSTRAINT)
    nested = isinstance(constraint, dict) and "requested-capacity" in constraint
    nested = nested or has_colon_directions(body)
    body = in_model_words(unnest(body), ROOT)
    _fill_local_ids(body)
    config = canonical(body, SERVICE, ROOT)
    if uuid_in_path is not None and config.setdefault("uuid", uuid_in_path) != uuid_in_path:
        raise invalid(
            f"{ROOT}/uuid: {config['uuid']} in the body, {uuid_in_path} in the address", f"{ROOT}/uuid"
        )
    config.setdefault("uuid", str(uuid4()))
    _refuse_other_kinds(config)
    source, destination = _ends(config, naming)
    max_delay_us = _target(config, "max-allowed-delay")
    starts_s, ends_s = parse_schedule(config.get("schedule", {}), f"{ROOT}/schedule")
    bit_rate_gbps = _bit_rate_gbps(config, channel_rate, default_rate_gbps)
    config.setdefault("requested-capacity", told_rate(bit_rate_gbps))
    return ServiceRequest(
        uuid=config["uuid"],
        service_class=class_of(as_dict(config.get("name")), f"{ROOT}/name"),
        source=source,
        destination=destination,
        bit_rate_gbps=bit_rate_gbps,
        max_latency_ms=math.inf if max_delay_us is None else max_delay_us / 1000.0,
        direction=_direction(config, shared_spectrum),
        max_hops=_target(config, "max-allowed-hops"),
        exclude_links=named(config.get("exclude-link", ()), naming.link_ends, f"{ROOT}/exclude-link"),
        exclude_nodes=named(config.get("exclude-node", ()), naming.node_names, f"{ROOT}/exclude-node"),
        include_links=named(config.get("include-link", ()), naming.link_ends, f"{ROOT}/include-link"),
        include_nodes=named(config.get("include-node", ()), naming.node_names, f"{ROOT}/include-node"),
        starts_s=starts_s,
        disjoint=disjoint_of(config, ROOT),
        lowest_gbps=lowest_gbps_of(config, bit_rate_gbps, ROOT),
        ends_s=ends_s,
        document=config,
        capacity_nested=nested,
    )


def named(uuids: Iterable[str], known: Mapping[str, Named], path: str) -> tuple[Named, ...]:
    """What the UUIDs of links or nodes to avoid or to visit stand for: each of them binds.

    Raises:
        TapiError: 400, one that the network does not have.
    """
    found = []
    for uuid in uuids:
        if uuid.lower() not in known:
            raise invalid(
                f"{path}: the network has no {uuid!r}; those there are: GET "
                "/restconf/data/tapi-common:context/tapi-topology:topology-context",
                path,
            )
        found.append(known[uuid.lower()])
    return tuple(found)


def build_service(
    uuid: str,
    source_sip: str,
    destination_sip: str,
    bit_rate_gbps: float,
    max_latency_ms: float = math.inf,
    direction: str = UNIDIRECTIONAL,
    wishes: Wishes = NO_WISHES,
) -> dict[str, Any]:
    """The body that asks for a service, as our own client sends it.

    The latency bound goes in whole microseconds, rounded down so that what is promised is never looser.

    Raises:
        TapiError: 400, a bit rate that is not a positive whole number of Gb/s, a bound below 1 us, or a time
            beyond the calendar.
    """
    if not (math.isfinite(bit_rate_gbps) and bit_rate_gbps > 0 and bit_rate_gbps == int(bit_rate_gbps)):
        raise invalid(f"bit rate {bit_rate_gbps} Gb/s: TAPI carries positive whole Gb/s only")
    service: dict[str, Any] = {
        "uuid": uuid,
        "end-point": [
            {
                "local-id": local_id,
                "layer-protocol-name": "PHOTONIC_MEDIA",
                "layer-protocol-qualifier": "tapi-photonic-media:PHOTONIC_LAYER_QUALIFIER_OTSi",
                "service-interface-point": {"service-interface-point-uuid": sip},
                "direction": port if direction == UNIDIRECTIONAL else BIDIRECTIONAL,
                "role": "SYMMETRIC",
            }
            for local_id, sip, port in (
                ("source", source_sip, "INPUT"),
                ("destination", destination_sip, "OUTPUT"),
            )
        ],
        "service-layer": "PHOTONIC_MEDIA",
        "service-type": "POINT_TO_POINT_CONNECTIVITY",
        "connectivity-direction": direction,
        "requested-capacity": {"total-size": {"value": str(int(bit_rate_gbps)), "unit": "GBPS"}},
    }
    if max_latency_ms != math.inf:
        if not (math.isfinite(max_latency_ms) and max_latency_ms >= 0.001):
            raise invalid(f"latency bound {max_latency_ms} ms: at least 0.001 ms is needed")
        service["max-allowed-delay"] = {"value": str(math.floor(max_latency_ms * 1000.0 + 1e-6))}
    return {"tapi-connectivity:connectivity-service": [service | wishes.members()]}


def service_object(document: Any) -> dict[str, Any]:
    """The one service of a body, without prefixes.

    Raises:
        TapiError: 400, there is none, or more.
    """
    body = strip_prefixes(document)
    if isinstance(body, dict) and set(body) == {"connectivity-context"}:
        body = body["connectivity-context"]
    if not isinstance(body, dict) or set(body) != {"connectivity-service"}:
        raise TapiError(
            400,
            "malformed-message",
            'the body must be {"tapi-connectivity:connectivity-service": [{...}]}',
            error_type="protocol",
        )
    return dict(as_object(body["connectivity-service"], ROOT))


def unnest(body: dict[str, Any]) -> dict[str, Any]:
    """A service with what its wrappers hold in its own members.

    Raises:
        TapiError: 400, a member given twice with different values.
    """
    for wrapper in WRAPPERS:
        inner = body.pop(wrapper, None)
        if inner is None:
            continue
        for name, value in as_object(inner, f"{ROOT}/{wrapper}").items():
            if name in body and body[name] != value:
                raise invalid(
                    f"{ROOT}/{name}: given twice with different values, also in {wrapper}", f"{ROOT}/{name}"
                )
            body[name] = value
    return body


def _fill_local_ids(body: dict[str, Any]) -> None:
    points = as_list(required(body, "end-point", ROOT), f"{ROOT}/end-point")
    body["end-point"] = [
        {"local-id": f"csep-{index}"} | point if isinstance(point, dict) else point
        for index, point in enumerate(points)
    ]


def _refuse_other_kinds(config: Mapping[str, Any]) -> None:
    wanted = {
        "service-layer": ("PHOTONIC_MEDIA", "this network is photonic"),
        "service-type": ("POINT_TO_POINT_CONNECTIVITY", "ask once for each pair"),
    }
    for name, (only, remedy) in wanted.items():
        if config.get(name, only) != only:
            raise invalid(f"{ROOT}/{name}: only {only} is supported; {remedy}", f"{ROOT}/{name}")
    for point in config["end-point"]:
        layer = point.get("layer-protocol-name", "PHOTONIC_MEDIA")
        if layer != "PHOTONIC_MEDIA":
            path = f"{ROOT}/end-point/layer-protocol-name"
            raise invalid(f"{path}: {layer}; only PHOTONIC_MEDIA is supported", path)


def _ends(config: Mapping[str, Any], naming: Naming) -> tuple[str, str]:
    path = f"{ROOT}/end-point"
    points = config["end-point"]
    if len(points) != 2:
        raise invalid(f"{path}: {len(points)} end point(s); a service has exactly two", path)
    names = []
    for point in points:
        sip = required(required(point, "service-interface-point", path), "service-interface-point-uuid", path)
        if sip.lower() not in naming.sip_names:
            raise invalid(
                f"{path}: no service interface point {sip!r}; those there are: "
                "GET /restconf/data/tapi-common:context/service-interface-point",
                f"{path}/service-interface-point/service-interface-point-uuid",
            )
        point["service-interface-point"]["service-interface-point-uuid"] = sip.lower()
        names.append(naming.sip_names[sip.lower()])
    if names[0] == names[1]:
        raise invalid(f"{path}: both are at {names[0]}; two different nodes are needed", path)
    ports = [point.get("direction") for point in points]
    if ports == ["OUTPUT", "INPUT"]:  # traffic enters the network at an INPUT, so that is the source
        names.reverse()
    elif ports in (["INPUT", "INPUT"], ["OUTPUT", "OUTPUT"]):
        raise invalid(f"{path}/direction: both are {ports[0]}; one INPUT and one OUTPUT are needed", path)
    return names[0], names[1]


def _bit_rate_gbps(
    config: Mapping[str, Any], channel_rate: ChannelRate | None, default_rate_gbps: float | None
) -> float:
    path = f"{ROOT}/requested-capacity"
    if "requested-capacity" in config:
        return read_rate_gbps(config["requested-capacity"], path, channel_rate)
    width_ghz = media_channel_width_ghz(config, ROOT)
    if width_ghz is not None and channel_rate is not None:
        return rate_of_channel_gbps(width_ghz, channel_rate, f"{ROOT}/end-point")
    if default_rate_gbps is None:
        raise missing(
            f"{path} is missing: give total-size in GBPS, MBPS or GHz, or set online.default_capacity_gbps",
            path,
        )
    return default_rate_gbps


def _target(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name, {}).get("value")
    if value is None:
        return None
    if int(value) <= 0:
        raise invalid(f"{ROOT}/{name}/value: {value}; a positive number is needed", f"{ROOT}/{name}/value")
    return int(value)


def _direction(config: Mapping[str, Any], shared_spectrum: bool) -> str:
    asked = config.get("connectivity-direction")
    if asked in (None, "UNDEFINED_OR_UNKNOWN"):
        return BIDIRECTIONAL if shared_spectrum else UNIDIRECTIONAL
    if asked == BIDIRECTIONAL and not shared_spectrum:
        path = f"{ROOT}/connectivity-direction"
        raise invalid(
            f"{path}: BIDIRECTIONAL; each direction of this plant has its own spectrum, so ask for two "
            "UNIDIRECTIONAL services, one each way",
            path,
        )
    return str(asked)
