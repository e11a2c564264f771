"""What observations look like on a plant under its traffic: their scale, and how sharply to follow a score.

Used once before a search or a training, to put features of different spread on one footing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.network import Teacher
from envs.lockstep import lockstep_on_traffic
from envs.plant import Plant
from envs.policy import LinearPolicy, ScoringPolicy
from envs.traffic import PoissonTraffic

NUM_NETWORKS = 32
NUM_STEPS = 600
STEPS_BETWEEN = 10
SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class Observations:
    """A sample of observations with at least two allowed candidates."""

    features: np.ndarray  # (B, M, F) float32
    action_mask: np.ndarray  # (B, M) bool
    context: np.ndarray  # (B, C) float32

    def spread_within_requests(self) -> np.ndarray:
        """(F,) float64 deviation of each feature from the mean over its request's candidates.

        A feature that never differs among a request's candidates cannot change a choice: its spread is 0.
        """
        weight = self.action_mask[..., None].astype(np.float64)
        mean = (self.features * weight).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
        return np.sqrt((((self.features - mean) * weight) ** 2).sum(axis=(0, 1)) / weight.sum())


def observe_under(
    plant: Plant, traffic: PoissonTraffic, policy: ScoringPolicy, warmup_requests: int, seed: int
) -> Observations:
    """Observations met while a policy decides, after a warm-up.

    Raises:
        ValueError: no request ever had a choice.
    """
    run = lockstep_on_traffic(plant, traffic, NUM_NETWORKS)
    run.reset(seed)
    buffers, kept = run.observation_buffers(), []
    features, mask, context = buffers
    for step in run.play(policy, warmup_requests + NUM_STEPS - 1, buffers, goes_on=True):
        if step >= warmup_requests and step % STEPS_BETWEEN == 0:
            rows = mask.sum(axis=1) > 1
            kept.append((features[rows], mask[rows], context[rows]))
    sample = Observations(*(np.concatenate(parts) for parts in zip(*kept, strict=True)))
    if len(sample.context) == 0:
        raise ValueError("no request had two candidates to choose from; is the network overloaded?")
    return sample


def make_teacher(policy: LinearPolicy, sample: Observations, confidence: float) -> Teacher:
    """A linear policy as the start of a network, with the observations' scale.

    Args:
        policy: the score.
        sample: observations under it.
        confidence: mean probability that the policy's own choice is drawn; sets the sharpness.
    """
    weights = np.asarray(policy.weights, np.float32)
    allowed = sample.features[sample.action_mask].astype(np.float64)
    scores = np.where(sample.action_mask, sample.features.astype(np.float64) @ weights, -np.inf)
    return Teacher(
        feature_weights=weights,
        sharpness=_sharpness(scores, confidence),
        feature_mean=allowed.mean(axis=0).astype(np.float32),
        feature_scale=_positive(allowed.std(axis=0)),
        context_mean=sample.context.mean(axis=0, dtype=np.float64).astype(np.float32),
        context_scale=_positive(sample.context.std(axis=0, dtype=np.float64)),
    )


def _sharpness(scores: np.ndarray, confidence: float) -> float:
    """The factor at which softmax(factor x scores) gives the best candidate ``confidence`` on average."""
    behind = scores - scores.max(axis=1, keepdims=True)
    low, high = 1e-6, 1e6
    for _ in range(80):
        middle = (low * high) ** 0.5
        if (1.0 / np.exp(middle * behind).sum(axis=1)).mean() < confidence:
            low = middle
        else:
            high = middle
    return float(high)


def _positive(spread: np.ndarray) -> np.ndarray:
    return np.where(spread > SMALLEST_SPREAD, spread, 1.0).astype(np.float32)
