"""PPO's update over whole rollouts. Not here: sampling (``env_runner.py``), the configuration (``ppo.py``).

``RolloutToBatch`` turns rollouts into one flat batch with advantages: one forward pass of the value network
and one compiled pass backwards in time. ``RolloutLearner`` makes the gradient steps.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.learner.training_data import TrainingData
from torch import Tensor

from agents.network import pool
from agents.rl_module import ScoringRLModule
from agents.rollout import Rollout, advantages

POLICY_OPTIMIZER = "policy"
VALUE_OPTIMIZER = "value"
VALUE_LEARNING_RATE_FACTOR = 3.0  # the value network regresses; it bears larger steps than the policy
MAX_GRADIENT_NORM = 0.5
TARGET_KL = 0.02  # a pass over the batch that moved the policy further than this is the last one
SLOWEST_AVERAGE = 0.05  # running averages of reward and return scale forget at least this share per update


@dataclass(frozen=True)
class FlatBatch:
    """All decisions of some rollouts, side by side."""

    features: Tensor  # (B, M, F) float32
    action_mask: Tensor  # (B, M) bool
    context: Tensor  # (B, C) float32
    pooled: Tensor  # (B, P) float32, what the value network sees
    actions: Tensor  # (B,) int64
    log_probabilities: Tensor  # (B,) float32, under the policy that acted
    advantages: Tensor  # (B,) float32; mostly of zero mean and unit deviation over decisions with a choice
    value_targets: Tensor  # (B,) float32, in units of return_scale
    has_choice: Tensor  # (B,) float32, 1 where at least two candidates were allowed

    def __len__(self) -> int:
        return int(self.actions.shape[0])


class RolloutToBatch(ConnectorV2):
    """One ``FlatBatch`` from rollouts: centred rewards, values, advantages, value targets.

    Args:
        gamma: discount.
        gae_lambda: of generalised advantage estimation.
        centre_rewards: take the running mean of all rewards from each; else that mean stays 0.
        standardise_advantages: to zero mean and unit deviation over the decisions with a choice.
    """

    def __init__(
        self,
        gamma: float,
        gae_lambda: float,
        centre_rewards: bool = True,
        standardise_advantages: bool = True,
    ):
        super().__init__()
        self.gamma = gamma
        self.gae_lambda = gae_lambda
        self.centre_rewards = centre_rewards
        self.standardise_advantages = standardise_advantages

    def __call__(  # type: ignore[override]
        self, *, rl_module: Any, batch: dict[str, Any], episodes: list[Rollout], **_: Any
    ) -> dict[str, Any]:
        """``{module id: {"batch": FlatBatch}}``; updates the running averages kept in the value network."""
        module: ScoringRLModule = rl_module[DEFAULT_MODULE_ID].unwrapped()
        with torch.no_grad():
            module.value.num_updates += 1
            if self.centre_rewards:
                _update_reward_mean(module, episodes)
            parts = [self._flatten(module, rollout) for rollout in episodes]
            scale = _update_return_scale(module, torch.cat([returns for _, returns in parts]))
            columns = [
                torch.cat([part[i] for part, _ in parts]) if len(parts) > 1 else parts[0][0][i]
                for i in range(7)
            ]
            returns = torch.cat([returns for _, returns in parts]) / scale
            features, mask, context, pooled, actions, log_probabilities, advantage = columns
            has_choice = (mask.sum(dim=1) > 1).float()
            if self.standardise_advantages:
                advantage = _standardise(advantage, has_choice)
            batch[DEFAULT_MODULE_ID] = {
                "batch": FlatBatch(
                    features=features,
                    action_mask=mask,
                    context=context,
                    pooled=pooled,
                    actions=actions,
                    log_probabilities=log_probabilities,
                    advantages=advantage,
                    value_targets=returns,
                    has_choice=has_choice,
                )
            }
        return batch

    def _flatten(self, module: ScoringRLModule, rollout: Rollout) -> tuple[list[Tensor], Tensor]:
        num_steps, num_envs = rollout.actions.shape
        features = _view(rollout.features).flatten(0, 1)
        mask = _view(rollout.action_mask).flatten(0, 1)
        context = _view(rollout.context).flatten(0, 1)
        pooled = pool(features, mask, context)
        values = (module.value(pooled) * module.value.return_scale).reshape(num_steps + 1, num_envs).numpy()
        advantage = np.empty_like(rollout.rewards)
        centred = rollout.rewards - np.float32(module.value.reward_mean.item())
        advantages(centred, values, self.gamma, self.gae_lambda, advantage)
        count = num_steps * num_envs
        columns = [
            features[:count],
            mask[:count],
            context[:count],
            pooled[:count],
            _view(rollout.actions).reshape(-1),
            _view(rollout.log_probabilities).reshape(-1),
            torch.from_numpy(advantage).reshape(-1),
        ]
        return columns, torch.from_numpy(advantage + values[:-1]).reshape(-1)


class RolloutLearner(PPOTorchLearner):
    """PPO with clipped ratios over ``FlatBatch``; one optimizer for the policy, one for the value network.

    The first ``critic_warmup_updates`` updates (of ``config.learner_config_dict``) leave the policy alone: an
    untrained critic would push a good starting policy in random directions.
    """

    def configure_optimizers_for_module(self, module_id: str, config: AlgorithmConfig | None = None) -> None:
        """Adam for each network, with its own learning rate."""
        module = self._networks()
        rate = float(self.config.lr)
        networks = (
            (POLICY_OPTIMIZER, module.policy, rate),
            (VALUE_OPTIMIZER, module.value, rate * VALUE_LEARNING_RATE_FACTOR),
        )
        for name, network, learning_rate in networks:
            parameters = list(network.parameters())
            optimizer = torch.optim.Adam(parameters, lr=learning_rate, eps=1e-5, fused=True)
            self.register_optimizer(
                module_id=module_id,
                optimizer_name=name,
                optimizer=optimizer,
                params=parameters,
                lr_or_lr_schedule=learning_rate,
            )

    def build(self) -> None:
        """Build as RLlib does, and a generator of its own for the order of the minibatches."""
        super().build()
        self._generator = torch.Generator().manual_seed(int(self.config.seed or 0))

    def update(  # type: ignore[override]
        self,
        *,
        training_data: TrainingData | None = None,
        episodes: list[Rollout] | None = None,
        timesteps: dict[str, Any] | None = None,
        num_epochs: int = 1,
        minibatch_size: int | None = None,
        **_: Any,
    ) -> Any:
        """Metrics of one update: ``num_epochs`` passes over the rollouts in minibatches; none is dropped."""
        self.before_gradient_based_update(timesteps=timesteps or {})
        if training_data is None:
            training_data = TrainingData(episodes=episodes)  # type: ignore[arg-type]
        training_data.validate()
        training_data.solve_refs()
        self._weights_seq_no += 1
        connector: Any = self._learner_connector
        batch: FlatBatch = connector(
            rl_module=self.module,
            batch={},
            episodes=training_data.episodes or [],
            shared_data={},
            metrics=self.metrics,
        )[DEFAULT_MODULE_ID]["batch"]
        warmup = self._weights_seq_no <= self.config.learner_config_dict.get("critic_warmup_updates", 0)
        size = minibatch_size or len(batch)
        sums: dict[str, float] = {}
        count = 0
        for _epoch in range(num_epochs):
            order = torch.randperm(len(batch), generator=self._generator)
            kl_before, count_before = sums.get("kl", 0.0), count
            for start in range(0, len(batch), size):
                figures = self._step(batch, order[start : start + size], train_policy=not warmup)
                for key, value in figures.items():
                    sums[key] = sums.get(key, 0.0) + value
                count += 1
            if (sums["kl"] - kl_before) / (count - count_before) > TARGET_KL:
                break
        self._log(batch, {key: value / count for key, value in sums.items()}, warmup)
        self.after_gradient_based_update(timesteps=timesteps or {})
        return self.metrics.reduce()

    def _networks(self) -> ScoringRLModule:
        modules: Any = self._module
        return modules[DEFAULT_MODULE_ID].unwrapped()

    def _step(self, batch: FlatBatch, rows: Tensor, train_policy: bool) -> dict[str, float]:
        module = self._networks()
        figures: dict[str, float] = {"kl": 0.0}
        if train_policy:
            config: Any = self.config
            loss, figures = policy_loss(module, batch, rows, config.clip_param, float(config.entropy_coeff))
            self._apply(loss, POLICY_OPTIMIZER)
        value_loss = (module.value(batch.pooled[rows]) - batch.value_targets[rows]).square().mean()
        self._apply(value_loss, VALUE_OPTIMIZER)
        return figures | {"value_loss": value_loss.item()}

    def _apply(self, loss: Tensor, optimizer_name: str) -> None:
        optimizer = self.get_optimizer(DEFAULT_MODULE_ID, optimizer_name)
        parameters: Any = self._optimizer_parameters[optimizer]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()

    def _log(self, batch: FlatBatch, figures: dict[str, float], warmup: bool) -> None:
        module = self._networks()
        spread = batch.value_targets.var().item()
        figures = figures | {
            "critic_warmup": float(warmup),
            "explained_variance": 1.0 - figures["value_loss"] / max(spread, 1e-12),
            "reward_mean": module.value.reward_mean.item(),
            "sharpness": module.policy.log_sharpness.exp().item(),
        }
        self.metrics.log_dict(figures, key=DEFAULT_MODULE_ID, window=1)
        self.metrics.log_value("num_env_steps_trained_lifetime", len(batch), reduce="lifetime_sum")


def policy_loss(
    module: ScoringRLModule, batch: FlatBatch, rows: Tensor, clip: float, entropy_coefficient: float
) -> tuple[Tensor, dict[str, float]]:
    """PPO's clipped loss minus the entropy bonus, and figures for the log.

    Averaged over the decisions with a choice: the others have no gradient, and would only dilute it.
    """
    mask = batch.action_mask[rows]
    logits = module.policy(batch.features[rows], mask, batch.context[rows])
    log_all = torch.log_softmax(logits, dim=1)
    log_taken = log_all.gather(1, batch.actions[rows].unsqueeze(1)).squeeze(1)
    weight = batch.has_choice[rows]
    total = weight.sum().clamp(min=1.0)
    log_ratio = (log_taken - batch.log_probabilities[rows]) * weight
    ratio = log_ratio.exp()
    advantage = batch.advantages[rows]
    surrogate = torch.minimum(advantage * ratio, advantage * ratio.clamp(1 - clip, 1 + clip))
    entropy = -(log_all.exp() * log_all * mask).sum(dim=1)
    mean_entropy = (entropy * weight).sum() / total
    loss = -(surrogate * weight).sum() / total - entropy_coefficient * mean_entropy
    with torch.no_grad():
        # Schulman's low-variance estimate of the divergence, http://joschu.net/blog/kl-approx.html
        kl = ((ratio - 1 - log_ratio) * weight).sum() / total
    return loss, {"policy_loss": loss.item(), "entropy": mean_entropy.item(), "kl": kl.item()}


def _view(array: np.ndarray) -> Tensor:
    """The array as a tensor that nobody writes to: rollouts from Ray's object store are read-only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _standardise(values: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum().clamp(min=1.0)
    mean = (values * weight).sum() / total
    variance = ((values - mean).square() * weight).sum() / total
    return (values - mean) / variance.sqrt().clamp(min=1e-8)


def _update_reward_mean(module: ScoringRLModule, rollouts: list[Rollout]) -> None:
    value = module.value
    share = max(1.0 / value.num_updates.item(), SLOWEST_AVERAGE)
    mean = float(np.mean([rollout.rewards.mean(dtype=np.float64) for rollout in rollouts]))
    value.reward_mean += share * (mean - value.reward_mean)


def _update_return_scale(module: ScoringRLModule, returns: Tensor) -> Tensor:
    value = module.value
    share = max(1.0 / value.num_updates.item(), SLOWEST_AVERAGE)
    deviation = returns.std().clamp(min=1e-6) if returns.numel() > 1 else value.return_scale
    value.return_scale += share * (deviation - value.return_scale)
    return value.return_scale
