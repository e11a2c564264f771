"""Lightpath requests as a gymnasium environment: one network, for every use case.

What a use case chooses (plant, traffic, reward) is in a file of its own, such as ``latency_rsa.py``.
What a step does: ``lockstep.py``. Many networks at once: ``lightpath_vector_env.py``.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from envs.errors import ActionError
from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.lockstep import Buffers, lockstep_on_traffic
from envs.plant import Plant
from envs.rendering import FRAMES_PER_S, NetworkPicture, check_render_mode
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.traffic import PoissonTraffic

LARGEST_FEATURE = 1000.0  # dimensionless; a bound for the space, far above what any network shows
SEEDS = 2**31

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

    **Rendering**: ``rgb_array``, a map with the load of each link beside the spectrum.

    Args:
        plant: the network.
        traffic: what arrives.
        episode_requests: length of an episode.
        warmup_requests: requests served by KSP-FF after a reset, so that an episode starts in a busy network.
        reward: weights of the reward.
        render_mode: ``rgb_array`` or None.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FRAMES_PER_S}  # noqa: RUF012 - gymnasium's way

    def __init__(
        self,
        plant: Plant,
        traffic: PoissonTraffic,
        episode_requests: int = 1000,
        warmup_requests: int = 0,
        reward: RewardWeights = ONLY_BLOCKING,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = check_render_mode(render_mode)
        self.plant = plant
        self.observation_space = observation_space(self.plant)
        self.action_space = gym.spaces.Discrete(self.plant.spec.max_candidates)
        self._episode_requests = episode_requests
        self._run = lockstep_on_traffic(self.plant, traffic, 1, warmup_requests, reward)
        self._buffers = self._run.observation_buffers()
        self._reward = np.zeros(1, np.float32)
        self._steps = 0
        self._picture: NetworkPicture | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """An empty network, warmed up, and its first observation."""
        super().reset(seed=seed)
        self._run.reset(int(self.np_random.integers(SEEDS)))
        self._run.warm_up_into(*self._buffers)
        self._steps = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Carry the choice out and bring the next request.

        Raises:
            ActionError: not one index.
        """
        self._run.step_into(checked_actions(action, ()).reshape(1), *self._buffers, self._reward)
        self._steps += 1
        info = {"request_blocking": float(blocking_of_each(self._run.statistics)[0])}
        return self._observation(), float(self._reward[0]), False, self._steps >= self._episode_requests, info

    def action_masks(self) -> np.ndarray:
        """(M,) bool, True = the candidate exists. sb3-contrib's MaskablePPO asks for it by this name."""
        return self._buffers[1][0].copy()

    def render(self) -> np.ndarray | None:  # type: ignore[override]
        """(H, W, 3) uint8, the network now; None without a render mode."""
        if self.render_mode is None:
            return None
        self._picture = self._picture or NetworkPicture(self.plant)
        return self._picture.frame(self._run.states.free[0])

    def _observation(self) -> Observations:
        return {name: rows[0] for name, rows in observations_in(self._buffers).items()}


def observations_in(buffers: Buffers) -> Observations:
    """Copies of what networks observe, by name; one row a network."""
    features, mask, context = buffers
    return {"features": features.copy(), "action_mask": mask.astype(np.int8), "context": context.copy()}


def checked_actions(actions: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Actions as int64.

    Raises:
        ActionError: of another shape than needed, or not whole numbers; names both.
    """
    given = np.asarray(actions)
    if given.shape != shape:
        raise ActionError(
            f"actions have the shape {given.shape}; {shape} is needed, one index of a candidate a network"
        )
    if given.dtype.kind not in "iu":
        raise ActionError(f"actions are of type {given.dtype}; whole numbers are needed, e.g. int64")
    return given.astype(np.int64)


def blocking_of_each(statistics: Any) -> np.ndarray:
    """(N,) float64 request blocking of each network since its reset, after its warm-up; 0 at first."""
    return statistics.blocked.sum(axis=1) / np.maximum(statistics.offered.sum(axis=1), 1)
