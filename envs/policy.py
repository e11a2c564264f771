"""The interface of a policy: a score for every candidate; the choice is the first of the highest.

Agents, baselines and what the inference server runs are all this; nothing else decides about a lightpath.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from envs.errors import PolicyError
from envs.features import AFTER_STATES, FEATURE_NAMES, NUM_FEATURES

MASKED_SCORE = np.float32(-1e9)


class ScoringPolicy(Protocol):
    """Scores candidates. ``name`` is what results and logs call it."""

    @property
    def name(self) -> str:
        """What results and logs call it."""

    def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
        """(N, M) float32 scores, ``MASKED_SCORE`` where masked.

        Args:
            features: (N, M, F) float32.
            action_mask: (N, M) bool.
            context: (N, C) float32.
        """


def choose(scores: np.ndarray) -> np.ndarray:
    """(N,) index of the first highest score of each row."""
    return np.argmax(scores, axis=-1)


@dataclass(frozen=True)
class LinearPolicy:
    """Score = weights . features, accumulated in float64 in the order of ``FEATURE_NAMES``.

    Attributes:
        name: what results and logs call it.
        weights: (F,) one weight per feature.

    Raises:
        PolicyError: a wrong number of weights, or one that is not finite.
    """

    name: str
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != NUM_FEATURES:
            raise PolicyError(
                f"policy {self.name!r} has {len(self.weights)} weights; {NUM_FEATURES} are needed"
            )
        if not np.isfinite(self.weights).all():
            raise PolicyError(f"policy {self.name!r} has a weight that is not finite")

    def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
        """(N, M) float32 scores, ``MASKED_SCORE`` where masked."""
        total = features.astype(np.float64) @ np.asarray(self.weights, np.float64)
        return np.where(action_mask, total, MASKED_SCORE).astype(np.float32)


def looks_ahead(policy: ScoringPolicy) -> bool:
    """Whether it can matter to a policy what candidates leave behind; no is known of linear ones only."""
    return not isinstance(policy, LinearPolicy) or any(policy.weights[AFTER_STATES])


def linear_policy(name: str, **weights: float) -> LinearPolicy:
    """A linear policy from the weights that are not zero, by feature name.

    Raises:
        PolicyError: no feature of that name.
    """
    for feature in weights:
        if feature not in FEATURE_NAMES:
            raise PolicyError(f"policy {name!r}: no feature {feature!r}; known: {', '.join(FEATURE_NAMES)}")
    return LinearPolicy(name, tuple(weights.get(feature, 0.0) for feature in FEATURE_NAMES))
