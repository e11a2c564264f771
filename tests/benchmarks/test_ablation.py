"""The ablation's own pieces: a twin whose mask is hidden, and what each switch of PPO does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from agents.learner import RolloutToBatch
from agents.network import ScoringNetwork, Teacher, ValueNetwork
from agents.rollout import Rollout
from agents.twin_envs import TwinEnvs
from benchmarks.ablation import MISTAKE, Unmasked
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

NUM_NETWORKS, NUM_CANDIDATES = 8, 30


def buffers(env) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    space = env.single_observation_space
    return tuple(
        np.zeros((NUM_NETWORKS, *space[name].shape), dtype)
        for name, dtype in (("features", np.float32), ("action_mask", np.bool_), ("context", np.float32))
    )


def test_a_hidden_mask_shows_every_place_and_punishes_the_wrong_ones_with_the_first_fit() -> None:
    plant = build_plant(load_topology("nsfnet"), PlantSpec(max_candidates=NUM_CANDIDATES))
    make = TwinEnvs(plant, PoissonTraffic(load_erlang=400.0), warmup_requests=500)
    hidden, plain = Unmasked(make(NUM_NETWORKS, 3)), make(NUM_NETWORKS, 3)
    shown, true = buffers(hidden), buffers(plain)
    hidden.reset_into(*shown)
    plain.reset_into(*true)
    rewards, plain_rewards = np.zeros((2, NUM_NETWORKS), np.float32)
    random, mistakes, blocked = np.random.default_rng(1), 0, 0
    for _ in range(200):
        assert shown[1].all()
        assert np.array_equal(shown[0], true[0])
        actions = random.integers(0, NUM_CANDIDATES, NUM_NETWORKS)
        allowed = true[1][np.arange(NUM_NETWORKS), actions]
        wrong = ~allowed & true[1].any(axis=1)
        hidden.step_into(actions, *shown, rewards)
        plain.step_into(np.where(allowed, actions, 0), *true, plain_rewards)
        assert (rewards[wrong] == MISTAKE).all()
        assert np.array_equal(rewards[~wrong], plain_rewards[~wrong])
        mistakes, blocked = mistakes + wrong.sum(), blocked + (plain_rewards < 0).sum()
    assert mistakes > 100
    assert blocked > 10


def batch_of(rewards: np.ndarray, **switches: bool):
    """The batch of one rollout whose values are all nought, without discount."""
    num_steps, num_envs = rewards.shape
    teacher = Teacher.neutral(3, 2)
    module = SimpleNamespace(
        policy=ScoringNetwork(3, 2, (4,), teacher), value=ValueNetwork(3, 2, (4,), teacher)
    )
    torch.nn.init.zeros_(module.value.layers[-1].weight)
    torch.nn.init.zeros_(module.value.layers[-1].bias)
    rollout = Rollout.empty(num_steps, num_envs, 2, 3, 2)
    for array in (rollout.features, rollout.context, rollout.actions, rollout.log_probabilities):
        array[...] = 0
    rollout.action_mask[...] = True
    rollout.rewards[...] = rewards
    connector = RolloutToBatch(gamma=1.0, gae_lambda=1.0, **switches)
    modules = {DEFAULT_MODULE_ID: SimpleNamespace(unwrapped=lambda: module)}
    return connector(rl_module=modules, batch={}, episodes=[rollout])[DEFAULT_MODULE_ID]["batch"]


@pytest.mark.parametrize("centred", [True, False])
def test_centred_rewards_are_those_less_their_mean(centred: bool) -> None:
    rewards = np.random.default_rng(2).normal(-0.3, 1.0, (5, 4)).astype(np.float32)
    batch = batch_of(rewards, centre_rewards=centred, standardise_advantages=False)
    kept = rewards - rewards.mean() if centred else rewards
    to_come = kept[::-1].cumsum(axis=0)[::-1]
    assert np.allclose(batch.advantages.numpy(), to_come.reshape(-1), atol=1e-5)


def test_standardised_advantages_have_no_mean_and_unit_deviation() -> None:
    rewards = np.random.default_rng(3).normal(0.0, 1.0, (6, 4)).astype(np.float32)
    found = batch_of(rewards, standardise_advantages=True).advantages.numpy()
    raw = batch_of(rewards, standardise_advantages=False).advantages.numpy()
    assert abs(found.mean()) < 1e-5
    assert found.std() == pytest.approx(1.0, abs=1e-4)
    assert np.corrcoef(found, raw)[0, 1] == pytest.approx(1.0, abs=1e-5)
