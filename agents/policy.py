"""A scoring network as plain numpy: what is served and evaluated. Not here: training (``network.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from envs.policy import MASKED_SCORE


@dataclass(frozen=True)
class NetworkPolicy:
    """Scores every candidate with one small network: a linear part plus a multilayer perceptron.

    ``score = features @ skip + perceptron([features, context])``; hidden layers are rectified. The first
    layer is stored in two parts, so that the context is multiplied once per request, not per candidate.

    Raises:
        ValueError: arrays whose shapes do not fit together.
    """

    name: str
    skip: np.ndarray  # (F,) float32
    first_features: np.ndarray  # (F, H1) float32
    first_context: np.ndarray  # (C, H1) float32
    hidden_weights: tuple[np.ndarray, ...]  # (H1, H2), (H2, H3), ... float32
    biases: tuple[np.ndarray, ...]  # (H1,), (H2,), ... float32
    output: np.ndarray  # (H_last,) float32

    def __post_init__(self) -> None:
        widths = self.hidden_sizes
        expected: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
            ("skip", self.skip.shape, (self.num_features,)),
            ("first_context", self.first_context.shape[1:], (widths[0],)),
            ("output", self.output.shape, (widths[-1],)),
            ("number of biases", (len(self.biases),), (len(self.hidden_weights) + 1,)),
        ]
        expected += [
            (f"biases[{i}]", bias.shape, (width,))
            for i, (bias, width) in enumerate(zip(self.biases, widths, strict=False))
        ]
        expected += [
            (f"hidden_weights[{i}]", weight.shape, (widths[i], weight.shape[-1]))
            for i, weight in enumerate(self.hidden_weights)
        ]
        for label, got, wanted in expected:
            if tuple(got) != wanted:
                raise ValueError(f"network policy {self.name!r}: {label} is {tuple(got)}; {wanted} is needed")

    @property
    def num_features(self) -> int:
        """F, values per candidate."""
        return int(self.first_features.shape[0])

    @property
    def num_context(self) -> int:
        """C, values per request."""
        return int(self.first_context.shape[0])

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return (int(self.first_features.shape[1]), *(int(weight.shape[1]) for weight in self.hidden_weights))

    def scores(self, features: np.ndarray, action_mask: np.ndarray, context: np.ndarray) -> np.ndarray:
        """(N, M) float32 scores, -1e9 where masked; only allowed candidates are computed.

        Args:
            features: (N, M, F) float32.
            action_mask: (N, M) bool (or 0/1), True = allowed.
            context: (N, C) float32.
        """
        num_requests, num_candidates, num_features = features.shape
        allowed = np.flatnonzero(np.asarray(action_mask) > 0.5)
        rows = np.asarray(features, dtype=np.float32).reshape(-1, num_features)[allowed]
        per_request = np.asarray(context, dtype=np.float32) @ self.first_context
        per_request += self.biases[0]
        hidden = rows @ self.first_features
        hidden += per_request[allowed // num_candidates]
        np.maximum(hidden, 0.0, out=hidden)
        for weight, bias in zip(self.hidden_weights, self.biases[1:], strict=True):
            hidden = hidden @ weight
            hidden += bias
            np.maximum(hidden, 0.0, out=hidden)
        scores = np.full(num_requests * num_candidates, MASKED_SCORE, np.float32)
        scores[allowed] = hidden @ self.output + rows @ self.skip
        return scores.reshape(num_requests, num_candidates)

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by name, as the artefact stores them."""
        named = {
            "skip": self.skip,
            "first_features": self.first_features,
            "first_context": self.first_context,
            "output": self.output,
        }
        named |= {f"hidden.{i}": weight for i, weight in enumerate(self.hidden_weights)}
        named |= {f"bias.{i}": bias for i, bias in enumerate(self.biases)}
        return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in named.items()}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, np.ndarray], num_layers: int) -> NetworkPolicy:
        """The policy whose ``arrays()`` are given.

        Raises:
            KeyError: an array is missing.
            ValueError: shapes do not fit together.
        """
        return cls(
            name=name,
            skip=arrays["skip"],
            first_features=arrays["first_features"],
            first_context=arrays["first_context"],
            hidden_weights=tuple(arrays[f"hidden.{i}"] for i in range(num_layers - 1)),
            biases=tuple(arrays[f"bias.{i}"] for i in range(num_layers)),
            output=arrays["output"],
        )
