"""Steps the twin's vector environment in bulk and hands over whole rollouts. Not here: learning.

RLlib keeps what it is good at: it starts and restarts these runners, sends them weights and gathers their
counters. Only the per-environment Python around a step is gone: a rollout is a handful of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.utils.metrics import SAMPLE_TIMER, WEIGHTS_SEQ_NO

from agents.rollout import Rollout, draw_actions

REWARD_MEAN = "reward_mean"
BLOCKED_SHARE = "no_candidate_share"


class BulkEnv(Protocol):
    """What a runner asks of a vector environment: steps that fill arrays; a task without end."""

    num_envs: int
    observation_space: gymnasium.Space
    action_space: gymnasium.Space
    single_observation_space: gymnasium.Space
    single_action_space: gymnasium.Space

    def reset_into(self, features_out: np.ndarray, mask_out: np.ndarray, context_out: np.ndarray) -> None:
        """Fill the first observation of each network."""

    def step_into(
        self,
        actions: np.ndarray,
        features_out: np.ndarray,
        mask_out: np.ndarray,
        context_out: np.ndarray,
        reward_out: np.ndarray,
    ) -> None:
        """Apply one action per network; fill rewards and next observations."""

    def close(self) -> None:
        """Let go of resources."""


MakeEnv = Callable[[int, int], BulkEnv]  # (num_envs, seed)


class RolloutEnvRunner(SingleAgentEnvRunner):
    """An RLlib EnvRunner whose ``sample`` returns one ``Rollout``.

    ``env_config``: ``make_env`` (num_envs, seed) -> BulkEnv, and ``rollout_length``, steps per network.
    """

    env: Any  # BulkEnv, once made
    module: Any  # ScoringRLModule without its value network

    def make_env(self) -> None:
        """Make the vector environment from ``env_config["make_env"]``; a seed of its own for each runner."""
        if self.env is not None:
            self.env.close()
        make: MakeEnv = self.config.env_config["make_env"]
        self._length: int = self.config.env_config["rollout_length"]
        seed = int(self.config.seed or 0) + 1000 * int(self.worker_index or 0)
        self.env = make(self.config.num_envs_per_env_runner, seed)
        self.num_envs = self.env.num_envs
        self._generator = np.random.default_rng(seed)
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # pending observation

    def make_module(self) -> None:
        """Make the policy network, without the value network."""
        self.module = self.config.get_rl_module_spec(spaces=self.get_spaces(), inference_only=True).build()

    def get_spaces(self) -> dict[str, tuple[gymnasium.Space, gymnasium.Space]]:
        """Spaces by name, as RLlib wants them."""
        if self.env is None:
            return self.spaces
        single = (self.env.single_observation_space, self.env.single_action_space)
        return {
            INPUT_ENV_SPACES: (self.env.observation_space, self.env.action_space),
            INPUT_ENV_SINGLE_SPACES: single,
            DEFAULT_MODULE_ID: single,
        }

    def sample(self, **_: Any) -> Rollout:  # type: ignore[override]
        """The next ``rollout_length`` steps of every network, with actions drawn from the policy."""
        if self.env is None:
            raise ValueError(f"{self} has no environment; only runners with one can sample")
        with self.metrics.log_time(SAMPLE_TIMER):
            rollout = self._fill()
        self.metrics.log_value(WEIGHTS_SEQ_NO, self._weights_seq_no, window=1)
        self.metrics.log_value(REWARD_MEAN, float(rollout.rewards.mean()), window=1)
        blocked = 1.0 - float(rollout.action_mask[:-1].any(axis=2).mean())
        self.metrics.log_value(BLOCKED_SHARE, blocked, window=1)
        self._increase_sampled_metrics(len(rollout), 0)
        return rollout

    def get_metrics(self) -> Any:
        """Counters since the last call."""
        return self.metrics.reduce()

    def _fill(self) -> Rollout:
        observation = self.env.single_observation_space
        num_candidates, num_features = observation["features"].shape
        num_context = observation["context"].shape[0]
        rollout = Rollout.empty(self._length, self.num_envs, num_candidates, num_features, num_context)
        features, mask, context = rollout.features, rollout.action_mask, rollout.context
        if self._last is None:
            self.env.reset_into(features[0], mask[0], context[0])
        else:
            features[0], mask[0], context[0] = self._last
        network = self.module.policy
        uniforms = self._generator.random((self._length, self.num_envs), dtype=np.float32).astype(np.float64)
        with torch.inference_mode():
            for t in range(self._length):
                logits = network(
                    torch.from_numpy(features[t]), torch.from_numpy(mask[t]), torch.from_numpy(context[t])
                ).numpy()
                draw_actions(logits, uniforms[t], rollout.actions[t], rollout.log_probabilities[t])
                self.env.step_into(
                    rollout.actions[t], features[t + 1], mask[t + 1], context[t + 1], rollout.rewards[t]
                )
        self._last = (features[-1], mask[-1], context[-1])
        return rollout
