"""What goes into a served model and comes out of it, as MLflow writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def signature_of(inputs: Mapping[str, np.ndarray]) -> Any:
    """Tensors with open sizes where the number of requests and of candidates go: one policy, any network."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    single = np.dtype(np.float32)
    num_features, num_context = inputs["features"].shape[-1], inputs["context"].shape[-1]
    return ModelSignature(
        inputs=Schema(
            [
                TensorSpec(single, (-1, -1, num_features), "features"),
                TensorSpec(single, (-1, -1), "action_mask"),
                TensorSpec(single, (-1, num_context), "context"),
            ]
        ),
        outputs=Schema([TensorSpec(single, (-1, -1), "scores")]),
    )
