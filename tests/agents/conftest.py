"""A small Ray, a small network, and a bandit with the twin's bulk interface."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from agents.local_ray import ray_session
from agents.spec import SearchSpec, TrainSpec, ValidationSpec
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology


@pytest.fixture(scope="session")
def local_ray():
    """One Ray for all tests of the learner."""
    with ray_session("", num_cpus=3):
        yield


@pytest.fixture(scope="session")
def five_node() -> tuple[Plant, PoissonTraffic]:
    """A ring of five with few slots, loaded until every twentieth request is blocked or so."""
    spec = PlantSpec(num_slots=32, k_paths=3, max_candidates=10, starts_per_path=4, shared_spectrum=True)
    traffic = PoissonTraffic(load_erlang=45.0, mean_holding_s=100.0, bit_rates_gbps=(25.0, 50.0, 100.0))
    return build_plant(load_topology("five-node"), spec), traffic


@pytest.fixture
def small_spec() -> TrainSpec:
    """A training of seconds, measured in requests: it ends with the same policy on every machine."""
    return TrainSpec(
        budget_requests=24 * 16 * 32,
        num_envs=16,
        rollout_length=32,
        minibatch_size=256,
        hidden_sizes=(16,),
        num_env_runners=0,
        search=SearchSpec(population=8, requests_per_candidate=4000, budget_requests=16 * 8 * 4000),
        validation=ValidationSpec(4, 1000, 8, 4000),
        warmup_requests=300,
    )


class Bandit:
    """Steps without memory: a candidate pays its first feature, or minus that where the context says so.

    A linear score cannot tell the two contexts apart, so only the interaction of both earns anything.
    """

    num_candidates, num_features, num_context = 8, 5, 2

    def __init__(self, num_envs: int, seed: int) -> None:
        self.num_envs = num_envs
        self._generator = np.random.default_rng(seed)
        self.single_observation_space = gym.spaces.Dict(
            {
                "features": gym.spaces.Box(-9, 9, (self.num_candidates, self.num_features), np.float32),
                "action_mask": gym.spaces.MultiBinary(self.num_candidates),
                "context": gym.spaces.Box(0, 1, (self.num_context,), np.float32),
            }
        )
        self.single_action_space = gym.spaces.Discrete(self.num_candidates)
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, num_envs)

    def reset_into(self, features, mask, context) -> None:
        mask[:] = self._generator.random(mask.shape) < 0.7
        mask[:2] = False  # two networks without any candidate, at every step
        features[:] = self._generator.normal(size=features.shape) * mask[..., None]
        context[:] = self._generator.random(context.shape)
        self._pay = np.where(context[:, :1] > 0.5, features[..., 0], -features[..., 0])

    def step_into(self, actions, features, mask, context, rewards) -> None:
        rewards[:] = self._pay[np.arange(self.num_envs), actions]
        self.reset_into(features, mask, context)

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def bandit():
    """Makes the bandit of a runner."""
    return Bandit
