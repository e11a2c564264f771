"""Fixed traffic on which the policies of one training are compared. Not here: the gate (``tasks``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from agents.lessons import Lessons
from agents.spec import ValidationSpec
from envs.evaluation import replay_statistics
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.search import replay_linear
from envs.threads import in_threads
from envs.trace import Trace
from envs.traffic import requests_of

# Streams that no other part of a training draws from; the gate's held-out traces have seeds of their own.
CURVE_SEED = 500_000_000
VALIDATION_SEED = 600_000_000
DEFAULT_SIZES = ValidationSpec()


class Score(NamedTuple):
    """One policy on every trace of a validation set."""

    blocking: np.ndarray  # (num_traces,) request blocking
    cost: np.ndarray  # (num_traces,) negative mean reward; the blocking where only that counts


@dataclass(frozen=True)
class ValidationSet:
    """Some traces, how much of their start is not counted, and what is earned on them."""

    plant: Plant
    traces: tuple[Trace, ...]
    warmup_requests: int
    reward: RewardWeights = ONLY_BLOCKING
    # Of linear policies, by their weights.
    _known: dict[tuple[float, ...], Score] = field(default_factory=dict, init=False, repr=False)

    def scores(self, policies: Mapping[str, ScoringPolicy]) -> dict[str, Score]:
        """Of each policy by its name here, in threads; linear ones of the same weights are scored once."""
        linear = {policy.weights: policy for policy in policies.values() if isinstance(policy, LinearPolicy)}
        new = {weights: policy for weights, policy in linear.items() if weights not in self._known}
        others = {name: item for name, item in policies.items() if not isinstance(item, LinearPolicy)}
        found = in_threads(self.score, [*others.values(), *new.values()])  # networks first: they take longest
        self._known.update(zip(new, found[len(others) :], strict=True))
        scored = dict(zip(others, found, strict=False))
        return {
            name: self._known[policy.weights] if isinstance(policy, LinearPolicy) else scored[name]
            for name, policy in policies.items()
        }

    def score(self, policy: ScoringPolicy) -> Score:
        """Blocking and cost of a policy, trace by trace."""
        if isinstance(policy, LinearPolicy):
            requests = requests_of(list(self.traces), self.plant)
            num_classes = max(len(trace.class_names) for trace in self.traces)
            weights = np.array(policy.weights, np.float64)
            counted = replay_linear(
                self.plant, requests, weights, self.warmup_requests, num_classes, self.reward
            )
        else:
            counted = replay_statistics(self.plant, self.traces, policy, self.warmup_requests, self.reward)
        offered = counted.offered.sum(axis=1)
        return Score(counted.blocked.sum(axis=1) / offered, -counted.reward / offered)

    def blocking(self, policy: ScoringPolicy) -> np.ndarray:
        """(num_traces,) request blocking of a policy, trace by trace."""
        return self.score(policy).blocking

    def mean_blocking(self, policy: ScoringPolicy) -> float:
        """Mean request blocking of a policy."""
        return float(self.blocking(policy).mean())


def curve_set(
    plant: Plant,
    lessons: Lessons,
    warmup_requests: int,
    seed: int,
    reward: RewardWeights = ONLY_BLOCKING,
    sizes: ValidationSpec = DEFAULT_SIZES,
) -> ValidationSet:
    """The traces of the live curve: small, so that a point costs about a second."""
    traces = _traces(
        plant, lessons, warmup_requests + sizes.curve_requests, CURVE_SEED + 1000 * seed, sizes.curve_traces
    )
    return ValidationSet(plant, traces, warmup_requests, reward)


def validation_set(
    plant: Plant,
    lessons: Lessons,
    warmup_requests: int,
    seed: int,
    reward: RewardWeights = ONLY_BLOCKING,
    sizes: ValidationSpec = DEFAULT_SIZES,
) -> ValidationSet:
    """The traces on which the best policy of a training is chosen."""
    traces = _traces(
        plant,
        lessons,
        warmup_requests + sizes.validation_requests,
        VALIDATION_SEED + 1000 * seed,
        sizes.validation_traces,
    )
    return ValidationSet(plant, traces, warmup_requests, reward)


def best_of(
    policies: Sequence[ScoringPolicy], validation: ValidationSet
) -> tuple[ScoringPolicy, dict[str, float]]:
    """The policy with the least mean cost, the first of equals; and the cost of each by name."""
    scores = validation.scores({policy.name: policy for policy in policies})
    costs = {name: float(score.cost.mean()) for name, score in scores.items()}
    return min(policies, key=lambda policy: costs[policy.name]), costs


def _traces(
    plant: Plant, lessons: Lessons, num_requests: int, seed: int, num_traces: int
) -> tuple[Trace, ...]:
    return tuple(lessons.draw(plant, num_requests, seed + index, index) for index in range(num_traces))
