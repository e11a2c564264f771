"""The environments of the QoT-aware use case keep gymnasium's contract."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.features import FEATURE_NAMES
from envs.qot_rmbsa import DEFAULT_SPEC, QotRMBSAEnv, QotRMBSAVectorEnv
from envs.reward import RewardWeights
from tests.qot_walk import TRAFFIC, plant_of


def test_the_single_environment_passes_gymnasiums_checker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(QotRMBSAEnv(plant_of(), TRAFFIC, episode_requests=20), skip_render_check=True)


def test_the_registered_id_makes_both_environments() -> None:
    single = gym.make("lightloop/QotRMBSA-v0", plant=plant_of(), traffic=TRAFFIC)
    many = gym.make_vec("lightloop/QotRMBSA-v0", 3, vectorization_mode="vector_entry_point", plant=plant_of())
    assert isinstance(single.unwrapped, QotRMBSAEnv)
    assert isinstance(many, QotRMBSAVectorEnv)
    assert many.num_envs == 3


def test_the_default_plant_lists_every_candidate_of_three_bands() -> None:
    spec = DEFAULT_SPEC
    listed = len(spec.bands) * spec.k_paths * spec.formats_per_path * spec.starts_per_path
    assert listed == spec.max_candidates


def test_the_vector_environment_keeps_the_contract() -> None:
    env = QotRMBSAVectorEnv(plant_of(), TRAFFIC, num_envs=4, episode_requests=5, warmup_requests=50)
    observation, _ = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    rng = np.random.default_rng(1)
    for step in range(12):
        observation, rewards, terminations, truncations, _ = env.step(rng.integers(0, 12, 4))
        assert env.observation_space.contains(observation)
        assert rewards.shape == terminations.shape == truncations.shape == (4,)
        assert not terminations.any()
        assert truncations.all() == (step % 6 == 4)


def test_reward_prefers_service_then_margin() -> None:
    weights = RewardWeights(margin=0.01)
    env = QotRMBSAEnv(plant_of(), TRAFFIC, episode_requests=500, reward=weights)
    observation, _ = env.reset(seed=1)
    column = FEATURE_NAMES.index("gsnr_margin")
    blocked = 0
    for _ in range(200):
        action = int(np.argmax(observation["action_mask"]))
        margin_10db = observation["features"][action, column]
        allowed = observation["action_mask"][action] == 1
        blocked += not allowed
        observation, reward, _, _, _ = env.step(np.int64(action))
        assert reward == (pytest.approx(0.01 * margin_10db, rel=1e-5) if allowed else -1.0)
    assert 0 < blocked < 150
