"""What gate and drift monitor ask for: the configuration's sections ``gate`` and ``drift``; nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le, Lt

from envs.fields import NonNegativeFloat, PositiveFloat, PositiveInt

Objective = Literal["blocking", "energy"]


@dataclass(frozen=True)
class GateLimits:
    """When a challenger may become champion.

    Attributes:
        max_slice_regression: blocking that a traffic slice may lose; 0.01 is one point.
        latency_budget_ms: p99 of a decision behind the real endpoint.
        objective: what it must be better in: blocking, or energy per bit at no more blocking than KSP-FF.
        max_blocking_loss: with objective energy: blocking that counts as no more than KSP-FF's.
    """

    confidence: Annotated[float, Gt(0.5), Lt(1)]
    max_slice_regression: NonNegativeFloat
    latency_budget_ms: PositiveFloat
    objective: Objective = "blocking"
    max_blocking_loss: NonNegativeFloat = 0.0


@dataclass(frozen=True)
class DriftLimits:
    """When traffic counts as drifted."""

    window_decisions: PositiveInt
    min_decisions: PositiveInt
    psi_threshold: PositiveFloat
    drift_share: Annotated[float, Gt(0), Le(1)]
