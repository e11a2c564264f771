"""What a policy does on a trace, one request at a time with the online side's own code.

Gives two things that travel with a model: recorded observations with the policy's scores (compared with the
endpoint's answers before it goes into service), and a frame of what it saw and chose (what drift is measured
against). Not here: figures of merit (``evaluate.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from envs.features import CONTEXT_NAMES, FEATURE_NAMES
from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.trace import Trace
from envs.walk import Walk
from tasks.registry import RECORDED_FILE, REFERENCE_FILE


@dataclass(frozen=True)
class Behaviour:
    """Decisions of a policy, in order of arrival, after the network has filled."""

    features: np.ndarray  # (num_decisions, M, F) float32
    action_mask: np.ndarray  # (num_decisions, M) float32, 1 = allowed
    context: np.ndarray  # (num_decisions, C) float32
    scores: np.ndarray  # (num_decisions, M) float32
    frame: pd.DataFrame  # columns as in the decision log: c_<context>, f_<feature of the choice>


def observe_behaviour(
    plant: Plant, trace: Trace, policy: ScoringPolicy, num_decisions: int, warmup_requests: int
) -> Behaviour:
    """Up to ``num_decisions`` decisions of a policy on a trace, after ``warmup_requests`` requests.

    Requests without a candidate are no decisions and are not recorded.
    """
    walk = Walk(plant, trace)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    chosen: list[int] = []
    for index in range(trace.num_requests):
        observation, candidates = walk.observe(index)
        if not candidates:
            continue
        mask = observation.action_mask
        scores = policy.scores(observation.features[None], mask[None], observation.context[None])
        action = int(choose(scores)[0])
        walk.carry(index, candidates[action])
        if index >= warmup_requests:
            row = (observation.features, mask.astype(np.float32), observation.context, scores[0])
            rows.append(tuple(np.array(part) for part in row))  # type: ignore[arg-type]
            chosen.append(action)
            if len(rows) == num_decisions:
                break
    features, action_mask, context, all_scores = (np.stack(part) for part in zip(*rows, strict=True))
    of_choice = features[np.arange(len(chosen)), chosen]
    frame = pd.DataFrame(
        np.concatenate([context, of_choice], axis=1),
        columns=[*(f"c_{name}" for name in CONTEXT_NAMES), *(f"f_{name}" for name in FEATURE_NAMES)],
    )
    return Behaviour(features, action_mask, context, all_scores, frame)


def write_behaviour(behaviour: Behaviour, folder: Path, num_recorded: int = 64) -> tuple[Path, Path]:
    """The files of recorded observations and of the reference frame, in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    recorded, reference = folder / RECORDED_FILE, folder / REFERENCE_FILE
    every = max(1, len(behaviour.scores) // num_recorded)
    np.savez_compressed(
        recorded,
        features=behaviour.features[::every][:num_recorded],
        action_mask=behaviour.action_mask[::every][:num_recorded],
        context=behaviour.context[::every][:num_recorded],
        scores=behaviour.scores[::every][:num_recorded],
    )
    behaviour.frame.to_parquet(reference, index=False)
    return recorded, reference
