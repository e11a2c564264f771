"""The environments of energy-aware RMSA keep gymnasium's contract and earn what the reward says."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.energy_rmsa import EnergyRMSAEnv, EnergyRMSAVectorEnv
from envs.features import FEATURE_NAMES
from envs.plant import Plant, build_plant
from envs.reward import RewardWeights
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

TRAFFIC = PoissonTraffic(15.0)


@pytest.fixture(scope="module")
def plant() -> Plant:
    spec = PlantSpec(num_slots=32, k_paths=3, max_candidates=12, power_model="default")
    return build_plant(load_topology("five-node"), spec)


def test_the_single_environment_passes_gymnasiums_checker(plant: Plant) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(EnergyRMSAEnv(plant, TRAFFIC, episode_requests=20), skip_render_check=True)


def test_the_registered_id_makes_both_environments() -> None:
    single = gym.make("lightloop/EnergyRMSA-v0")
    many = gym.make_vec("lightloop/EnergyRMSA-v0", 3, vectorization_mode="vector_entry_point")
    assert isinstance(single.unwrapped, EnergyRMSAEnv)
    assert isinstance(many, EnergyRMSAVectorEnv)
    assert many.num_envs == 3
    default = single.unwrapped.plant
    assert default.power is not None
    assert default.power.name == "default"
    assert not default.spec.shared_spectrum


def test_the_vector_environment_keeps_the_contract(plant: Plant) -> None:
    env = EnergyRMSAVectorEnv(plant, TRAFFIC, num_envs=4, episode_requests=5, warmup_requests=50)
    observation, _ = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    again, _ = EnergyRMSAVectorEnv(plant, TRAFFIC, num_envs=4, warmup_requests=50).reset(seed=3)
    for key, value in observation.items():
        np.testing.assert_array_equal(value, again[key])
    rng = np.random.default_rng(1)
    for step in range(12):
        observation, rewards, _, truncations, _ = env.step(rng.integers(0, 12, 4))
        assert env.observation_space.contains(observation)
        assert truncations.all() == (step % 6 == 4)
        assert (step % 6 != 5) or not rewards.any()


def test_what_a_choice_switches_on_is_what_the_reward_takes(plant: Plant) -> None:
    """Against blocking the same request, a carried one gains 1 and pays for the watts it adds."""
    marginal = FEATURE_NAMES.index("marginal_power")
    envs = [EnergyRMSAEnv(plant, TRAFFIC, reward=RewardWeights(energy=0.01)) for _ in range(2)]
    observations = [env.reset(seed=4)[0] for env in envs]
    seen = 0
    for step in range(60):
        action = int(np.argmax(observations[0]["action_mask"]))
        allowed = observations[0]["action_mask"][action] == 1
        kilowatts = float(observations[0]["features"][action, marginal])
        if step == 59:
            (_, carried, *_), (_, blocked, *_) = envs[0].step(np.int64(action)), envs[1].step(np.int64(11))
            assert allowed
            assert observations[0]["action_mask"][11] == 0
            assert carried - blocked == pytest.approx(1 - 0.01 * kilowatts, abs=1e-5)
            return
        seen += allowed
        observations = [env.step(np.int64(action))[0] for env in envs]
