"""Two policies on the same fresh requests, until the interval is narrow enough; and what chance would show.

Requests come in batches of independent runs. It stops when the 95 % interval of the paired difference is as
narrow as asked for, or the requests are spent. It never stops because of where the interval lies, which would
choose a lucky moment. Its streams are out of reach of every training and gate.

The first policy is measured as it is and with its weights changed by one in a thousand, and the figures are
averaged: what is particular to its own choices does not stand against everybody else's. The placebo is the
first policy with every weight changed at random by 30 %. Where the placebo wins too, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from envs.evaluation import Interval, interval, paired_difference
from envs.fields import FIRST_CLAIM_SEED
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.simulation import KernelPolicy, simulate
from envs.statistics import TraceResult
from envs.traffic import PoissonTraffic

CHANCE_SEED = 29
TINY, PLACEBO_SPREAD = 1e-3, 0.3  # relative, of each weight
RUNS_A_BATCH = 10
Policy = ScoringPolicy | KernelPolicy
FIGURES: Mapping[str, Callable[[TraceResult], float]] = {
    "request_blocking": lambda run: run.request_blocking,
    "bit_rate_blocking": lambda run: run.bit_rate_blocking,
    "energy_per_bit_pj": lambda run: run.power.energy_per_bit_pj if run.power else float("nan"),
}


@dataclass(frozen=True)
class Effort:
    """How much is spent on a comparison.

    Attributes:
        requests_a_run: counted requests of a run.
        warmup: requests before them.
        most_requests: counted requests of one policy at most.
        half_width: of the interval of the difference, at which it stops; in the figure's unit.
        tiny_changes: how often the first policy is measured with weights changed a little.
    """

    requests_a_run: int
    warmup: int
    most_requests: int
    half_width: float
    tiny_changes: int = 2


@dataclass(frozen=True)
class PolicyComparison:
    """What came of it; differences are the second's figure less the first's, negative where it is smaller."""

    first: Interval
    second: Interval
    difference: Interval
    placebo: Interval | None  # its difference to the first; None where one weight at most counts
    num_requests: int

    def row(self) -> dict[str, object]:
        """For JSON."""
        told = None
        if self.placebo is not None:
            told = {"difference": self.placebo.mean, "ci95": [self.placebo.low, self.placebo.high]}
        return {
            "first": {"mean": self.first.mean, "ci95": [self.first.low, self.first.high]},
            "second": {"mean": self.second.mean, "ci95": [self.second.low, self.second.high]},
            "difference": self.difference.mean,
            "ci95": [self.difference.low, self.difference.high],
            "requests": self.num_requests,
            "placebo": told,
        }


def compare(
    plant: Plant,
    traffic: PoissonTraffic,
    first: Policy,
    second: Policy,
    effort: Effort,
    figure: str = "request_blocking",
    on_batch: Callable[[int, Interval], None] | None = None,
) -> PolicyComparison:
    """Both policies, and the placebo, on the same requests.

    Args:
        plant: the network.
        traffic: what arrives.
        first: the policy that is to be beaten.
        second: the other.
        effort: see there.
        figure: one of ``FIGURES``.
        on_batch: told after each batch: requests so far, and the difference.

    Raises:
        PolicyError: a policy that cannot run on the plant.
    """
    arms: dict[str, list[Policy]] = {"first": [first], "second": [second]}
    if isinstance(first, LinearPolicy) and np.count_nonzero(first.weights) > 1:
        random = np.random.default_rng(CHANCE_SEED)
        arms["first"] += [changed(first, TINY, random) for _ in range(effort.tiny_changes)]
        arms["placebo"] = [changed(first, PLACEBO_SPREAD, random)]
    found: dict[str, list[float]] = {name: [] for name in arms}
    batch = 0
    while True:
        seed = FIRST_CLAIM_SEED + batch
        for name, policies in arms.items():
            each = [_runs(plant, traffic, policy, effort, seed, figure) for policy in policies]
            found[name] += np.mean(each, axis=0).tolist()
        batch += 1
        difference = paired_difference(found["second"], found["first"])
        done = batch * RUNS_A_BATCH * effort.requests_a_run
        if on_batch:
            on_batch(done, difference)
        narrow = (difference.high - difference.low) / 2 <= effort.half_width
        if narrow or done + RUNS_A_BATCH * effort.requests_a_run > effort.most_requests:
            break
    placebo = paired_difference(found["placebo"], found["first"]) if "placebo" in found else None
    return PolicyComparison(interval(found["first"]), interval(found["second"]), difference, placebo, done)


def changed(policy: LinearPolicy, spread: float, random: np.random.Generator) -> LinearPolicy:
    """The policy with every weight multiplied by 1 + ``spread`` times a normal number."""
    factors = 1 + spread * random.standard_normal(len(policy.weights))
    return LinearPolicy(policy.name, tuple((np.array(policy.weights) * factors).tolist()))


def _runs(
    plant: Plant, traffic: PoissonTraffic, policy: Policy, effort: Effort, seed: int, figure: str
) -> list[float]:
    """The figure of each run of a batch."""
    num_requests = RUNS_A_BATCH * effort.requests_a_run
    result = simulate(plant, traffic, policy, num_requests, seed, RUNS_A_BATCH, effort.warmup)
    return [FIGURES[figure](run) for run in result.runs]
