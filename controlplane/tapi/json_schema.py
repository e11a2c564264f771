"""JSON schemas of the bodies that TAPI clients send, made from the tables that read them.

A schema says the form in which we would write such a body; what is read beside it (prefixes left out, words
of other dialects) stands in docs/tapi.md. Not here: reading (``schema.py``, ``service_body.py``).
"""

from __future__ import annotations

from typing import Any

from controlplane.tapi.connectivity import SERVICE as SERVICE_NAME
from controlplane.tapi.fields import UUID
from controlplane.tapi.path_body import INPUT
from controlplane.tapi.schema import (
    MAX_DECIMAL,
    Container,
    Decimal64,
    Entries,
    Enumeration,
    Flag,
    LeafList,
    Uint64,
    Uuid,
)
from controlplane.tapi.service_patch import CHANGEABLE
from controlplane.tapi.service_schema import CAPACITY, DIRECTION, SERVICE
from controlplane.tapi.wire import MAX_TEXT

UUID_PATTERN = f"^{UUID.pattern}$"
Schema = dict[str, Any]


def schema_of(kind: Any) -> Schema:
    """The JSON schema of a kind of ``schema.py``."""
    match kind:
        case Container():
            members = {
                f"{kind.prefixed[name]}:{name}" if name in kind.prefixed else name: schema_of(inner)
                for name, inner in kind.members.items()
            }
            return {"type": "object", "properties": members, "additionalProperties": False}
        case Entries():
            return {"type": "array", "items": schema_of(kind.entry)}
        case LeafList():
            return {"type": "array", "items": schema_of(kind.item)}
        case Enumeration():
            names = sorted(kind.values)
            return {"enum": [f"{kind.prefix}:{name}" if kind.prefix else name for name in names]}
        case Flag():
            return {"type": "boolean"}
        case Uint64():
            return {"type": "string", "pattern": "^[0-9]{1,20}$"}
        case Decimal64():
            return {"type": "string", "pattern": "^-?[0-9]{1,17}(\\.[0-9]{1,17})?$", "maxLength": MAX_DECIMAL}
        case Uuid() if kind.strict:
            return {"type": "string", "pattern": UUID_PATTERN}
    return {"type": "string", "maxLength": MAX_TEXT}


def service_schema() -> Schema:
    """A connectivity service to be created."""
    entry = schema_of(SERVICE)
    entry["required"] = ["end-point"]
    ends = entry["properties"]["end-point"]
    ends |= {"minItems": 2, "maxItems": 2}
    return _wrapped(SERVICE_NAME, {"type": "array", "minItems": 1, "maxItems": 1, "items": entry})


def compute_schema() -> Schema:
    """The input of ``compute-p-2-p-path``."""
    point = {
        "type": "object",
        "required": ["service-interface-point"],
        "properties": {
            "service-interface-point": {
                "type": "object",
                "required": ["service-interface-point-uuid"],
                "properties": {"service-interface-point-uuid": {"type": "string"}},
            },
            "capacity": schema_of(CAPACITY),
            "direction": {"enum": ["INPUT", "OUTPUT", "BIDIRECTIONAL"]},
        },
    }
    target = {"type": "object", "properties": {"value": schema_of(Uint64())}}
    uuids = {"type": "array", "items": schema_of(Uuid())}
    excluded = ("exclude-link", "exclude-node", "include-link", "include-node")
    routing = {
        "max-allowed-delay": target,
        "max-allowed-hops": target,
        "route-direction": schema_of(DIRECTION),
    }
    content = {
        "type": "object",
        "required": ["sep"],
        "properties": {
            "sep": {"type": "array", "minItems": 2, "maxItems": 2, "items": point},
            "routing-constraint": {"type": "object", "properties": routing},
            "topology-constraint": {"type": "object", "properties": dict.fromkeys(excluded, uuids)},
        },
    }
    return _wrapped(INPUT, content)


def link_schema() -> Schema:
    """The input of ``fail-link`` and ``repair-link``: the two ends."""
    nodes = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}}
    return _wrapped(
        "lightloop:input", {"type": "object", "required": ["nodes"], "properties": {"nodes": nodes}}
    )


def drain_schema() -> Schema:
    """The input of ``drain`` and ``undrain``: a node, or the two ends of a link."""
    name = {"type": "string"}
    link = {"type": "array", "minItems": 2, "maxItems": 2, "items": name}
    inputs = [
        {"type": "object", "required": [member], "properties": {member: kind}, "additionalProperties": False}
        for member, kind in (("node", name), ("nodes", link))
    ]
    return _wrapped("lightloop:input", {"oneOf": inputs})


def patch_schema() -> Schema:
    """What of a connectivity service can be changed."""
    members = {name: schema_of(SERVICE.members[name]) for name in CHANGEABLE}
    entry = {"type": "object", "properties": members, "additionalProperties": False}
    return _wrapped(SERVICE_NAME, {"type": "array", "minItems": 1, "maxItems": 1, "items": entry})


def operation_schema() -> Schema:
    """The input of an operation whose members its YANG module says."""
    return {"type": "object", "properties": {"tapi-notification:input": {"type": "object"}}}


def comp_route_schema() -> Schema:
    """The request of ETSI TeraFlowSDN's path computation (``controlplane.pathcomp``)."""
    objects = {"type": "array", "items": {"type": "object"}}
    services = {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "object"}}
    members = {"serviceList": services, "linkList": objects, "deviceList": objects}
    return {"type": "object", "required": ["serviceList"], "properties": members}


def _wrapped(name: str, content: Schema) -> Schema:
    return {"type": "object", "required": [name], "properties": {name: content}}
