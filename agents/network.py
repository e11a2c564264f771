"""The scoring network and the value network as plain torch modules. Not here: RLlib (``rl_module.py``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.policy import NetworkPolicy

MASKED_LOGIT = -1e9


@dataclass(frozen=True)
class Teacher:
    """Where training starts: a linear score, how sharply it is followed, and the scale of what it saw."""

    feature_weights: np.ndarray  # (F,) float32
    sharpness: float  # logits = sharpness * features @ feature_weights
    feature_mean: np.ndarray  # (F,) float32
    feature_scale: np.ndarray  # (F,) float32, > 0
    context_mean: np.ndarray  # (C,) float32
    context_scale: np.ndarray  # (C,) float32, > 0

    @classmethod
    def neutral(cls, num_features: int, num_context: int) -> Teacher:
        """No preference and no scaling."""
        ones = np.ones(num_features, np.float32)
        return cls(
            feature_weights=0 * ones,
            sharpness=1.0,
            feature_mean=0 * ones,
            feature_scale=ones,
            context_mean=np.zeros(num_context, np.float32),
            context_scale=np.ones(num_context, np.float32),
        )


class ScoringNetwork(nn.Module):
    """Logits of all candidates: one small network applied to every candidate together with the context.

    ``logit = sharpness * features @ teacher + normalised @ correction + perceptron([normalised, context])``.
    The correction and the perceptron's last layer begin at zero, so a fresh network chooses exactly as its
    teacher does.
    """

    def __init__(self, num_features: int, num_context: int, hidden_sizes: Sequence[int], teacher: Teacher):
        super().__init__()
        self.teacher_weights: Tensor
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.context_mean: Tensor
        self.context_scale: Tensor
        self.register_buffer("teacher_weights", _tensor(teacher.feature_weights))
        self.register_buffer("feature_mean", _tensor(teacher.feature_mean))
        self.register_buffer("feature_scale", _tensor(teacher.feature_scale))
        self.register_buffer("context_mean", _tensor(teacher.context_mean))
        self.register_buffer("context_scale", _tensor(teacher.context_scale))
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(teacher.sharpness), dtype=torch.float32))
        self.correction = nn.Parameter(torch.zeros(num_features))
        self.first_features = nn.Linear(num_features, hidden_sizes[0])
        self.first_context = nn.Linear(num_context, hidden_sizes[0], bias=False)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(hidden_sizes))
        self.output = nn.Linear(hidden_sizes[-1], 1, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, features: Tensor, action_mask: Tensor, context: Tensor) -> Tensor:
        """(B, M) logits, -1e9 where masked. Only the allowed candidates are computed.

        Args:
            features: (B, M, F) float32.
            action_mask: (B, M) bool or 0/1, True = allowed.
            context: (B, C) float32.
        """
        num_requests, num_candidates, num_features = features.shape
        allowed = (action_mask > 0.5).reshape(-1).nonzero().squeeze(1)
        raw = features.reshape(-1, num_features).index_select(0, allowed)
        normalised = (raw - self.feature_mean) / self.feature_scale
        per_request = self.first_context((context - self.context_mean) / self.context_scale)
        request = torch.div(allowed, num_candidates, rounding_mode="floor")
        hidden = functional.relu(self.first_features(normalised) + per_request.index_select(0, request))
        for layer in self.hidden:
            hidden = functional.relu(layer(hidden))
        linear = self.log_sharpness.exp() * (raw @ self.teacher_weights) + normalised @ self.correction
        scores = linear + self.output(hidden).squeeze(1)
        logits = features.new_full((num_requests * num_candidates,), MASKED_LOGIT)
        return logits.index_copy(0, allowed, scores).reshape(num_requests, num_candidates)

    def export(self, name: str) -> NetworkPolicy:
        """The same scores in numpy, up to a constant per request; scaling and teacher are folded in."""
        hidden: Any = list(self.hidden)
        with torch.no_grad():
            scale = self.feature_scale.double()
            first = self.first_features.weight.double().T / scale[:, None]
            first_context = self.first_context.weight.double().T / self.context_scale.double()[:, None]
            bias = self.first_features.bias.double() - self.feature_mean.double() @ first
            bias = bias - self.context_mean.double() @ first_context
            skip = self.log_sharpness.exp().double() * self.teacher_weights.double()
            skip = skip + self.correction.double() / scale
            return NetworkPolicy(
                name=name,
                skip=_array(skip),
                first_features=_array(first),
                first_context=_array(first_context),
                hidden_weights=tuple(_array(layer.weight.T) for layer in hidden),
                biases=(_array(bias), *(_array(layer.bias) for layer in hidden)),
                output=_array(self.output.weight[0]),
            )


class ValueNetwork(nn.Module):
    """The expected centred return of a state, from features pooled over its candidates.

    Its output is in units of ``return_scale``, a running estimate kept here so that it is checkpointed with
    the weights; so is ``reward_mean``, the average that rewards are centred by (the task has no episodes).
    """

    def __init__(self, num_features: int, num_context: int, hidden_sizes: Sequence[int], teacher: Teacher):
        super().__init__()
        zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        mean = [teacher.feature_mean, teacher.feature_mean, teacher.context_mean, zero]
        scale = [teacher.feature_scale, teacher.feature_scale, teacher.context_scale, one]
        self.input_mean: Tensor
        self.input_scale: Tensor
        self.reward_mean: Tensor
        self.return_scale: Tensor
        self.num_updates: Tensor
        self.register_buffer("input_mean", _tensor(np.concatenate(mean)))
        self.register_buffer("input_scale", _tensor(np.concatenate(scale)))
        self.register_buffer("reward_mean", torch.zeros(()))
        self.register_buffer("return_scale", torch.ones(()))
        self.register_buffer("num_updates", torch.zeros(()))
        widths = [pooled_width(num_features, num_context), *hidden_sizes]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Linear(a, b), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, pooled: Tensor) -> Tensor:
        """(B,) values in units of ``return_scale``.

        Args:
            pooled: (B, 2 F + C + 1) what ``pool`` returns.
        """
        return self.layers((pooled - self.input_mean) / self.input_scale).squeeze(-1)


def pooled_width(num_features: int, num_context: int) -> int:
    """Values per state that ``pool`` returns."""
    return 2 * num_features + num_context + 1


def pool(features: Tensor, action_mask: Tensor, context: Tensor) -> Tensor:
    """(B, 2 F + C + 1): mean and maximum over the allowed candidates, context, share of allowed candidates.

    Without an allowed candidate mean and maximum are zero.
    """
    mask = (action_mask > 0.5).to(features.dtype)
    count = mask.sum(dim=1, keepdim=True)
    mean = torch.bmm(mask.unsqueeze(1), features).squeeze(1) / count.clamp(min=1)
    highest = features.masked_fill((mask < 0.5).unsqueeze(-1), -math.inf).amax(dim=1)
    highest = torch.where(count > 0, highest, 0.0)
    return torch.cat([mean, highest, context, count / mask.shape[1]], dim=1)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
