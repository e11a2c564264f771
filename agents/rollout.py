"""Whole rollouts as arrays; drawing of actions; advantages. Not here: torch, ray."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True, eq=False)
class Rollout:
    """T steps of N networks. Row T of the observations is the state after the last action.

    RLlib hands it about as an "episode": all it asks is the length.
    """

    features: np.ndarray  # (T + 1, N, M, F) float32
    action_mask: np.ndarray  # (T + 1, N, M) bool, True = allowed
    context: np.ndarray  # (T + 1, N, C) float32
    actions: np.ndarray  # (T, N) int64
    log_probabilities: np.ndarray  # (T, N) float32, of the actions under the policy that drew them
    rewards: np.ndarray  # (T, N) float32

    def __len__(self) -> int:
        return int(self.actions.size)

    def env_steps(self) -> int:
        """Decisions in it."""
        return len(self)

    @classmethod
    def empty(
        cls, length: int, num_envs: int, num_candidates: int, num_features: int, num_context: int
    ) -> Rollout:
        """Arrays of the right shapes, not yet filled."""
        return cls(
            features=np.empty((length + 1, num_envs, num_candidates, num_features), np.float32),
            action_mask=np.empty((length + 1, num_envs, num_candidates), np.bool_),
            context=np.empty((length + 1, num_envs, num_context), np.float32),
            actions=np.empty((length, num_envs), np.int64),
            log_probabilities=np.empty((length, num_envs), np.float32),
            rewards=np.empty((length, num_envs), np.float32),
        )


@numba.njit(cache=True)
def draw_actions(
    logits: np.ndarray, uniforms: np.ndarray, actions: np.ndarray, log_probabilities: np.ndarray
) -> None:
    """Fill ``actions`` with draws from softmax(logits), and the logarithms of their probabilities.

    Args:
        logits: (N, M) float32.
        uniforms: (N,) in [0, 1), one draw each.
        actions: (N,) int64, filled.
        log_probabilities: (N,) float32, filled.
    """
    for n in range(logits.shape[0]):
        highest = logits[n, 0]
        for m in range(1, logits.shape[1]):
            highest = max(highest, logits[n, m])
        total = 0.0
        for m in range(logits.shape[1]):
            total += np.exp(np.float64(logits[n, m] - highest))
        threshold = uniforms[n] * total
        cumulative = 0.0
        chosen = -1
        for m in range(logits.shape[1]):
            weight = np.exp(np.float64(logits[n, m] - highest))
            cumulative += weight
            # A weight of zero is never chosen, whatever the rounding of the sum.
            if weight > 0.0:
                chosen = m
                if cumulative > threshold:
                    break
        actions[n] = chosen
        log_probabilities[n] = logits[n, chosen] - highest - np.log(total)


@numba.njit(cache=True)
def advantages(
    rewards: np.ndarray, values: np.ndarray, gamma: float, gae_lambda: float, out: np.ndarray
) -> None:
    """Fill ``out`` with generalised advantage estimates of a continuing task (no terminations) [1].

    [1] Schulman et al. 2016, High-dimensional continuous control using generalized advantage
    estimation, eq. 16.

    Args:
        rewards: (T, N) float32.
        values: (T + 1, N) float32.
        gamma: discount.
        gae_lambda: weight of longer differences.
        out: (T, N) float32, filled.
    """
    num_steps, num_envs = rewards.shape
    for n in range(num_envs):
        running = 0.0
        for t in range(num_steps - 1, -1, -1):
            error = rewards[t, n] + gamma * values[t + 1, n] - values[t, n]
            running = error + gamma * gae_lambda * running
            out[t, n] = running
