"""``total-size`` of a capacity to a bit rate and back: in GBPS, in MBPS, or in GHz as the width of a channel.

Not here: what a block of slots carries (``controller/capacity.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.tapi.errors import invalid
from controlplane.tapi.fields import as_object, as_uint64, required

MBPS_PER_GBPS = 1000
ChannelRate = Callable[[float], float]  # GHz to Gb/s; ValueError: no channel is that wide


def read_rate_gbps(capacity: Any, path: str, channel_rate: ChannelRate | None = None) -> float:
    """The bit rate that a capacity asks for.

    Args:
        capacity: holds ``total-size``.
        path: of the capacity, for messages.
        channel_rate: what a channel so many GHz wide asks for; None where GHz is not taken.

    Raises:
        TapiError: 400, a size that is missing or not positive, another unit, or a channel that cannot be.
    """
    size = as_object(required(as_object(capacity, path), "total-size", path), path)
    path = f"{path}/total-size"
    unit = required(size, "unit", path)
    if unit not in ("GBPS", "MBPS") and (unit != "GHz" or channel_rate is None):
        units = "only GBPS and MBPS are" if channel_rate is None else "only GBPS, MBPS and GHz are"
        raise invalid(f"{path}/unit: {unit}; {units} supported", f"{path}/unit")
    value = as_uint64(required(size, "value", path), f"{path}/value")
    if value <= 0:
        raise invalid(f"{path}/value: {value} {unit}; a positive capacity is needed", f"{path}/value")
    if unit == "MBPS":
        return value / MBPS_PER_GBPS
    if unit == "GBPS" or channel_rate is None:
        return float(value)
    return rate_of_channel_gbps(value, channel_rate, f"{path}/value")


def rate_of_channel_gbps(width_ghz: float, channel_rate: ChannelRate, path: str) -> float:
    """The bit rate that a channel asks for.

    Raises:
        TapiError: 400, a channel that cannot be.
    """
    try:
        return channel_rate(width_ghz)
    except ValueError as error:
        raise invalid(f"{path}: {error}", path) from None


def told_rate(bit_rate_gbps: float) -> Mapping[str, Any]:
    """A capacity of a bit rate, in MBPS where it is no whole number of Gb/s.

    >>> told_rate(12.5)
    {'total-size': {'value': '12500', 'unit': 'MBPS'}}
    """
    if bit_rate_gbps == round(bit_rate_gbps):
        return {"total-size": {"value": str(round(bit_rate_gbps)), "unit": "GBPS"}}
    return {"total-size": {"value": str(round(bit_rate_gbps * MBPS_PER_GBPS)), "unit": "MBPS"}}
