"""The load that a policy carries at a given request blocking, by interpolation between simulated loads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.simulation import SimulationResult, simulate
from envs.traffic import PoissonTraffic


@dataclass
class LoadCurve:
    """Blocking of one policy against load; every simulated load is kept.

    Attributes:
        plant: the network.
        traffic: what arrives; its load is set anew for every point.
        policy: what ``simulate`` takes.
        num_requests: counted requests per load.
        processes: that share the runs of a load.
        runs: independent runs of a load.
        warmup: requests of each run before the counted ones.
        points: simulated so far, by load in Erlang.
    """

    plant: Plant
    traffic: PoissonTraffic
    policy: str | ScoringPolicy
    num_requests: int
    processes: int = 1
    runs: int = 10
    warmup: int = 3000
    points: dict[float, SimulationResult] = field(default_factory=dict)

    def _log_blocking(self, load_erlang: float) -> float:
        load_erlang = round(load_erlang, 2)
        if load_erlang not in self.points:
            traffic = replace(self.traffic, load_erlang=load_erlang)
            self.points[load_erlang] = simulate(
                self.plant,
                traffic,
                self.policy,
                self.num_requests,
                seed=1,
                num_runs=self.runs,
                warmup=self.warmup,
                processes=self.processes,
            )
        mean = self.points[load_erlang].request_blocking.mean
        return math.log(max(mean, 0.1 / self.num_requests))

    def carried_erlang(self, target: float, guess_erlang: float, refinements: int = 3) -> float:
        """Load at which the policy blocks ``target`` of the requests."""
        return load_at(self._log_blocking, target, guess_erlang, refinements)


def load_at(
    log_blocking: Callable[[float], float], target: float, guess_erlang: float, refinements: int = 3
) -> float:
    """Load in Erlang at which the blocking is ``target``.

    Log blocking is nearly straight in the load: bracket the target, then interpolate and narrow.

    Args:
        log_blocking: natural logarithm of the blocking at a load in Erlang.
        target: the blocking asked for.
        guess_erlang: where to begin.
        refinements: further loads between the two that bracket the target.
    """
    wanted = math.log(target)
    low, high = 0.94 * guess_erlang, 1.04 * guess_erlang
    at_low, at_high = log_blocking(low), log_blocking(high)
    for _ in range(12):
        if at_low <= wanted <= at_high:
            break
        if at_low > wanted:
            high, at_high = low, at_low
            low *= 0.92
            at_low = log_blocking(low)
        else:
            low, at_low = high, at_high
            high *= 1.08
            at_high = log_blocking(high)
    for _ in range(refinements):
        share = (wanted - at_low) / (at_high - at_low)
        middle = low + min(max(share, 0.1), 0.9) * (high - low)
        at_middle = log_blocking(middle)
        if at_middle < wanted:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return low + (wanted - at_low) / (at_high - at_low) * (high - low)


def carried_half_width(points: Sequence[Mapping[str, Any]], carried_erlang: float) -> float | None:
    """Half of the 95 % interval of a carried load, in Erlang; None where the points do not hold it.

    The blocking of the two loads on either side gives the slope, and their intervals what it is uncertain by.
    Both meet the same requests, or snapshots drawn alike, so their errors count in full and not by the root.

    Args:
        points: with ``load_erlang``, ``request_blocking`` and ``ci95``, in the order of the loads.
        carried_erlang: that was read between two of them.
    """
    known = [point for point in points if point["ci95"] is not None and point["request_blocking"] > 0]
    below = [point for point in known if point["load_erlang"] <= carried_erlang]
    above = [point for point in known if point["load_erlang"] > carried_erlang]
    if not below or not above:
        return None
    low, high = below[-1], above[0]
    width_erlang = high["load_erlang"] - low["load_erlang"]
    rise = math.log(high["request_blocking"] / low["request_blocking"])
    if rise <= 0:
        return None
    share = (carried_erlang - low["load_erlang"]) / width_erlang
    relative = [
        (point["ci95"][1] - point["ci95"][0]) / 2 / point["request_blocking"] for point in (low, high)
    ]
    return float(((1 - share) * relative[0] + share * relative[1]) * width_erlang / rise)
