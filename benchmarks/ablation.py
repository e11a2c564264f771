"""What each means against variance is worth to PPO: the same training with one of them changed.

DeepRMSA's NSFNET (100 directed slots, K = 5, 30 candidates, 250 Erlang) without after-states, so that there
is much to learn. PPO begins at no preference, not at a searched score, and gets the same number of steps each
time, so the figures do not depend on the machine. What counts is request blocking on fixed traces. Not here:
the search, which is what most of a trained policy comes from (``docs/training.md``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np

from agents.env_runner import BulkEnv
from agents.lessons import Lessons
from agents.network import Teacher
from agents.ppo import PPOSettings, build_algorithm, policy_of
from agents.train import OBSERVATION_SEED
from agents.twin_envs import TwinEnvs
from agents.validation import ValidationSet, validation_set
from configs.load import load_config
from envs.heuristics import BASELINE_NAMES, baseline
from envs.lightpath_env import observation_space
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from topologies.catalogue import load_topology

WARMUP_REQUESTS = 3000
MISTAKE = np.float32(-1.0)  # reward of naming what is not allowed, where the mask is hidden


@dataclass(frozen=True)
class Arm:
    """One training of the comparison."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)  # of ``PPOSettings``
    hide_mask: bool = False


ARMS = (
    Arm("as configured"),
    Arm("discount 0.9", {"gamma": 0.9}),
    Arm("discount 0.99", {"gamma": 0.99}),
    Arm("discount 0.999", {"gamma": 0.999}),
    Arm("lambda 0.9", {"gae_lambda": 0.9}),
    Arm("lambda 1", {"gae_lambda": 1.0}),
    Arm("rewards not centred", {"centre_rewards": False}),
    Arm("advantages not standardised", {"standardise_advantages": False}),
    Arm("critic not warmed up", {"critic_warmup_updates": 0}),
    Arm("mask hidden", hide_mask=True),
)


class Unmasked:
    """A ``BulkEnv`` that shows every place of the list as allowed, as a policy without a mask would see it.

    A place that is not allowed costs a reward of -1, and KSP-FF's choice is taken in its stead.
    """

    def __init__(self, env: BulkEnv) -> None:
        self._env = env
        self._allowed = np.zeros((0, 0), np.bool_)
        self.num_envs = env.num_envs
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.single_observation_space = env.single_observation_space
        self.single_action_space = env.single_action_space

    def reset_into(self, features_out: np.ndarray, mask_out: np.ndarray, context_out: np.ndarray) -> None:
        """As of the environment inside, every place allowed."""
        self._env.reset_into(features_out, mask_out, context_out)
        self._hide(mask_out)

    def step_into(
        self,
        actions: np.ndarray,
        features_out: np.ndarray,
        mask_out: np.ndarray,
        context_out: np.ndarray,
        reward_out: np.ndarray,
    ) -> None:
        """As of the environment inside, every place allowed; -1 for what was not."""
        rows = np.arange(self.num_envs)
        mistaken = ~self._allowed[rows, actions] & self._allowed.any(axis=1)
        taken = np.where(mistaken, 0, actions)
        self._env.step_into(taken, features_out, mask_out, context_out, reward_out)
        reward_out[mistaken] = MISTAKE
        self._hide(mask_out)

    def close(self) -> None:
        """Let go of resources."""
        self._env.close()

    def _hide(self, mask_out: np.ndarray) -> None:
        self._allowed = mask_out.copy()
        mask_out[...] = True


@dataclass(frozen=True)
class _UnmaskedTwin:
    """Makes an ``Unmasked`` twin; travels to other processes."""

    twin: TwinEnvs

    def __call__(self, num_envs: int, seed: int) -> Unmasked:
        return Unmasked(self.twin(num_envs, seed))


def figures(updates: int, seeds: int, on_progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for the baselines' best and one for every arm: ``{"arm", "request_blocking", "by_seed"}``.

    Args:
        updates: of PPO, each of 8,192 steps.
        seeds: trainings of every arm.
        on_progress: told what is trained next.
    """
    from agents.local_ray import ray_session

    plant = build_plant(load_topology("nsfnet"), PlantSpec(max_candidates=30))
    traffic = PoissonTraffic(load_erlang=250.0)
    validation = validation_set(plant, Lessons(traffic), WARMUP_REQUESTS, seed=1)
    linear = [policy for policy in map(baseline, BASELINE_NAMES) if isinstance(policy, LinearPolicy)]
    best = min(linear, key=validation.mean_blocking)
    rows = [{"arm": f"{best.name}, no training", "request_blocking": validation.mean_blocking(best)}]
    base = PPOSettings.of(load_config("latency-rsa").training)
    with ray_session("", base.num_env_runners + 1):
        for arm in ARMS:
            found = []
            for seed in range(1, seeds + 1):
                on_progress(f"{arm.name}, seed {seed}")
                found.append(
                    _trained(
                        replace(base, seed=seed, **arm.changes), arm, plant, traffic, validation, updates
                    )
                )
            rows.append({"arm": arm.name, "request_blocking": float(np.mean(found)), "by_seed": found})
    return rows


def _trained(
    settings: PPOSettings,
    arm: Arm,
    plant: Plant,
    traffic: PoissonTraffic,
    validation: ValidationSet,
    updates: int,
) -> float:
    """Request blocking of what an arm's training ends with."""
    twin = TwinEnvs(plant, traffic, WARMUP_REQUESTS)
    algorithm = build_algorithm(
        settings,
        _UnmaskedTwin(twin) if arm.hide_mask else twin,
        observation_space(plant),
        gymnasium.spaces.Discrete(plant.spec.max_candidates),
        _no_preference(plant, traffic),
    )
    try:
        for _ in range(updates):
            algorithm.train()
        return validation.mean_blocking(policy_of(algorithm, arm.name))
    finally:
        algorithm.stop()


def _no_preference(plant: Plant, traffic: PoissonTraffic) -> Teacher:
    """Scales of what KSP-FF meets, and no opinion."""
    from agents.observations import make_teacher, observe_under

    start = baseline("ksp_ff")
    assert isinstance(start, LinearPolicy)
    sample = observe_under(plant, traffic, start, WARMUP_REQUESTS, OBSERVATION_SEED)
    teacher = make_teacher(start, sample, confidence=0.5)
    return replace(teacher, feature_weights=np.zeros_like(teacher.feature_weights), sharpness=1.0)
