"""The algorithm and its configuration: RLlib's PPO with this package's runner, learner and networks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    LEARNER_RESULTS,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
)

from agents.env_runner import REWARD_MEAN, MakeEnv, RolloutEnvRunner
from agents.learner import RolloutLearner, RolloutToBatch
from agents.network import Teacher
from agents.policy import NetworkPolicy
from agents.rl_module import ScoringRLModule
from agents.rollout import Rollout
from agents.spec import PPOSpec
from envs.fields import taken_from

SAMPLE = "sample"
SET_STATE = "set_state"  # RLlib's own tag of a weight transfer
ROLLOUT_TIMEOUT_S = 120.0
CRITIC_WARMUP_UPDATES = 10  # an untrained critic would push a good teacher in random directions


@dataclass(frozen=True)
class PPOSettings(PPOSpec):
    """What PPO is told; beside what is configured, what only a comparison changes."""

    critic_warmup_updates: int = 0
    clip: float = 0.2
    centre_rewards: bool = True  # by their running mean; the task has no episodes
    standardise_advantages: bool = True  # over the decisions with a choice

    @classmethod
    def of(cls, spec: PPOSpec) -> PPOSettings:
        """What a training says of PPO, after a warm-up of the critic."""
        return cls(**taken_from(spec, PPOSpec), critic_warmup_updates=CRITIC_WARMUP_UPDATES)


class PipelinedPPO(PPO):
    """PPO whose remote runners sample the next rollout while the learner learns from the last.

    The data is one update older than without; the ratio in PPO's loss accounts for it. With one runner the
    order of events is fixed, so one seed gives one result. Without remote runners it is RLlib's own loop.
    """

    def training_step(self) -> None:
        """One rollout of each healthy runner, one update, one weight synchronisation."""
        group: Any = self.env_runner_group
        metrics: Any = self.metrics
        learners: Any = self.learner_group
        config: Any = self.config
        if group.num_remote_workers() == 0:
            super().training_step()
            return
        if group.num_in_flight_async_reqs(SAMPLE) == 0:
            self._send_weights(group)
            self._request_rollouts(group)
        results: list[tuple[Rollout, Any]] = []
        # A dead runner's request vanishes from the count, so this waits for the living ones only.
        while group.num_in_flight_async_reqs(SAMPLE) > 0:
            ready = group.fetch_ready_async_reqs(tags=SAMPLE, timeout_seconds=ROLLOUT_TIMEOUT_S)
            results += [result for _, result in ready]
            if not ready:
                break
        if not results:
            return
        metrics.aggregate([counters for _, counters in results], key=ENV_RUNNER_RESULTS)
        self._send_weights(group)
        self._request_rollouts(group)
        steps = metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME), default=0)
        learned = learners.update(
            episodes=[rollout for rollout, _ in results],
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: steps},
            num_epochs=config.num_epochs,
            minibatch_size=config.minibatch_size,
        )
        metrics.aggregate(learned, key=LEARNER_RESULTS)

    def _send_weights(self, group: Any) -> None:
        # RLlib drops a transfer while the one before is not yet fetched: fetch it first.
        while group.num_in_flight_async_reqs(SET_STATE) > 0:
            if not group.fetch_ready_async_reqs(tags=SET_STATE, timeout_seconds=ROLLOUT_TIMEOUT_S):
                break
        group.sync_weights(
            from_worker_or_learner_group=self.learner_group, policies=[DEFAULT_MODULE_ID], inference_only=True
        )

    @staticmethod
    def _request_rollouts(group: Any) -> None:
        group.foreach_env_runner_async(lambda runner: (runner.sample(), runner.get_metrics()), tag=SAMPLE)


def build_algorithm(
    settings: PPOSettings,
    make_env: MakeEnv,
    observation_space: gymnasium.spaces.Dict,
    action_space: gymnasium.spaces.Discrete,
    teacher: Teacher | None,
) -> PPO:
    """The algorithm, ready to train; Ray must be running.

    Args:
        settings: sizes and rates.
        make_env: makes the vector environment of a runner; travels to other processes.
        observation_space: of one network: ``features`` (M, F), ``action_mask`` (M,), ``context`` (C,).
        action_space: of one network: Discrete(M).
        teacher: where the policy starts; None: no preference.
    """
    logging.getLogger("ray.rllib").setLevel(logging.ERROR)  # it warns of its own defaults
    num_features = _shape(observation_space, "features")[1]
    num_context = _shape(observation_space, "context")[0]
    model: dict[str, Any] = {
        "num_features": num_features,
        "num_context": num_context,
        "hidden_sizes": settings.hidden_sizes,
        "teacher": teacher,
    }
    batch_size = settings.num_envs * settings.rollout_length * max(1, settings.num_env_runners)
    config = (
        PPOConfig(algo_class=PipelinedPPO)
        .environment(
            env=None,
            observation_space=observation_space,
            action_space=action_space,
            env_config={"make_env": make_env, "rollout_length": settings.rollout_length},
        )
        .framework("torch")
        .env_runners(
            env_runner_cls=RolloutEnvRunner,
            num_env_runners=settings.num_env_runners,
            num_envs_per_env_runner=settings.num_envs,
            rollout_fragment_length=settings.rollout_length,
            create_local_env_runner=settings.num_env_runners == 0,
            num_cpus_per_env_runner=1,
        )
        .learners(
            num_learners=0,
            learner_class=RolloutLearner,
            learner_config_dict={"critic_warmup_updates": settings.critic_warmup_updates},
            learner_connector=lambda obs, act: RolloutToBatch(
                settings.gamma, settings.gae_lambda, settings.centre_rewards, settings.standardise_advantages
            ),
            add_default_connectors_to_learner_pipeline=False,
        )
        .training(
            lr=settings.learning_rate,
            gamma=settings.gamma,
            lambda_=settings.gae_lambda,
            entropy_coeff=settings.entropy_coefficient,
            clip_param=settings.clip,
            use_kl_loss=False,
            # One less than a rollout: RLlib samples again while it counts fewer steps than this.
            train_batch_size_per_learner=batch_size - 1,
            minibatch_size=min(settings.minibatch_size, batch_size - 1),
            num_epochs=settings.num_epochs,
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=ScoringRLModule,
                observation_space=observation_space,
                action_space=action_space,
                model_config=model,
            )
        )
        .fault_tolerance(restart_failed_env_runners=True)
        .reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=0)
        .debugging(seed=settings.seed, log_level="ERROR")
    )
    return cast(PPO, config.build_algo())


def _shape(space: gymnasium.spaces.Dict, key: str) -> Sequence[int]:
    shape = space[key].shape
    assert shape is not None
    return shape


@dataclass(frozen=True)
class UpdateStatistics:
    """What one update reports."""

    steps: int = 0  # since the algorithm was built or restored
    reward: float | None = None
    entropy: float | None = None
    explained_variance: float | None = None
    kl: float | None = None


def statistics_of(results: Mapping[str, Any], before: UpdateStatistics) -> UpdateStatistics:
    """Statistics from what ``Algorithm.train`` returned; what it leaves out stays as it was."""
    runners = results.get(ENV_RUNNER_RESULTS, {})
    learner = results.get(LEARNER_RESULTS, {}).get(DEFAULT_MODULE_ID, {})

    def latest(source: Mapping[str, Any], key: str, otherwise: float | None) -> float | None:
        value = source.get(key)
        return otherwise if value is None else float(value)

    return UpdateStatistics(
        steps=before.steps + int(runners.get(NUM_ENV_STEPS_SAMPLED, 0)),
        reward=latest(runners, REWARD_MEAN, before.reward),
        entropy=latest(learner, "entropy", before.entropy),
        explained_variance=latest(learner, "explained_variance", before.explained_variance),
        kl=latest(learner, "kl", before.kl),
    )


def policy_of(algorithm: PPO, name: str) -> NetworkPolicy:
    """The policy of the moment, in numpy."""
    learners: Any = algorithm.learner_group
    module: ScoringRLModule = learners._learner.module[DEFAULT_MODULE_ID].unwrapped()
    return module.policy.export(name)
