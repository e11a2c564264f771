"""PPO under RLlib: it learns, repeats itself, survives checkpoints and the death of a runner."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from agents.learner import FlatBatch, policy_loss
from agents.network import ScoringNetwork, Teacher
from agents.ppo import PPOSettings, UpdateStatistics, build_algorithm, policy_of, statistics_of
from agents.twin_envs import TwinEnvs
from envs.lightpath_env import observation_space

SETTINGS = PPOSettings(
    num_envs=32,
    rollout_length=64,
    minibatch_size=500,  # leaves a partial minibatch
    num_epochs=4,
    learning_rate=3e-3,
    gamma=0.5,
    gae_lambda=0.9,
    entropy_coefficient=0.0,
    hidden_sizes=(32, 32),
    num_env_runners=0,
    seed=1,
    critic_warmup_updates=2,
)


def build(make_env, settings=SETTINGS):
    env = make_env(1, 0)
    return build_algorithm(settings, make_env, env.single_observation_space, env.single_action_space, None)


def learner_of(algorithm):
    return algorithm.learner_group._learner


def weights_of(algorithm) -> dict[str, np.ndarray]:
    module = learner_of(algorithm).module[DEFAULT_MODULE_ID]
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def run(algorithm, updates: int) -> list[UpdateStatistics]:
    statistics = [UpdateStatistics()]
    for _ in range(updates):
        statistics.append(statistics_of(algorithm.train(), statistics[-1]))
    return statistics[1:]


def test_ppo_learns_what_no_linear_score_can(local_ray, bandit):
    algorithm = build(bandit)
    try:
        statistics = run(algorithm, 30)
        policy = policy_of(algorithm, "learned")
    finally:
        algorithm.stop()
    # An agent that knows the rule earns about 1.23 x 30/32; drawing at random earns 0.
    assert abs(statistics[0].reward) < 0.1
    assert statistics[-1].reward > 0.75
    assert statistics[-1].steps == 30 * 32 * 64
    env = bandit(2000, seed=77)
    shape = (2000, env.num_candidates)
    features, mask = np.zeros((*shape, env.num_features), np.float32), np.zeros(shape, bool)
    context = np.zeros((2000, env.num_context), np.float32)
    env.reset_into(features, mask, context)
    chosen = policy.scores(features, mask, context).argmax(axis=1)
    best = np.where(mask, env._pay, -np.inf).argmax(axis=1)
    assert (chosen == best)[mask.any(axis=1)].mean() > 0.7


def test_the_critic_learns_before_the_actor_moves(local_ray, bandit):
    algorithm = build(bandit)
    try:
        before = weights_of(algorithm)
        run(algorithm, SETTINGS.critic_warmup_updates)
        during = weights_of(algorithm)
        run(algorithm, 1)
        after = weights_of(algorithm)
    finally:
        algorithm.stop()
    policy = [
        name for name in before if name.startswith("policy.") and "_mean" not in name and "_scale" not in name
    ]
    assert all(np.array_equal(before[name], during[name]) for name in policy)
    assert any(
        not np.array_equal(before[name], during[name]) for name in before if name.startswith("value.layers")
    )
    assert any(not np.array_equal(during[name], after[name]) for name in policy)


def test_one_seed_gives_one_curve(local_ray, bandit):
    curves = []
    for seed in (5, 5, 6):
        algorithm = build(bandit, SETTINGS.__class__(**{**SETTINGS.__dict__, "seed": seed}))
        try:
            curves.append([(f.reward, f.entropy, f.kl) for f in run(algorithm, 4)])
        finally:
            algorithm.stop()
    assert curves[0] == curves[1]
    assert curves[0] != curves[2]


def test_a_checkpoint_restores_weights_and_optimizers(local_ray, bandit, tmp_path):
    algorithm = build(bandit)
    try:
        run(algorithm, 4)
        algorithm.save_to_path(str(tmp_path / "checkpoint"))
        weights, optimizers = weights_of(algorithm), learner_of(algorithm)._get_optimizer_state()
    finally:
        algorithm.stop()
    restored = build(bandit)
    try:
        restored.restore_from_path(str(tmp_path / "checkpoint"))
        again, optimizers_again = weights_of(restored), learner_of(restored)._get_optimizer_state()
        assert weights.keys() == again.keys()
        assert all(np.array_equal(weights[name], again[name]) for name in weights)
        assert optimizers.keys() == optimizers_again.keys()
        for name in optimizers:
            moments, moments_again = (o[name]["state"]["state"] for o in (optimizers, optimizers_again))
            assert len(moments) == len(moments_again) > 0
            for key in moments:
                assert np.array_equal(moments[key]["exp_avg_sq"], moments_again[key]["exp_avg_sq"])
        run(restored, 1)
    finally:
        restored.stop()


def test_a_remote_runner_feeds_the_learner(local_ray, five_node):
    algorithm = build_on_twin(five_node, num_env_runners=1)
    try:
        run(algorithm, 4)
        before_last = weights_of(algorithm)["policy.correction"]
        statistics = run(algorithm, 1)
        # One rollout of each runner per update.
        assert statistics[-1].steps == 16 * 32
        runner_weights = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: runner.module.policy.correction.detach().numpy().copy(), local_env_runner=False
        )
        # Runners sample ahead of the last update, with the weights before it.
        assert np.abs(before_last).max() > 0
        assert not np.array_equal(before_last, weights_of(algorithm)["policy.correction"])
        assert all(np.array_equal(weights, before_last) for weights in runner_weights)
    finally:
        algorithm.stop()


def test_training_goes_on_after_a_runner_is_killed(local_ray, five_node):
    algorithm = build_on_twin(five_node, num_env_runners=2)
    try:
        run(algorithm, 3)
        group = algorithm.env_runner_group
        pids = group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)
        os.kill(pids[0], signal.SIGKILL)
        deadline = time.monotonic() + 540
        while time.monotonic() < deadline:
            statistics = run(algorithm, 2)
            alive = group.foreach_env_runner(lambda runner: os.getpid(), local_env_runner=False)
            if len(alive) == 2 and pids[0] not in alive:
                break
        assert len(alive) == 2
        assert pids[1] in alive
        assert pids[0] not in alive
        assert statistics[-1].steps > 0
    finally:
        algorithm.stop()


def build_on_twin(five_node, num_env_runners: int):
    plant, traffic = five_node
    settings = PPOSettings(
        **{
            **SETTINGS.__dict__,
            "num_envs": 16,
            "rollout_length": 32,
            "num_env_runners": num_env_runners,
            "critic_warmup_updates": 1,
        }
    )
    return build_algorithm(
        settings,
        TwinEnvs(plant, traffic, warmup_requests=200),
        observation_space(plant),
        gym.spaces.Discrete(plant.spec.max_candidates),
        None,
    )


def test_decisions_without_a_choice_move_nothing():
    torch.manual_seed(0)
    network = ScoringNetwork(5, 2, (8,), Teacher.neutral(5, 2))
    torch.nn.init.normal_(network.output.weight)
    rows = 6
    mask = torch.zeros(rows, 4, dtype=torch.bool)
    mask[:3, 1] = True  # one candidate; the other rows have none
    batch = FlatBatch(
        features=torch.randn(rows, 4, 5),
        action_mask=mask,
        context=torch.rand(rows, 2),
        pooled=torch.zeros(rows, 13),
        actions=torch.ones(rows, dtype=torch.int64),
        log_probabilities=torch.zeros(rows),
        advantages=torch.randn(rows),
        value_targets=torch.zeros(rows),
        has_choice=(mask.sum(dim=1) > 1).float(),
    )
    module = type("Module", (), {"policy": network})()
    loss, statistics = policy_loss(module, batch, torch.arange(rows), clip=0.2, entropy_coefficient=0.1)
    loss.backward()
    assert all(np.isfinite(value) for value in statistics.values())
    assert all(p.grad is None or torch.count_nonzero(p.grad) == 0 for p in network.parameters())


def test_ray_listens_on_loopback_only(local_ray):
    import psutil

    addresses = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # a process that has just ended
            listening = [c for c in process.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN]
            addresses |= {connection.laddr.ip for connection in listening}
    assert addresses, "no Ray process listens at all; does the test look at the right ones?"
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert ray.is_initialized()
