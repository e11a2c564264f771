"""The lightpath that every process speaks of, and how it is spelled on the wires. Not here: who decides it.

TAPI has no leaves for most of it, so it travels as ``name`` pairs, on a computed path and on the connection
made of it. ``/changes`` and the decision log tell the part that says what is lit and who chose it. What an
element holds of it is a ``CrossConnect`` (``controller/configure.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from controlplane.tapi import names
from controlplane.tapi.errors import TapiError


@dataclass(frozen=True)
class Lightpath:
    """A route with its block of slots and its format, who decided for it, and what it is worth.

    Attributes:
        uuid: of the TAPI object that holds it, a path or a connection; empty where none does.
        nodes: node names, source first.
        first_slot, num_slots: block of 12.5 GHz slots, guard included.
        modulation_format: by name.
        latency_ms: one way.
        decided_by: ``model``, ``fallback`` or ``client``.
        policy: name of the policy that decided.
        model_version: of the registry; empty when no model decided.
        decision_id: key of the decision log.
        decision_ms: how long the decision took.
        band: that the block lies in; None, here and below, where it is not known.
        gsnr_db: of the worst carrier when it was set up.
        margin_db: of the worst carrier above its format's threshold.
        marginal_w: power that its set-up switched on, transponders included.
        leg: 0 or 1; a service that is moved has two for a moment, and elements tell them apart by it. Only
            the controller knows it.
    """

    uuid: str
    nodes: tuple[str, ...]
    first_slot: int
    num_slots: int
    modulation_format: str
    latency_ms: float
    decided_by: str
    policy: str = ""
    model_version: str = ""
    decision_id: str = ""
    decision_ms: float = 0.0
    band: str | None = None
    gsnr_db: float | None = None
    margin_db: float | None = None
    marginal_w: float | None = None
    leg: int = 0

    @classmethod
    def read(cls, uuid: str, values: Mapping[str, Any], **more: Any) -> Self:
        """Out of its fields by name, as JSON or texts; ``more`` is for a class with fields of its own.

        Raises:
            KeyError: one is missing.
            ValueError: one is not of its type, or a quantity is not finite.
        """
        given = {}
        for name, read in _READERS.items():
            if name in _ESSENTIAL or values.get(name) is not None:
                try:
                    given[name] = read(values[name])
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{name} is {values[name]!r}: {error}") from None
        return cls(uuid, **given, **more)

    @classmethod
    def from_names(cls, uuid: str, name_list: Any, **more: Any) -> Self:
        """Out of its ``name`` pairs.

        Raises:
            TapiError: 502, a pair is missing or is not of its type.
        """
        values: dict[str, Any] = {n.replace("-", "_"): v for n, v in names.as_dict(name_list).items()}
        if "nodes" in values:
            values["nodes"] = names.split_list(values["nodes"])
        try:
            return cls.read(uuid, values, **more)
        except KeyError as error:
            lost = f"name pair {str(error.args[0]).replace('_', '-')!r} is missing"
            raise TapiError(502, "operation-failed", f"path {uuid}: {lost}") from None
        except ValueError as error:
            raise TapiError(502, "operation-failed", f"path {uuid}: {error}") from None

    def name_pairs(self) -> dict[str, object]:
        """The values that travel as ``name`` pairs; what is not known is left out."""
        pairs = {name.replace("_", "-"): value for name, value in self._known(_READERS).items()}
        return pairs | {"nodes": names.join_list(self.nodes)}

    def told(self) -> dict[str, Any]:
        """What ``/changes`` and the decision log tell, by fields' names; what is not known is left out."""
        return self._known(_TOLD) | {"nodes": list(self.nodes)}

    def _known(self, fields: Mapping[str, object]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a finite number is needed, or none")
    return number


# The fields that travel, each with its reader.
_ESSENTIAL: dict[str, Callable[[Any], Any]] = {
    "nodes": lambda nodes: tuple(map(str, nodes)),
    "first_slot": int,
    "num_slots": int,
    "modulation_format": str,
    "latency_ms": float,
    "decided_by": str,
}
_OF_DECISION = {"policy": str, "model_version": str, "decision_id": str, "decision_ms": float}
_QUANTITIES = {
    "band": lambda name: str(name) or None,
    "gsnr_db": _finite,
    "margin_db": _finite,
    "marginal_w": _finite,
}
_TOLD = _ESSENTIAL | _QUANTITIES
_READERS = _ESSENTIAL | _OF_DECISION | _QUANTITIES
