"""What a served model is made of, and what goes into it and comes out, as MLflow writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
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


def model_parts(artifacts: Mapping[str, Path], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The arguments that MLflow makes a served model from: code, artifacts, signature, example, no pickle.

    Args:
        artifacts: ``policy``, the folder that ``agents.artefact.save_policy`` wrote, and ``recorded``, the
            file of recorded observations; further files travel with them.
        metadata: goes into the MLmodel file.
    """
    import mlflow

    example = {key: value[:1] for key, value in np.load(artifacts["recorded"]).items()}
    inputs = {key: example[key].astype(np.float32) for key in ("features", "action_mask", "context")}
    return {
        "python_model": str(Path(__file__).with_name("served_model.py")),
        "artifacts": {name: str(path) for name, path in artifacts.items()},
        "signature": signature_of(inputs),
        "input_example": inputs,
        "pip_requirements": [f"mlflow=={mlflow.__version__}", "numpy", "safetensors", "numba"],
        "metadata": dict(metadata),
    }
