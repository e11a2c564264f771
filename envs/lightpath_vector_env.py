"""Lightpath requests as a gymnasium vector environment: many networks in lockstep, for every use case.

Not here: what an observation holds (``lightpath_env.py``), what a step does (``lockstep.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.errors import ActionError
from envs.lightpath_env import (
    SEEDS,
    Observations,
    blocking_of_each,
    checked_actions,
    observation_space,
    observations_in,
)
from envs.lockstep import lockstep_on_traffic
from envs.plant import Plant
from envs.rendering import FRAMES_PER_S, NetworkPicture, check_render_mode
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.snapshot import StandingSnapshot
from envs.traffic import PoissonTraffic


class LightpathVectorEnv(VectorEnv):
    """N networks in lockstep: see ``LightpathEnv``.

    ``reset(seed=...)`` takes one number, which gives network ``n`` the seed ``seed + n``, or a list of one
    seed a network. A network lives as ``LightpathEnv`` does with the same seed. With
    ``options={"reset_mask": mask}``, mask (N,) bool, only those networks begin anew.

    Autoreset: ``NEXT_STEP`` (a network whose episode has ended begins anew in the step after, which earns
    nothing) or ``DISABLED`` (use ``reset_mask``).

    ``reset_into`` and ``step_into`` are the same world without episodes and without allocations, for whoever
    collects rollouts in bulk; one seed is then folded over all networks. With ``begin`` each network starts
    from that snapshot, and there is no warm-up.
    """

    metadata = {  # noqa: RUF012 - gymnasium's way
        "render_modes": ["rgb_array"],
        "render_fps": FRAMES_PER_S,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

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
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        mode = AutoresetMode(autoreset_mode)
        if mode is AutoresetMode.SAME_STEP:
            raise ValueError("autoreset_mode is SameStep; NextStep or Disabled is needed")
        self.metadata = self.metadata | {"autoreset_mode": mode}
        self.render_mode = check_render_mode(render_mode)
        self.plant = plant
        self.num_envs = num_envs
        self.single_observation_space = observation_space(self.plant)
        self.single_action_space = gym.spaces.Discrete(self.plant.spec.max_candidates)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._seed = seed
        self._restarts = mode is AutoresetMode.NEXT_STEP
        self._episode_requests = episode_requests
        warmup = 0 if begin else warmup_requests
        self._run = lockstep_on_traffic(plant, traffic, num_envs, warmup, reward, begin)
        self._alone = lambda: lockstep_on_traffic(plant, traffic, 1, warmup, reward, begin)
        self._buffers = self._run.observation_buffers()
        self._rewards = np.zeros(num_envs, np.float32)
        self._steps = np.zeros(num_envs, np.int64)
        self._generators: list[np.random.Generator] = []  # one a network, made by the first reset
        self._picture: NetworkPicture | None = None

    @property
    def request_blocking(self) -> float:
        """Request blocking of all networks since the reset, after the warm-up."""
        counts = self._run.statistics
        offered = int(counts.offered.sum())
        return float(counts.blocked.sum()) / offered if offered else 0.0

    def reset_into(
        self, features: np.ndarray, mask: np.ndarray, context: np.ndarray, seed: int | None = None
    ) -> None:
        """Networks at their begin or warmed up; writes (N, M, F) float32, (N, M) bool, (N, C) float32."""
        self._run.reset(self._seed if seed is None else seed)
        self._run.warm_up_into(features, mask, context)

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
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """First observations of empty, warmed-up networks, and of those that go on.

        Raises:
            ActionError: a list of seeds or a ``reset_mask`` that does not fit the number of networks.
        """
        which = self._masked(options or {})
        seeds = [seed + n for n in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is not None and len(seeds) != self.num_envs:
            raise ActionError(f"{len(seeds)} seeds are given; {self.num_envs} are needed, one a network")
        if not self._generators:
            self._generators = [np_random()[0] for _ in range(self.num_envs)]
            which[:] = True
        for n, own in enumerate(seeds or ()):
            if which[n] and own is not None:
                self._generators[n] = np_random(own)[0]
        self._begin(which)
        return observations_in(self._buffers), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[Observations, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One request in every network; a new episode where the last one had ended.

        Raises:
            ActionError: not one index a network.
        """
        actions = checked_actions(actions, (self.num_envs,))
        over = (self._steps >= self._episode_requests) & self._restarts
        if not over.all():
            self._run.step_into(actions, *self._buffers, self._rewards)
            self._steps += 1
        if over.any():
            self._begin(over)
            self._rewards[over] = 0.0
        info = {"request_blocking": blocking_of_each(self._run.statistics), "_request_blocking": ~over}
        return (
            observations_in(self._buffers),
            self._rewards.copy(),
            np.zeros(self.num_envs, np.bool_),
            self._steps >= self._episode_requests,
            info,
        )

    def action_masks(self) -> np.ndarray:
        """(N, M) bool, True = the candidate exists."""
        return self._buffers[1].copy()

    def render(self) -> tuple[np.ndarray, ...] | None:  # type: ignore[override]
        """A (H, W, 3) uint8 of each network; None without a render mode."""
        if self.render_mode is None:
            return None
        self._picture = self._picture or NetworkPicture(self.plant)
        return tuple(self._picture.frame(free) for free in self._run.states.free)

    def _masked(self, options: dict[str, Any]) -> np.ndarray:
        mask = options.get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        mask = np.array(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ActionError(
                f"reset_mask has the shape {mask.shape} and type {mask.dtype}; ({self.num_envs},) and bool "
                "are needed"
            )
        return mask

    def _begin(self, which: np.ndarray) -> None:
        """Begin an episode in some networks; the others stay as they are."""
        seeds = {n: int(self._generators[n].integers(SEEDS)) for n in np.flatnonzero(which)}
        self._steps[which] = 0
        if len(seeds) == self.num_envs:
            self._run.reset(list(seeds.values()))
            self._run.warm_up_into(*self._buffers)
            return
        for n, seed in seeds.items():
            alone = self._alone()
            alone.reset([seed])
            alone.warm_up_into(*alone.observation_buffers())
            self._run.take_in(int(n), alone)
        self._run.observe_into(*self._buffers)
