"""Query parameters of a GET (RFC 8040 4.8): ``content``, ``depth`` and ``fields`` cut an answer down.

Not here: which resource a path names, and pieces that are serialised already (``controller/pieces.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controlplane.tapi.errors import TapiError
from controlplane.tapi.fields import bare

Content = Literal["all", "config", "nonconfig"]
Fields = Mapping[str, Any]  # name to the Fields below it; empty: everything below
State = Mapping[str, Any] | None  # name to the State below it; None: state, and so is everything below

MAX_FIELDS = 4096  # characters
MAX_NESTING = 32
_NAME = re.compile(r"[A-Za-z_][\w.:-]*")
_NOTHING = object()

# What is state and not configuration (RFC 7950 7.21.1) of what we tell of TAPI 2.1.3, below the datastore.
_CONTEXT: State = {
    "service-interface-point": {
        "layer-protocol-name": None,
        "lifecycle-state": None,
        "operational-state": None,
        "supported-layer-protocol-qualifier": None,
        "media-channel-service-interface-point-spec": {"mc-pool": None},
        "otsi-service-interface-point-spec": {"otsi-capability": None},
    },
    "topology-context": {"nw-topology-service": None, "topology": None},
    "connectivity-context": {
        "connectivity-service": {"connection": None, "lifecycle-state": None, "operational-state": None},
        "connection": None,
    },
    "path-computation-context": {"path": None},
    "notification-context": {
        "notif-subscription": {
            "notification-channel": None,
            "supported-notification-types": None,
            "supported-object-types": None,
        },
    },
}
STATE: State = {"context": _CONTEXT, "modules-state": None, "restconf-state": None}


@dataclass(frozen=True)
class Selection:
    """What of a resource is asked for.

    Attributes:
        content: configuration, state or both.
        depth: most levels, the resource itself being the first; None: all.
        fields: the nodes below the resource that are wanted; None: all.
    """

    content: Content = "all"
    depth: int | None = None
    fields: Fields | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is cut."""
        return self == Selection()


def parse_query(given: Iterable[tuple[str, str]]) -> Selection:
    """The selection that query parameters ask for.

    Raises:
        TapiError: 400, a parameter that is not supported, is given twice, or has another value than it may.
    """
    values: dict[str, str] = {}
    for name, value in given:
        if name not in ("content", "depth", "fields"):
            raise _refused(f"query parameter {name[:100]!r} is not supported; content, depth and fields are")
        if name in values:
            raise _refused(f"query parameter {name!r} is given twice")
        values[name] = value
    content = values.get("content", "all")
    if content not in ("all", "config", "nonconfig"):
        raise _refused(f"content={content[:100]}: all, config or nonconfig")
    depth = values.get("depth", "unbounded")
    if not re.fullmatch("unbounded|[1-9][0-9]{0,4}", depth) or (depth.isdigit() and int(depth) > 65535):
        raise _refused(f"depth={depth[:100]}: unbounded, or 1 to 65535")
    fields = parse_fields(values["fields"]) if "fields" in values else None
    return Selection(content, None if depth == "unbounded" else int(depth), fields)  # type: ignore[arg-type]


def parse_fields(text: str) -> Fields:
    """The names that a ``fields`` expression selects.

    >>> parse_fields("uuid;node(name;owned-node-edge-point/uuid)")
    {'uuid': {}, 'node': {'name': {}, 'owned-node-edge-point': {'uuid': {}}}}

    Raises:
        TapiError: 400, it is not by the grammar of RFC 8040 4.8.3.
    """
    if len(text) > MAX_FIELDS:
        raise _refused(f"fields: {len(text)} characters; at most {MAX_FIELDS} are taken")
    found, end = _fields(text, 0, 0)
    if end < len(text):
        raise _refused(f"fields={text[:100]}: {text[end]!r} at {end} is one too many")
    return found


def select(value: Any, names: Sequence[str], selection: Selection) -> Any:
    """A resource, cut down.

    Args:
        value: what a GET without parameters answers; pieces of it may stand for themselves, with ``value``.
        names: the way to it, without prefixes and keys: ``("context", "topology-context", "topology")``.
        selection: what is asked for.
    """
    if selection.content != "all":
        state: State = STATE
        for name in names:
            state = state.get(name, {}) if state is not None else None
        kept = _of_content(value, state, selection.content == "nonconfig")
        value = ([] if isinstance(value, list) else {}) if kept is _NOTHING else kept
    if selection.fields:
        return _of_fields(value, selection.fields, selection.depth)
    return _of_depth(value, selection.depth)


def _of_depth(value: Any, depth: int | None) -> Any:
    if depth is None or not _has_children(value):
        return value
    if depth == 1:
        return [] if isinstance(value, list) else {}
    if isinstance(value, list):
        return [_of_depth(item, depth) for item in value]
    return {name: _of_depth(item, depth - 1) for name, item in _members(value).items()}


def _of_fields(value: Any, fields: Fields, depth: int | None) -> Any:
    """What is selected and the way to it; depth counts from what is selected on."""
    if not fields:
        return _of_depth(value, depth)
    if isinstance(value, list):
        return [_of_fields(item, fields, depth) for item in value]
    if not _has_children(value):
        return value
    return {
        name: _of_fields(item, fields[bare(name)], depth)
        for name, item in _members(value).items()
        if bare(name) in fields
    }


def _of_content(value: Any, state: State, is_state: bool) -> Any:
    if not state:  # all of one kind
        return value if (state is None) == is_state else _NOTHING
    if isinstance(value, list):
        kept = [_of_content(item, state, is_state) for item in value]
        return [item for item in kept if item is not _NOTHING]
    members = _members(value)
    cut = {name: _of_content(item, state.get(bare(name), {}), is_state) for name, item in members.items()}
    left = {name: item for name, item in cut.items() if item is not _NOTHING}
    if is_state and left and "uuid" in members:  # the key of a list of both kinds
        return {"uuid": members["uuid"]} | left
    return left or _NOTHING


def _has_children(value: Any) -> bool:
    """Whether it is a container or a list, not a leaf or a list of leaves."""
    if isinstance(value, list):
        return not value or _has_children(value[0])
    return isinstance(value, dict) or hasattr(value, "value")


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else value.value


def _fields(text: str, at: int, nesting: int) -> tuple[dict[str, Any], int]:
    if nesting > MAX_NESTING:
        raise _refused(f"fields: nested more than {MAX_NESTING} deep")
    found: dict[str, Any] = {}
    while True:
        below, at = found, at
        while True:
            name = _NAME.match(text, at)
            if name is None:
                raise _refused(f"fields={text[:100]}: a name is needed at {at}")
            below, at = below.setdefault(bare(name[0]), {}), name.end()
            if not text.startswith("/", at):
                break
            at += 1
        if text.startswith("(", at):
            inner, at = _fields(text, at + 1, nesting + 1)
            if not text.startswith(")", at):
                raise _refused(f"fields={text[:100]}: a ')' is needed at {at}")
            below.update(inner)
            at += 1
        if not text.startswith(";", at):
            return found, at
        at += 1


def _refused(message: str) -> TapiError:
    return TapiError(400, "invalid-value", message, error_type="protocol")
