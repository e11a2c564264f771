"""Lightpath requests as gymnasium environments: one network, or many in lockstep, for every use case.

What a use case chooses (plant, traffic, reward) is in a file of its own, such as ``latency_rsa.py``.
What a step does: ``lockstep.py``.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.lockstep import Lockstep, lockstep_on_traffic
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.snapshot import StandingSnapshot
from envs.traffic import PoissonTraffic

LARGEST_FEATURE = 1000.0  # dimensionless; a bound for the space, far above what any network shows

Observations = dict[str, np.ndarray]


def observation_space(plant: Plant) -> gym.spaces.Dict:
    """``features`` (M, F), ``action_mask`` (M,), ``context`` (C,)."""
    size = plant.spec.max_candidates
    return gym.spaces.Dict(
        {
            "features": gym.spaces.Box(-LARGEST_FEATURE, LARGEST_FEATURE, (size, NUM_FEATURES), np.float32),
            "action_mask": gym.spaces.MultiBinary(size),
            "context": gym.spaces.Box(0.0, LARGEST_FEATURE, (NUM_CONTEXT,), np.float32),
        }
    )


class LightpathEnv(gym.Env[Observations, np.int64]):
    """A network that is asked for lightpaths, one request a step.

    **Observation**: a dictionary. ``features`` (M, F) float32, one row per candidate, names and meaning in
    ``envs.features``; ``action_mask`` (M,) int8, 1 = the candidate exists; ``context`` (C,) float32.

    **Action**: the index of a candidate. An index that is masked, or any index when no candidate exists,
    blocks the request. A candidate that breaks a constraint (latency bound, GSNR) is never listed.

    **Reward**: -1 for a blocked request; for a carried one what ``envs.reward`` makes of the weights.

    **Episode**: ``episode_requests`` requests after ``warmup_requests`` served by KSP-FF; ends truncated.

    **info**: ``request_blocking`` so far in the episode.

    Args:
        plant: the network.
        traffic: what arrives.
        episode_requests: length of an episode.
        warmup_requests: requests served by KSP-FF after a reset, so that an episode starts in a busy network.
        reward: weights of the reward.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - gymnasium's own convention

    def __init__(
        self,
        plant: Plant,
        traffic: PoissonTraffic,
        episode_requests: int = 1000,
        warmup_requests: int = 0,
        reward: RewardWeights = ONLY_BLOCKING,
    ) -> None:
        self.plant = plant
        self.observation_space = observation_space(self.plant)
        self.action_space = gym.spaces.Discrete(self.plant.spec.max_candidates)
        self._episode_requests = episode_requests
        self._warmup_requests = warmup_requests
        self._run = lockstep_on_traffic(self.plant, traffic, 1, warmup_requests, reward)
        self._buffers = self._run.observation_buffers()
        self._reward = np.zeros(1, np.float32)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """An empty network, warmed up, and its first observation."""
        super().reset(seed=seed)
        self._run.reset(int(self.np_random.integers(2**31)))
        self._run.observe_into(*self._buffers)
        for _ in range(self._warmup_requests):
            self._run.step_into(np.zeros(1, np.int64), *self._buffers, self._reward)
        self._steps = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Carry the choice out and bring the next request."""
        self._run.step_into(np.array([action], np.int64), *self._buffers, self._reward)
        self._steps += 1
        info = {"request_blocking": _blocking(self._run)}
        return self._observation(), float(self._reward[0]), False, self._steps >= self._episode_requests, info

    def _observation(self) -> Observations:
        features, mask, context = self._buffers
        return {
            "features": features[0].copy(),
            "action_mask": mask[0].astype(np.int8),
            "context": context[0].copy(),
        }


class LightpathVectorEnv(VectorEnv):
    """N networks in lockstep: see ``LightpathEnv``.

    The networks share a clock of steps, so all end an episode together; the step after it resets them
    (``AutoresetMode.NEXT_STEP``). ``reset_into`` and ``step_into`` are the same world without episodes and
    without allocations, for whoever collects rollouts in bulk. With ``begin`` each network starts from that
    snapshot, and there is no warm-up.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        plant: Plant,
        traffic: PoissonTraffic,
        num_envs: int = 64,
        seed: int = 0,
        episode_requests: int = 1000,
        warmup_requests: int = 0,
        reward: RewardWeights = ONLY_BLOCKING,
        begin: StandingSnapshot | None = None,
    ) -> None:
        self.plant = plant
        self.num_envs = num_envs
        self.single_observation_space = observation_space(self.plant)
        self.single_action_space = gym.spaces.Discrete(self.plant.spec.max_candidates)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._seed = seed
        self._episode_requests = episode_requests
        self._warmup_requests = 0 if begin else warmup_requests
        self._run = lockstep_on_traffic(self.plant, traffic, num_envs, self._warmup_requests, reward, begin)
        self._buffers = self._run.observation_buffers()
        self._rewards = np.zeros(num_envs, np.float32)
        self._steps = 0

    @property
    def request_blocking(self) -> float:
        """Request blocking of all networks since the reset, after the warm-up."""
        return _blocking(self._run)

    def reset_into(
        self, features: np.ndarray, mask: np.ndarray, context: np.ndarray, seed: int | None = None
    ) -> None:
        """Networks at their begin or warmed up; writes (N, M, F) float32, (N, M) bool, (N, C) float32."""
        self._run.reset(self._seed if seed is None else seed)
        self._run.observe_into(features, mask, context)
        first = np.zeros(self.num_envs, np.int64)
        for _ in range(self._warmup_requests):
            self._run.step_into(first, features, mask, context, self._rewards)

    def step_into(
        self,
        actions: np.ndarray,
        features: np.ndarray,
        mask: np.ndarray,
        context: np.ndarray,
        rewards: np.ndarray,
    ) -> None:
        """Carry out actions (N,) int64; writes the next observations and the rewards (N,) float32."""
        self._run.step_into(actions, features, mask, context, rewards)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """First observations of empty, warmed-up networks. A list of seeds is folded into one."""
        super().reset(seed=seed if seed is None or isinstance(seed, int) else seed[0])
        if isinstance(seed, list):
            seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self.reset_into(*self._buffers, seed=int(self.np_random.integers(2**31)) if seed is None else seed)
        self._steps = 0
        return self._observation(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[Observations, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One request in every network."""
        never = np.zeros(self.num_envs, np.bool_)
        if self._steps >= self._episode_requests:
            observation, info = self.reset()
            return observation, np.zeros(self.num_envs, np.float32), never, never.copy(), info
        self._run.step_into(np.asarray(actions, np.int64), *self._buffers, self._rewards)
        self._steps += 1
        ended = np.full(self.num_envs, self._steps >= self._episode_requests)
        return (
            self._observation(),
            self._rewards.copy(),
            never,
            ended,
            {"request_blocking": self.request_blocking},
        )

    def _observation(self) -> Observations:
        features, mask, context = self._buffers
        return {"features": features.copy(), "action_mask": mask.astype(np.int8), "context": context.copy()}


def _blocking(run: Lockstep) -> float:
    offered = int(run.statistics.offered.sum())
    return float(run.statistics.blocked.sum()) / offered if offered else 0.0
