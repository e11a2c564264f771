"""Liberal reading of what clients send: module prefixes, numbers as strings or numbers, lists of one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from controlplane.tapi.errors import invalid, missing

_PREFIX = re.compile(r"\A(?:tapi-[a-z-]+|ietf-yang-library|ietf-restconf-monitoring):")
UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
UINT64_MAX = 2**64 - 1


@lru_cache(maxsize=1024)
def bare(name: str) -> str:
    """A member name without its module.

    >>> bare("tapi-connectivity:connectivity-service")
    'connectivity-service'
    """
    return _PREFIX.sub("", name)


def strip_prefixes(value: Any) -> Any:
    """The same document with every ``tapi-*:`` prefix of a member name removed, at any depth."""
    if isinstance(value, Mapping):
        return {bare(str(key)): strip_prefixes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strip_prefixes(item) for item in value]
    return value


def as_object(value: Any, path: str) -> dict[str, Any]:
    """A container, or the only entry of a list.

    Raises:
        TapiError: 400, anything else.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise invalid(f"{path}: one JSON object is needed, not {_said(value)}", path)
    return value


def as_list(value: Any, path: str) -> list[Any]:
    """A list; a lone object counts as a list of one.

    Raises:
        TapiError: 400, anything else.
    """
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise invalid(f"{path}: a list is needed, not {_said(value)}", path)
    return value


def as_uint64(value: Any, path: str) -> int:
    """A uint64 sent as a string (RFC 7951 6.1) or, liberally, as a whole number.

    Raises:
        TapiError: 400, negative, fractional, not finite or beyond 64 bits.
    """
    number: int | None = None
    if isinstance(value, bool):
        number = None
    elif isinstance(value, int):
        number = value
    elif isinstance(value, float) and math.isfinite(value) and value == int(value):
        number = int(value)
    elif isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[+-]?[0-9]{1,24}(\.0{1,18})?", text):
            number = int(text.partition(".")[0])
    if number is None or not 0 <= number <= UINT64_MAX:
        raise invalid(f"{path}: {value!r} is not a whole number from 0 to 2^64-1", path)
    return number


def as_uuid(value: Any, path: str) -> str:
    """A UUID in lower case.

    Raises:
        TapiError: 400, anything else.
    """
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise invalid(
            f"{path}: {str(value)[:100]!r} is not a UUID (RFC 4122), e.g. "
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            path,
        )
    return value.lower()


def required(container: Mapping[str, Any], name: str, path: str) -> Any:
    """A member that must be there.

    Raises:
        TapiError: 400, it is not.
    """
    if name not in container or container[name] is None:
        raise missing(f"{path}: {name!r} is missing", f"{path}/{name}")
    return container[name]


def _said(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{type(value).__name__} {value!r}"[:80]
