"""The twin as RLlib's runners are given it. Not here: the environment (``envs/lightpath_vector_env.py``)."""

from __future__ import annotations

from dataclasses import dataclass

from envs.lightpath_vector_env import LightpathVectorEnv
from envs.plant import Plant
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.snapshot import StandingSnapshot
from envs.traffic import PoissonTraffic


@dataclass(frozen=True)
class TwinEnvs:
    """Makes the vector environment of a runner; travels to other processes."""

    plant: Plant
    traffic: PoissonTraffic
    warmup_requests: int
    reward: RewardWeights = ONLY_BLOCKING
    begin: StandingSnapshot | None = None  # where the networks start; None: empty, and warmed up
    seed_offset: int = 0  # a training that goes on does not meet the same requests again

    def __call__(self, num_envs: int, seed: int) -> LightpathVectorEnv:
        """N networks, at their begin or warmed up at their first observation."""
        return LightpathVectorEnv(
            plant=self.plant,
            traffic=self.traffic,
            num_envs=num_envs,
            seed=seed + self.seed_offset,
            warmup_requests=self.warmup_requests,
            reward=self.reward,
            begin=self.begin,
        )
