"""QoT-aware RMBSA: band, modulation, route and channels are chosen so that every lightpath keeps its GSNR.

The environments are those of ``lightpath_env.py`` and ``lightpath_vector_env.py`` with this use case's plant,
traffic and reward.
"""

from __future__ import annotations

from typing import Any

from envs.lightpath_env import LightpathEnv
from envs.lightpath_vector_env import LightpathVectorEnv
from envs.plant import Plant, build_plant
from envs.reward import ONLY_BLOCKING, RewardWeights
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

# Launch powers: `lightloop gsnr optimise --objective capacity`, 10 spans of 80 km, 96 channels a band.
DEFAULT_SPEC = PlantSpec(
    bands=("L", "C", "S"),
    launch_dbm=(-3.8, -2.5, -0.4),
    k_paths=3,
    max_candidates=18,
    starts_per_path=1,
    formats_per_path=2,
)
DEFAULT_TRAFFIC = PoissonTraffic(
    load_erlang=1150.0, truncate_holding=False, bit_rates_gbps=(100.0, 200.0, 300.0, 400.0)
)


def default_plant() -> Plant:
    """NSFNET, C+L+S with 96 channels each, K=3."""
    return build_plant(load_topology("nsfnet"), DEFAULT_SPEC)


class QotRMBSAEnv(LightpathEnv):
    """``LightpathEnv`` on NSFNET in three bands at 1150 Erlang of 100 to 400 Gb/s, unless told otherwise.

    Only candidates that keep their own and everybody's GSNR are listed. Reward: -1 for a blocked request.
    """

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        reward: RewardWeights = ONLY_BLOCKING,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, reward=reward, **settings)


class QotRMBSAVectorEnv(LightpathVectorEnv):
    """``QotRMBSAEnv`` on N networks in lockstep."""

    def __init__(
        self,
        plant: Plant | None = None,
        traffic: PoissonTraffic = DEFAULT_TRAFFIC,
        num_envs: int = 16,
        reward: RewardWeights = ONLY_BLOCKING,
        **settings: Any,
    ) -> None:
        super().__init__(plant or default_plant(), traffic, num_envs=num_envs, reward=reward, **settings)
