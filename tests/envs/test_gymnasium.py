"""The environments as people of reinforcement learning use them: shapes, masks, infos, resets, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordVideo
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

from envs.latency_rsa import LatencyRSAEnv, LatencyRSAVectorEnv
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

PLANT = build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, max_candidates=12))
SETTINGS: dict[str, Any] = {
    "plant": PLANT,
    "traffic": PoissonTraffic(40.0),
    "episode_requests": 8,
    "warmup_requests": 5,
}


def many(**settings: Any) -> LatencyRSAVectorEnv:
    return LatencyRSAVectorEnv(num_envs=3, **(SETTINGS | settings))


def same(observations: dict[str, np.ndarray], alone: list[dict[str, np.ndarray]]) -> bool:
    return all(
        np.array_equal(rows[n], one[name])
        for name, rows in observations.items()
        for n, one in enumerate(alone)
    )


def test_actions_of_another_shape_or_kind_are_refused_with_both_shapes() -> None:
    env = many()
    env.reset(seed=1)
    for wrong in (np.zeros(1, int), np.arange(9), np.zeros((3, 1), int), 0):
        with pytest.raises(ValueError, match=r"the shape \(.*\); \(3,\) is needed"):
            env.step(wrong)
    with pytest.raises(ValueError, match="float64; whole numbers are needed"):
        env.step(np.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(1,\); \(3,\) is needed"):
        env.step_into(np.zeros(1, int), *env._buffers, env._rewards)
    with pytest.raises(ValueError, match="arrays to observe into"):
        env.reset_into(*(array[:2] for array in env._buffers))
    single = LatencyRSAEnv(**SETTINGS)
    single.reset(seed=1)
    with pytest.raises(ValueError, match=r"shape \(1,\); \(\) is needed"):
        single.step(np.zeros(1, int))  # type: ignore[arg-type]


def test_each_network_lives_as_it_would_alone_with_its_seed() -> None:
    """The independent truth is the single environment: at a reset, a reset by mask, and an autoreset."""
    env, alone = many(), [LatencyRSAEnv(**SETTINGS) for _ in range(3)]
    observations, _ = env.reset(seed=7)
    seen = [single.reset(seed=7 + n)[0] for n, single in enumerate(alone)]
    assert same(observations, seen)
    rng, steps = np.random.default_rng(1), np.zeros(3, int)
    for turn in range(20):
        if turn == 5:
            observations, _ = env.reset(options={"reset_mask": np.array([False, True, False])})
            seen[1], steps[1] = alone[1].reset()[0], 0
            assert same(observations, seen)
        actions = rng.integers(0, 3, 3)
        observations, rewards, _, truncations, infos = env.step(actions)
        for n, single in enumerate(alone):
            if steps[n] == 8:
                seen[n], steps[n] = single.reset()[0], 0
                assert rewards[n] == 0
                assert not infos["_request_blocking"][n]
                continue
            seen[n], reward, _, ended, info = single.step(actions[n])
            steps[n] += 1
            assert (rewards[n], truncations[n]) == (np.float32(reward), ended)
            assert infos["request_blocking"][n] == info["request_blocking"]
        assert same(observations, seen)


def test_a_list_of_seeds_is_one_a_network() -> None:
    env = many()
    forth, _ = env.reset(seed=[3, 4, 5])
    back, _ = env.reset(seed=[5, 4, 3])
    for name in forth:
        np.testing.assert_array_equal(forth[name], back[name][::-1])
    with pytest.raises(ValueError, match="2 seeds are given; 3 are needed"):
        env.reset(seed=[1, 2])
    with pytest.raises(ValueError, match=r"shape \(2,\) and type bool"):
        env.reset(options={"reset_mask": np.ones(2, bool)})


def test_without_autoreset_an_episode_goes_on_until_it_is_reset() -> None:
    env = many(autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=1)
    for turn in range(10):
        ended = env.step(np.zeros(3, int))[3]
        assert ended.all() == (turn >= 7)
    env.reset(options={"reset_mask": ended})
    assert not env.step(np.zeros(3, int))[3].any()
    with pytest.raises(ValueError, match="SameStep"):
        many(autoreset_mode="SameStep")


def test_wrappers_of_gymnasium_take_the_infos() -> None:
    env = DictInfoToList(RecordEpisodeStatistics(many()))
    env.reset(seed=1)
    for _ in range(8):
        *_, infos = env.step(np.zeros(3, int))
    assert [sorted(info) for info in infos] == [["episode", "request_blocking"]] * 3
    assert infos[0]["episode"]["l"] == 8


def test_masks_name_the_candidates_that_exist() -> None:
    env = many()
    observations, _ = env.reset(seed=1)
    assert env.action_masks().dtype == np.bool_
    np.testing.assert_array_equal(env.action_masks(), observations["action_mask"] == 1)
    single = LatencyRSAEnv(**SETTINGS)
    observation, _ = single.reset(seed=1)
    np.testing.assert_array_equal(single.action_masks(), observation["action_mask"] == 1)


def test_a_picture_shows_what_is_taken(tmp_path: Path) -> None:
    env = LatencyRSAEnv(**SETTINGS, render_mode="rgb_array")
    env.reset(seed=1)
    before = env.render()
    env.step(np.int64(0))
    after = env.render()
    assert before is not None
    assert after is not None
    assert before.shape == after.shape == (400, 800, 3)
    assert before.dtype == np.uint8
    assert (before != after).any()
    assert LatencyRSAEnv(**SETTINGS).render() is None
    frames = many(render_mode="rgb_array").render()
    assert frames is not None
    assert [frame.shape for frame in frames] == [(400, 800, 3)] * 3
    with pytest.raises(ValueError, match="'human'"):
        LatencyRSAEnv(**SETTINGS, render_mode="human")


def test_a_video_is_recorded(tmp_path: Path) -> None:
    env = RecordVideo(LatencyRSAEnv(**SETTINGS, render_mode="rgb_array"), str(tmp_path), disable_logger=True)
    env.reset(seed=1)
    for _ in range(8):
        env.step(np.int64(0))
    env.close()
    video = next(tmp_path.glob("*.mp4")).read_bytes()
    assert video[4:8] == b"ftyp"  # ISO/IEC 14496-12: the box that an MP4 file begins with


def test_gymnasiums_own_vector_environment_of_ours_is_ours() -> None:
    theirs = gym.vector.SyncVectorEnv([lambda: LatencyRSAEnv(**SETTINGS)] * 3)
    observations, ours = theirs.reset(seed=7)[0], many().reset(seed=7)[0]
    for name in ours:
        np.testing.assert_array_equal(observations[name], ours[name])
