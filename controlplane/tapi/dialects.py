"""How other controllers write a connectivity service, put into the members that TAPI 2.1.3 has.

TAPI 2.4 says the layer at the service itself. ETSI TeraFlowSDN's ``tapi_lsp`` does so too; beside that it
writes ``direction:`` with a colon, ``10000`` where no objective is wished, and ``NONE`` for what is not told.
Not here: constraints nested in a container (``service_body.py``), capacities (``capacity.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.tapi.errors import invalid
from controlplane.tapi.fields import as_list

COLON_DIRECTION = "direction:"
_NO_OBJECTIVE = ("10000", "UNSPECIFIED", "NONE")
_NOT_TOLD = ("NONE", "", None)
_MC_SPEC = "media-channel-connectivity-service-end-point-spec"


def has_colon_directions(body: Mapping[str, Any]) -> bool:
    """Whether a service was written by ``tapi_lsp``: its end points say ``direction:``."""
    points = body.get("end-point")
    return isinstance(points, list) and any(
        isinstance(point, dict) and COLON_DIRECTION in point for point in points
    )


def in_model_words(body: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A service in the members that the model has; one that is written so already stays as it is.

    Args:
        body: the service, without prefixes.
        path: of the service, for messages.

    Raises:
        TapiError: 400, a member that is given twice with different values.
    """
    service = dict(body)
    _renamed(service, "layer-protocol-name", "service-layer", path)
    qualifier = service.pop("layer-protocol-qualifier", None)
    if service.get("route-objective-function") in _NO_OBJECTIVE:
        del service["route-objective-function"]
    if _is_empty_capacity(service.get("requested-capacity")):
        del service["requested-capacity"]
    if isinstance(service.get("end-point"), list | dict):
        points = as_list(service["end-point"], f"{path}/end-point")
        service["end-point"] = [_end_point(point, qualifier, f"{path}/end-point") for point in points]
    return service


def media_channel_width_ghz(service: Mapping[str, Any], path: str) -> float | None:
    """Width of the media channel that the end points ask for; None where they ask for none.

    Args:
        service: in canonical form.
        path: of the service, for messages.

    Raises:
        TapiError: 400, a channel that ends below its begin, or two widths.
    """
    widths = set()
    for point in service["end-point"]:
        config = point.get(f"tapi-photonic-media:{_MC_SPEC}", {}).get("mc-config", {})
        asked = config.get("spectrum", {})
        if "lower-frequency" in asked and "upper-frequency" in asked:
            widths.add((int(asked["upper-frequency"]) - int(asked["lower-frequency"])) / 1000)
    if not widths:
        return None
    where = f"{path}/end-point/{_MC_SPEC}/mc-config/spectrum"
    if len(widths) > 1 or min(widths) <= 0:
        told = " and ".join(f"{width:g} GHz" for width in sorted(widths))
        raise invalid(f"{where}: {told}; both ends need one width, above 0, or a requested-capacity", where)
    return float(widths.pop())


def _end_point(point: Any, qualifier: Any, path: str) -> Any:
    if not isinstance(point, dict):
        return point  # refused where it is read
    point = dict(point)
    _renamed(point, COLON_DIRECTION, "direction", path)
    if qualifier is not None:
        point.setdefault("layer-protocol-qualifier", qualifier)
    spec = point.get(_MC_SPEC)
    if isinstance(spec, dict):
        point[_MC_SPEC] = _without_untold(spec)
    return point


def _renamed(container: dict[str, Any], given: str, meant: str, path: str) -> None:
    """Give a member the name that it has in the model."""
    if given not in container:
        return
    value = container.pop(given)
    if container.setdefault(meant, value) != value:
        raise invalid(
            f"{path}: {given} {value!r} and {meant} {container[meant]!r} disagree", f"{path}/{meant}"
        )


def _without_untold(value: Any) -> Any:
    """A document without the leaves that say ``NONE``, and without what they leave empty."""
    if not isinstance(value, dict):
        return value
    kept = {name: _without_untold(item) for name, item in value.items() if item not in _NOT_TOLD}
    return {name: item for name, item in kept.items() if item != {}}


def _is_empty_capacity(capacity: Any) -> bool:
    if not isinstance(capacity, dict) or set(capacity) != {"total-size"}:
        return False
    size = capacity["total-size"]
    return isinstance(size, dict) and bool(size) and all(item in _NOT_TOLD for item in size.values())
