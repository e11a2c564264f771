"""The networks as an RLModule of RLlib's new API stack. Not here: the networks (``network.py``)."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor

from agents.network import ScoringNetwork, Teacher, ValueNetwork, pool

POOLED = "pooled"


class ScoringRLModule(TorchRLModule, ValueFunctionAPI, InferenceOnlyAPI):
    """Scores candidates under a mask; the value network exists on learners only.

    ``model_config``: ``num_features``, ``num_context``, ``hidden_sizes``, ``teacher`` (may be None).
    """

    def setup(self) -> None:
        """Build both networks; called by RLlib."""
        settings: dict[str, Any] = self.model_config  # type: ignore[assignment]
        num_features, num_context = settings["num_features"], settings["num_context"]
        hidden_sizes = tuple(settings["hidden_sizes"])
        teacher = settings.get("teacher") or Teacher.neutral(num_features, num_context)
        self.policy = ScoringNetwork(num_features, num_context, hidden_sizes, teacher)
        self.value = ValueNetwork(num_features, num_context, hidden_sizes, teacher)

    def get_non_inference_attributes(self) -> list[str]:
        """What runners do not need and weight synchronisation leaves out."""
        return ["value"]

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        obs = batch[Columns.OBS]
        mask = obs["action_mask"]
        logits = self.policy(obs["features"], mask, obs["context"])
        return {Columns.ACTION_DIST_INPUTS: torch.where(mask > 0.5, logits, -1e9)}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """(B,) values in units of ``value.return_scale``; pools the observation if the batch has not."""
        pooled = batch.get(POOLED)
        if pooled is None:
            obs = batch[Columns.OBS]
            pooled = pool(obs["features"], obs["action_mask"], obs["context"])
        return self.value(pooled)
