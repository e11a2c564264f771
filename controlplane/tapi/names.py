"""``name`` pairs of TAPI objects: the standard's place for what has no leaf of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LOWEST_RATE_GBPS = "lowest-rate-gbps"  # that a service may be restored with
CARRIED_GBPS = "carried-gbps"  # where that is less than was asked for
DISJOINT = "disjoint"  # of a protected service: link or node
START_OUTCOME = "start-outcome"  # of a service whose start came, and found no way
SETUP_MS = "setup-ms"  # from the request's arrival to the stored lightpath, on a connection only
LOCAL_NAME = "local-name"
ENDS_S = "ends-s"  # of a path computation's service, in seconds since 1970 UTC; its client told it
SERVICE_CLASS = "service-class"  # of a connectivity service, as its client calls it


def pairs(values: Mapping[str, object]) -> list[dict[str, str]]:
    """``[{"value-name": ..., "value": ...}]`` of a mapping, floats in full precision.

    >>> pairs({"first-slot": 3})
    [{'value-name': 'first-slot', 'value': '3'}]
    """
    return [
        {"value-name": name, "value": repr(value) if isinstance(value, float) else str(value)}
        for name, value in values.items()
    ]


def as_dict(name_list: Any) -> dict[str, str]:
    """The mapping behind a list of pairs; entries that are no pairs are left out.

    >>> as_dict([{"value-name": "nodes", "value": "A,B"}])
    {'nodes': 'A,B'}
    """
    if not isinstance(name_list, list):
        return {}
    return {
        str(entry["value-name"]): str(entry.get("value", ""))
        for entry in name_list
        if isinstance(entry, dict) and "value-name" in entry
    }


def join_list(items: Sequence[str]) -> str:
    """Names in one value, comma-separated; a comma inside a name is written ``%2C``.

    >>> join_list(("A", "Washington, DC"))
    'A,Washington%2C DC'
    """
    return ",".join(item.replace("%", "%25").replace(",", "%2C") for item in items)


def split_list(value: str) -> tuple[str, ...]:
    """The names that ``join_list`` joined.

    >>> split_list("A,Washington%2C DC")
    ('A', 'Washington, DC')
    """
    return tuple(item.replace("%2C", ",").replace("%25", "%") for item in value.split(","))
