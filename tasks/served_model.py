"""The model as MLflow serves it: tensors in, a score for every candidate out (``docs/contracts.md``).

MLflow runs this file when it loads a model (models from code), so it holds nothing that must be pickled. It
needs ``agents.artefact`` and ``envs`` beside it and neither ray nor torch.
"""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from agents.artefact import load_policy


class ServedPolicy(PythonModel):
    """A stored policy behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Load the policy named by the model's artifacts, answer once, and spare the collector what stays."""
        self._policy = load_policy(context.artifacts["policy"])
        example = np.load(context.artifacts["recorded"])
        self._policy.scores(example["features"][:1], example["action_mask"][:1] > 0.5, example["context"][:1])
        # Without this a full collection walks over all that was imported: 100 ms, now and then, in a request.
        gc.collect()
        gc.freeze()

    def predict(self, context, model_input, params=None):  # MLflow reads type hints here
        """``{"scores": (N, M) float32}``, -1e9 where the mask is 0."""
        features = np.asarray(model_input["features"], np.float32)
        action_mask = np.asarray(model_input["action_mask"], np.float32) > 0.5
        context_values = np.asarray(model_input["context"], np.float32)
        return {"scores": self._policy.scores(features, action_mask, context_values)}


set_model(ServedPolicy())
