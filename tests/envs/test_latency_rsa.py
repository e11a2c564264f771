"""The environments keep gymnasium's contract, and the latency model its formula."""

from __future__ import annotations

import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.errors import PlantError, TrafficError
from envs.latency import load_latency_model
from envs.latency_rsa import LatencyRSAEnv, LatencyRSAVectorEnv
from envs.plant import Plant, build_plant
from envs.reward import RewardWeights
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, make_trace, requests_of
from topologies.catalogue import load_topology


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build_plant(load_topology("five-node"), PlantSpec(num_slots=32, k_paths=3, max_candidates=12))


TRAFFIC = PoissonTraffic(40.0, classes=(LatencyClass("urgent", 1.0, 4.0, 1.2), LatencyClass("free", 1.0)))


def test_the_single_environment_passes_gymnasiums_checker(plant: Plant) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(LatencyRSAEnv(plant, TRAFFIC, episode_requests=20), skip_render_check=True)


def test_the_registered_id_makes_both_environments(plant: Plant) -> None:
    single = gym.make("lightloop/LatencyRSA-v0", plant=plant, traffic=TRAFFIC)
    many = gym.make_vec("lightloop/LatencyRSA-v0", 3, vectorization_mode="vector_entry_point", plant=plant)
    assert isinstance(single.unwrapped, LatencyRSAEnv)
    assert isinstance(many, LatencyRSAVectorEnv)
    assert many.num_envs == 3


def test_the_vector_environment_keeps_the_contract(plant: Plant) -> None:
    env = LatencyRSAVectorEnv(plant, TRAFFIC, num_envs=4, episode_requests=5, warmup_requests=50)
    observation, _ = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    again, _ = LatencyRSAVectorEnv(plant, TRAFFIC, num_envs=4, warmup_requests=50).reset(seed=3)
    for key, value in observation.items():
        np.testing.assert_array_equal(value, again[key])
    rng = np.random.default_rng(1)
    for step in range(12):
        observation, rewards, terminations, truncations, _ = env.step(rng.integers(0, 12, 4))
        assert env.observation_space.contains(observation)
        assert rewards.shape == terminations.shape == truncations.shape == (4,)
        assert not terminations.any()
        # An episode of 5, then a step that only resets and earns nothing (NEXT_STEP autoreset).
        assert truncations.all() == (step % 6 == 4)
        assert (step % 6 != 5) or not rewards.any()


def test_one_network_of_many_is_the_single_environment(plant: Plant) -> None:
    many = LatencyRSAVectorEnv(plant, TRAFFIC, num_envs=1, seed=5)
    features, mask, context = (np.zeros_like(array) for array in many._run.observation_buffers())
    rewards = np.zeros(1, np.float32)
    many.reset_into(features, mask, context)
    single = LatencyRSAEnv(plant, TRAFFIC, episode_requests=1000)
    single._run.reset(5)
    single._run.observe_into(*single._buffers)
    for step in range(200):
        np.testing.assert_array_equal(single._buffers[0], features)
        action = step % 3
        many.step_into(np.array([action]), features, mask, context, rewards)
        _, reward, _, _, _ = single.step(np.int64(action))
        assert reward == rewards[0]


def test_reward_prefers_service_then_slack(plant: Plant) -> None:
    env = LatencyRSAEnv(plant, TRAFFIC, episode_requests=500, reward=RewardWeights(slack=0.01))
    observation, _ = env.reset(seed=1)
    for _ in range(300):
        action = int(np.argmax(observation["action_mask"]))
        slack = observation["features"][action, 20]
        allowed = observation["action_mask"][action] == 1
        observation, reward, _, _, _ = env.step(np.int64(action))
        assert reward == (pytest.approx(0.01 * slack, rel=1e-5) if allowed else -1.0)


def test_latency_is_the_sum_of_its_terms(plant: Plant) -> None:
    model = load_latency_model()
    # 1000 km over 2 hops: fibre 4.9 us/km, 3 nodes, 2 transponders.
    expected_ms = (4900 + 3 * model.node_us + 2 * model.transponder_us) / 1000
    assert model.path_latency_ms(np.array([1000.0]), np.array([2]))[0] == pytest.approx(expected_ms)
    compensated = replace(model, compensating_share=0.2)  # 200 km of compensating fibre more
    longer = model.path_latency_ms(np.array([1200.0]), np.array([2]))
    assert compensated.path_latency_ms(np.array([1000.0]), np.array([2])) == pytest.approx(longer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load_erlang": -1.0}, "load_erlang is -1"),
        ({"mean_holding_s": float("nan")}, "mean_holding_s is nan"),
        ({"bit_rates_gbps": ()}, "bit_rates_gbps"),
        ({"classes": ()}, "classes is empty"),
    ],
)
def test_senseless_traffic_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(TrafficError, match=message):
        PoissonTraffic(**change)  # type: ignore[arg-type]


def test_a_trace_of_another_network_is_refused(plant: Plant) -> None:
    nsfnet = build_plant(load_topology("nsfnet"), PlantSpec(k_paths=1))
    with pytest.raises(TrafficError, match="nsfnet"):
        requests_of([make_trace(TRAFFIC, plant, 10, 1)], nsfnet)


@pytest.mark.parametrize("change", [{"num_slots": 0}, {"num_slots": 5000}, {"guard_slots": -1}])
def test_a_senseless_plant_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(PlantError):
        PlantSpec(**change)
