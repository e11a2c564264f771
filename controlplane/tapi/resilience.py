"""What a service asks for against cuts: a second lightpath, or less capacity rather than none.

Not here: the rest of a service (``service_body.py``), what is done about a cut (``controller``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.tapi.errors import invalid
from controlplane.tapi.names import DISJOINT, LOWEST_RATE_GBPS, as_dict

UNPROTECTED = ("DYNAMIC_RESTORATION", "NO_PROTECTON")  # so spelled in the model
PROTECTED = ("ONE_PLUS_ONE_PROTECTION", "ONE_PLUS_ONE_PROTECTION_WITH_DYNAMIC_RESTORATION")


def disjoint_of(config: Mapping[str, Any], root: str) -> str:
    """What the two lightpaths of a service must not have in common, ``link`` or ``node``; empty: it has one.

    Args:
        config: of the service, canonical.
        root: path of the service, for errors.

    Raises:
        TapiError: 400, a kind of protection that is not supported, or another word than these.
    """
    protection = config.get("resilience-type", {}).get("protection-type", UNPROTECTED[0])
    if protection not in (*UNPROTECTED, *PROTECTED):
        path = f"{root}/resilience-type/protection-type"
        raise invalid(
            f"{path}: {protection}; a service is restored after a cut (DYNAMIC_RESTORATION), or has two "
            f"lightpaths ({PROTECTED[0]})",
            path,
        )
    told = as_dict(config.get("name")).get(DISJOINT)
    if told not in (None, "link", "node"):
        raise invalid(f"{root}/name: {DISJOINT} {told[:40]!r}; link or node is needed", f"{root}/name")
    return (told or "link") if protection in PROTECTED else ""


def lowest_gbps_of(config: Mapping[str, Any], bit_rate_gbps: float, root: str) -> float | None:
    """What a service may be restored with where no more fits; None: only with all that it asks for.

    Args:
        config: of the service, canonical.
        bit_rate_gbps: that it asks for.
        root: path of the service, for errors.

    Raises:
        TapiError: 400, no whole Gb/s below that.
    """
    told = as_dict(config.get("name")).get(LOWEST_RATE_GBPS)
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) < 9 and 0 < int(told) < bit_rate_gbps):
        raise invalid(
            f"{root}/name: {LOWEST_RATE_GBPS} {told[:40]!r}; give whole Gb/s below the {bit_rate_gbps:g} "
            "asked for",
            f"{root}/name",
        )
    return float(told)
