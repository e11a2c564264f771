"""Set-ups as the controller tells them. Not here: what they are shown as (``steps.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ShownSetUp:
    """A set-up under way, or one of the last (``GET /setups``)."""

    service_uuid: str
    source: str
    destination: str
    bit_rate_gbps: float
    cause: str  # create, restore
    began_s: float
    outcome: str  # under-way, carried, refused, failed
    step: str | None  # that it is in; None once ended
    reason: str
    spent_ms: tuple[tuple[str, float], ...]  # by step, in the order in which they began
    total_ms: float

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ShownSetUp:
        """From the controller's answer."""
        return cls(
            service_uuid=str(row["service_uuid"]),
            source=str(row["source"]),
            destination=str(row["destination"]),
            bit_rate_gbps=float(row["bit_rate_gbps"]),
            cause=str(row["cause"]),
            began_s=float(row["began_s"]),
            outcome=str(row["outcome"]),
            step=row["step"],
            reason=str(row["reason"] or ""),
            spent_ms=tuple((str(name), float(ms)) for name, ms in row["spent_ms"].items()),
            total_ms=float(row["total_ms"]),
        )

    @property
    def label(self) -> str:
        """``A → B``."""
        return f"{self.source} → {self.destination}"
