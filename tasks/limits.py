"""What gate and drift monitor ask for: the configuration's sections ``gate`` and ``drift``; nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from envs.fields import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

Objective = Literal["blocking", "energy"]
DriftColumn = Literal[
    "node pairs",
    "bit rates",
    "service classes",
    "latency bounds",
    "arrival rate",
    "holding times",
    "blocking",
]


@dataclass(frozen=True)
class GateLimits:
    """When a challenger may become champion.

    Attributes:
        confidence: of every interval but that of the gain, whose level the promotion budget gives.
        max_slice_loss: share of its blocking that a traffic slice, or the network after a failure, may
            lose; 0.15 is 15 %.
        slice_floor: blocking that it may lose in any case, as little is lost where little is blocked.
        min_gain: share of the rival's blocking, or energy, that a challenger must do better by to matter.
        false_promotions_per_year: chance that a challenger that is no better is promoted in any 365 days.
        latency_budget_ms: p99 of a decision behind the real endpoint.
        objective: what it must be better in: blocking, or energy per bit at no more blocking than KSP-FF.
        max_blocking_loss: with objective energy: blocking that counts as no more than KSP-FF's.
        max_forgotten: where a window was learned from: share of the champion's blocking that a challenger may
            block more on the scenario's own traffic.
        probation_requests: so many of the first live requests of a new champion are replayed under it and
            the one before, once they are all there; where it blocks more, the one before comes back. 0: none.
        shadow_requests: about so many live requests a challenger that has passed is asked beside the
            champion, without being followed. 0: none.
        canary_share: share of the decisions that it takes for as many requests again. 0: none.
        trial_timeout_s: for each of the two; a challenger that has not seen its requests by then is refused.
        max_late_share: of its answers on live requests, that may come after the deadline or not at all.
        canary_tolerance: blocking that its requests may show above that of the others; 0.02 is two points.
    """

    confidence: Annotated[float, Gt(0.5), Lt(1)]
    latency_budget_ms: PositiveFloat
    max_slice_loss: NonNegativeFloat = 0.15
    slice_floor: NonNegativeFloat = 0.001
    min_gain: NonNegativeFloat = 0.02
    false_promotions_per_year: Annotated[float, Gt(0), Lt(1)] = 0.05
    objective: Objective = "blocking"
    max_blocking_loss: NonNegativeFloat = 0.0
    max_forgotten: NonNegativeFloat = 0.05
    probation_requests: NonNegativeInt = 1000
    shadow_requests: NonNegativeInt = 0
    canary_share: Annotated[float, Ge(0), Le(1)] = 0.0
    trial_timeout_s: PositiveFloat = 86_400.0
    max_late_share: Annotated[float, Ge(0), Lt(1)] = 0.01
    canary_tolerance: Annotated[float, Gt(0), Lt(1)] = 0.02

    def __post_init__(self) -> None:
        if self.canary_share and not self.shadow_requests:
            raise ValueError(
                f"canary_share is {self.canary_share:g} and shadow_requests 0: a challenger decides nothing "
                "before it has been a shadow; set gate.shadow_requests too, e.g. to 1000"
            )

    @property
    def longest_trial_s(self) -> float:
        """For so long a training may keep the model slots for its challenger's trial."""
        return self.trial_timeout_s * (bool(self.shadow_requests) + bool(self.canary_share))


@dataclass(frozen=True, kw_only=True)
class DriftLimits:
    """When traffic counts as drifted; ``docs/drift.md`` explains each.

    Attributes:
        false_alarm_rate: chance that a window of unchanged traffic raises an alarm.
        window_requests: after so many without an alarm a new window begins.
        min_requests: fewer are not judged.
        cool_down_requests: after an alarm so many are passed over.
        tolerance: relative deviation of a rate or share that is ordinary.
        clock_speed: seconds of traffic in a second of the clock; above 1 where a trace is played faster.
        columns: to be looked at; empty: all that are known.
    """

    false_alarm_rate: Annotated[float, Gt(0), Lt(1)] = 0.01
    window_requests: PositiveInt = 5000
    min_requests: PositiveInt = 200
    cool_down_requests: NonNegativeInt = 2000
    tolerance: Annotated[float, Gt(0), Lt(1)] = 0.02
    clock_speed: PositiveFloat = 1.0
    columns: tuple[DriftColumn, ...] = ()

    def __post_init__(self) -> None:
        if self.min_requests > self.window_requests:
            raise ValueError(
                f"min_requests is {self.min_requests}, more than window_requests, {self.window_requests}; "
                "no window would ever be judged"
            )
