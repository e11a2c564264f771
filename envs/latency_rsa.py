"""Latency-aware RSA: requests carry a bit rate and a latency bound; candidates over it do not exist.

The environments are those of ``lightpath_env.py`` and ``lightpath_vector_env.py`` with this use case's plant,
traffic and reward.
"""

from __future__ import annotations

from typing import Any

from envs.lightpath_env import LightpathEnv
from envs.lightpath_vector_env import LightpathVectorEnv
from envs.plant import Plant, build_plant
from envs.reward import RewardWeights
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic
from topologies.catalogue import load_topology

# Bounds of 5QI 89 and 84: 3GPP TS 23.501, Table 5.7.4-1. Shares and stretches are our own.
DEFAULT_CLASSES = (
    LatencyClass("urgent", 0.2, 15.0, 1.2),
    LatencyClass("business", 0.3, 30.0, 1.5),
    LatencyClass("best-effort", 0.5),
)
DEFAULT_TRAFFIC = PoissonTraffic(classes=DEFAULT_CLASSES)
DEFAULT_REWARD = RewardWeights(slack=0.01)  # service first, slack second


def default_plant() -> Plant:
    """NSFNET, 100 slots, K=5."""
    return build_plant(load_topology("nsfnet"), PlantSpec())


class LatencyRSAEnv(LightpathEnv):
    """``LightpathEnv`` on NSFNET at 250 Erlang in three latency classes, unless told otherwise.

    Reward: -1 for a blocked request; for a carried one 0.01 x (bound - latency) / bound.
    """

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        reward: RewardWeights = DEFAULT_REWARD,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, reward=reward, **settings)


class LatencyRSAVectorEnv(LightpathVectorEnv):
    """``LatencyRSAEnv`` on N networks in lockstep."""

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        num_envs: int = 64,
        reward: RewardWeights = DEFAULT_REWARD,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, num_envs=num_envs, reward=reward, **settings)
