"""Checking a client's document against a table of what may be configured, and its canonical form.

A table is nested dicts of kinds. The canonical form is what we store, compare and send: no prefixes but those
the model asks for, uint64 as strings (RFC 7951 6.1). Not here: the tables (``service_schema.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from controlplane.tapi.errors import TapiError, invalid, missing
from controlplane.tapi.fields import as_list, as_object, as_uint64, as_uuid
from controlplane.tapi.wire import sound_text

MAX_DECIMAL = 40  # characters of a decimal64


@dataclass(frozen=True)
class Text:
    """A string."""


@dataclass(frozen=True)
class Uuid:
    """A UUID, or any string where the model leaves it open (``strict=False``)."""

    strict: bool = True


@dataclass(frozen=True)
class Uint64:
    """A whole number, sent as a string."""


@dataclass(frozen=True)
class Decimal64:
    """A decimal64, sent as a string."""


@dataclass(frozen=True)
class Flag:
    """A boolean."""


@dataclass(frozen=True)
class Enumeration:
    """An enumeration, or identities with the module prefix they carry on the wire."""

    values: frozenset[str]
    prefix: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Container:
    """A container; ``prefixed`` members keep their module's name on the wire."""

    members: Mapping[str, Any]
    state: frozenset[str] = frozenset()
    unsupported: Mapping[str, str] = field(default_factory=dict)
    prefixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entries:
    """A list with a key."""

    key: str
    entry: Container


@dataclass(frozen=True)
class LeafList:
    """A list of leaves."""

    item: Any


def canonical(value: Any, kind: Any, path: str) -> Any:
    """The canonical form of a value of a kind. Member names must have lost their prefixes already.

    Raises:
        TapiError: 400; a state leaf, an unknown or unsupported leaf, a value outside its type, a key missing
            or given twice. The message names the leaf.
    """
    if isinstance(kind, Container):
        return _container(as_object(value, path), kind, path)
    if isinstance(kind, Entries):
        return _entries(as_list(value, path), kind, path)
    if isinstance(kind, LeafList):
        items = value if isinstance(value, list) else [value]
        return [canonical(item, kind.item, f"{path}[{index}]") for index, item in enumerate(items)]
    if isinstance(kind, Uint64):
        return str(as_uint64(value, path))
    if isinstance(kind, Uuid):
        return as_uuid(value, path) if kind.strict else _text(value, path)
    if isinstance(kind, Enumeration):
        return _choice(value, kind, path)
    if isinstance(kind, Flag):
        if not isinstance(value, bool):
            raise invalid(f"{path}: {value!r} is not true or false", path)
        return value
    if isinstance(kind, Decimal64):
        return _decimal(value, path)
    return _text(value, path)


def _container(value: Mapping[str, Any], kind: Container, path: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, item in value.items():
        where = f"{path}/{name}"
        if name in kind.state:
            raise invalid(f"{where} is state of the network, not configuration; leave it out", where)
        if name in kind.unsupported:
            raise TapiError(
                400, "operation-not-supported", f"{where} is not supported: {kind.unsupported[name]}", where
            )
        if name not in kind.members:
            raise TapiError(400, "unknown-element", f"{where} is unknown in TAPI 2.1.3; leave it out", where)
        prefix = kind.prefixed.get(name)
        result[f"{prefix}:{name}" if prefix else name] = canonical(item, kind.members[name], where)
    return result


def _entries(values: list[Any], kind: Entries, path: str) -> list[dict[str, Any]]:
    seen: set[str] = set()
    entries = []
    for index, item in enumerate(values):
        entry = canonical(as_object(item, f"{path}[{index}]"), kind.entry, f"{path}[{index}]")
        if kind.key not in entry:
            raise missing(f"{path}[{index}]: the key {kind.key!r} is missing", f"{path}[{index}]/{kind.key}")
        if entry[kind.key] in seen:
            raise invalid(f"{path}: {kind.key} {entry[kind.key]!r} is given twice", path)
        seen.add(entry[kind.key])
        entries.append(entry)
    return entries


def _choice(value: Any, kind: Enumeration, path: str) -> str:
    text = _text(value, path)
    plain = text.removeprefix(f"{kind.prefix}:") if kind.prefix else text
    if plain not in kind.values:
        allowed = ", ".join(sorted(kind.values))
        raise invalid(f"{path}: {value!r} is not one of {allowed}{kind.remedy}", path)
    return f"{kind.prefix}:{plain}" if kind.prefix else plain


def _decimal(value: Any, path: str) -> str:
    try:
        number = Decimal(str(value)[: MAX_DECIMAL + 1])
    except InvalidOperation:
        number = Decimal("NaN")
    # RFC 7950 9.3: 64 bits, at most 18 digits behind the point.
    fits = number.is_finite() and number.adjusted() < 18 and len(str(value)) <= MAX_DECIMAL
    exponent = number.as_tuple().exponent
    if isinstance(value, bool) or not fits or not isinstance(exponent, int) or exponent < -18:
        raise invalid(f"{path}: {str(value)[:100]!r} is not a decimal number of 64 bits", path)
    return f"{number:f}"


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"{path}: {str(value)[:100]!r} is not a string", path)
    return sound_text(value, path)
