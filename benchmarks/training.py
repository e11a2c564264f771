"""Steps per second of PPO: end to end under RLlib, sampling alone, and the same loop in plain torch.

Setting: nsfnet, 100 directed slots, 250 Erlang, 30 candidates (DeepRMSA), 64 networks x 128 steps per
rollout, minibatches of 1,024, 2 epochs, hidden layers 64 x 64. Everything is built and has run once before
the clock starts. The plain loop samples and learns in turns; under RLlib with a remote runner both overlap.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

ROLLOUTS = 40
NUM_ENVS = 64
ROLLOUT_LENGTH = 128


def figures(rollouts: int = ROLLOUTS, num_env_runners: int = 1) -> dict[str, float]:
    """``end_to_end_steps_per_s``, ``sampled_steps_per_s`` and ``plain_torch_steps_per_s``.

    Args:
        rollouts: measured updates; a rollout is 8,192 steps.
        num_env_runners: processes that sample while the learner learns; 0: sample and learn in turns.
    """
    settings, envs = _setting(num_env_runners)
    sampled, plain = _plain_torch(settings, envs, rollouts)
    return {
        "end_to_end_steps_per_s": round(_under_rllib(settings, envs, rollouts)),
        "sampled_steps_per_s": round(sampled),
        "plain_torch_steps_per_s": round(plain),
    }


def _setting(num_env_runners: int) -> tuple[Any, Any]:
    from agents.ppo import PPOSettings
    from agents.twin_envs import TwinEnvs
    from envs.plant import build_plant
    from envs.spec import PlantSpec
    from envs.traffic import PoissonTraffic
    from topologies.catalogue import load_topology

    plant = build_plant(load_topology("nsfnet"), PlantSpec(max_candidates=30))
    envs = TwinEnvs(plant, PoissonTraffic(load_erlang=250.0), warmup_requests=3000)
    settings = PPOSettings(
        num_envs=NUM_ENVS,
        rollout_length=ROLLOUT_LENGTH,
        minibatch_size=1024,
        num_epochs=2,
        learning_rate=3e-4,
        gamma=0.99,
        gae_lambda=0.95,
        entropy_coefficient=0.001,
        hidden_sizes=(64, 64),
        num_env_runners=num_env_runners,
        seed=1,
    )
    return settings, envs


def _under_rllib(settings: Any, envs: Any, rollouts: int) -> float:
    import gymnasium

    from agents.local_ray import ray_session
    from agents.ppo import UpdateStatistics, build_algorithm, statistics_of
    from envs.lightpath_env import observation_space

    with ray_session("", max(2, settings.num_env_runners + 1)):
        algorithm = build_algorithm(
            settings,
            envs,
            observation_space(envs.plant),
            gymnasium.spaces.Discrete(envs.plant.spec.max_candidates),
            None,
        )
        try:
            for _ in range(3):
                algorithm.train()
            total, began = UpdateStatistics(), time.perf_counter()
            for _ in range(rollouts):
                total = statistics_of(algorithm.train(), total)
            return total.steps / (time.perf_counter() - began)
        finally:
            algorithm.stop()


def _plain_torch(settings: Any, envs: Any, rollouts: int) -> tuple[float, float]:
    """Sampling alone, and sampling, advantages and gradient steps in turns without Ray and without RLlib."""
    import numpy as np
    import torch

    from agents.learner import FlatBatch, policy_loss
    from agents.network import ScoringNetwork, Teacher, ValueNetwork, pool
    from agents.rollout import Rollout, advantages, draw_actions

    torch.manual_seed(settings.seed)
    env = envs(settings.num_envs, settings.seed)
    num_candidates, num_features = env.single_observation_space["features"].shape
    num_context = env.single_observation_space["context"].shape[0]
    teacher = Teacher.neutral(num_features, num_context)
    policy = ScoringNetwork(num_features, num_context, settings.hidden_sizes, teacher)
    value = ValueNetwork(num_features, num_context, settings.hidden_sizes, teacher)
    module = type("Networks", (), {"policy": policy, "value": value})()
    optimizer = torch.optim.Adam(
        [*policy.parameters(), *value.parameters()], lr=settings.learning_rate, fused=True
    )
    generator = np.random.default_rng(settings.seed)
    rollout = Rollout.empty(
        settings.rollout_length, settings.num_envs, num_candidates, num_features, num_context
    )
    env.reset_into(rollout.features[-1], rollout.action_mask[-1], rollout.context[-1])

    def sample() -> None:
        for array in (rollout.features, rollout.action_mask, rollout.context):
            array[0] = array[-1]
        uniforms = generator.random((settings.rollout_length, settings.num_envs))
        with torch.inference_mode():
            for t in range(settings.rollout_length):
                rows = (rollout.features[t], rollout.action_mask[t], rollout.context[t])
                logits = policy(*(torch.from_numpy(array) for array in rows)).numpy()
                draw_actions(logits, uniforms[t], rollout.actions[t], rollout.log_probabilities[t])
                following = (rollout.features[t + 1], rollout.action_mask[t + 1], rollout.context[t + 1])
                env.step_into(rollout.actions[t], *following, rollout.rewards[t])

    def learn() -> None:
        features, mask, context = (
            torch.from_numpy(array).flatten(0, 1)
            for array in (rollout.features, rollout.action_mask, rollout.context)
        )
        with torch.no_grad():
            pooled = pool(features, mask, context)
            values = value(pooled).reshape(settings.rollout_length + 1, -1).numpy()
        advantage = np.empty_like(rollout.rewards)
        advantages(rollout.rewards, values, settings.gamma, settings.gae_lambda, advantage)
        count = rollout.actions.size
        flat = torch.from_numpy(advantage).reshape(-1)
        batch = FlatBatch(
            features=features[:count],
            action_mask=mask[:count],
            context=context[:count],
            pooled=pooled[:count],
            actions=torch.from_numpy(rollout.actions).reshape(-1),
            log_probabilities=torch.from_numpy(rollout.log_probabilities).reshape(-1),
            advantages=(flat - flat.mean()) / flat.std(),
            value_targets=torch.from_numpy(advantage + values[:-1]).reshape(-1),
            has_choice=(mask[:count].sum(dim=1) > 1).float(),
        )
        for _ in range(settings.num_epochs):
            for rows in torch.randperm(count).split(settings.minibatch_size):
                loss, _figures = policy_loss(module, batch, rows, settings.clip, settings.entropy_coefficient)
                loss = loss + (value(batch.pooled[rows]) - batch.value_targets[rows]).square().mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()

    def both() -> None:
        sample()
        learn()

    steps = settings.rollout_length * settings.num_envs
    return steps * _rate(sample, rollouts), steps * _rate(both, rollouts)


def _rate(work: Callable[[], None], repetitions: int) -> float:
    """Repetitions per second, after one that does not count."""
    work()
    began = time.perf_counter()
    for _ in range(repetitions):
        work()
    return repetitions / (time.perf_counter() - began)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS)
    parser.add_argument("--env-runners", type=int, default=1)
    chosen = parser.parse_args()
    print(json.dumps({"figures": figures(chosen.rollouts, chosen.env_runners)}, indent=2))


if __name__ == "__main__":
    main()
