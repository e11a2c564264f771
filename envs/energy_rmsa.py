"""Energy-aware RMSA: what is lit draws power, and a lightpath may go where the network is lit already.

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
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

DEFAULT_TRAFFIC = PoissonTraffic(load_erlang=100.0)  # below 150 Erlang amplifiers can sleep; docs/energy.md
DEFAULT_REWARD = RewardWeights(energy=0.002)  # a steady 5 kW is worth one request in a hundred


def default_plant() -> Plant:
    """NSFNET, 100 slots per direction, K=5, charged by the default power model."""
    return build_plant(load_topology("nsfnet"), PlantSpec(shared_spectrum=False, power_model="default"))


class EnergyRMSAEnv(LightpathEnv):
    """``LightpathEnv`` on NSFNET at 100 Erlang with the default power model, unless told otherwise.

    Reward: -1 for a blocked request, and for every request 0.002 less per kW that the network then draws.
    """

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        reward: RewardWeights = DEFAULT_REWARD,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, reward=reward, **settings)


class EnergyRMSAVectorEnv(LightpathVectorEnv):
    """``EnergyRMSAEnv`` on N networks in lockstep."""

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        num_envs: int = 64,
        reward: RewardWeights = DEFAULT_REWARD,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, num_envs=num_envs, reward=reward, **settings)
