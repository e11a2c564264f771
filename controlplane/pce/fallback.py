"""The heuristic that decides when no model does: late, down, wrong, or none configured."""

from __future__ import annotations

import numpy as np

from envs.candidates import Observation
from envs.policy import ScoringPolicy


def policy_scores(policy: ScoringPolicy, observation: Observation) -> np.ndarray:
    """(M,) float32, the scores of one observation's candidates."""
    return policy.scores(
        observation.features[None], observation.action_mask[None], observation.context[None]
    )[0]
