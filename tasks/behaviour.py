"""What a policy answers on a trace, one request at a time with the online side's own code.

The recorded observations and scores travel with a model; the endpoint's answers are compared with them before
it goes into service. Not here: figures of merit (``evaluate.py``), traffic (``traffic_reference.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs.plant import Plant
from envs.policy import ScoringPolicy, choose
from envs.trace import Trace
from envs.walk import Walk
from tasks.registry import RECORDED_FILE


@dataclass(frozen=True)
class Behaviour:
    """Decisions of a policy, in order of arrival, after the network has filled."""

    features: np.ndarray  # (num_decisions, M, F) float32
    action_mask: np.ndarray  # (num_decisions, M) float32, 1 = allowed
    context: np.ndarray  # (num_decisions, C) float32
    scores: np.ndarray  # (num_decisions, M) float32


def observe_behaviour(
    plant: Plant, trace: Trace, policy: ScoringPolicy, num_decisions: int, warmup_requests: int
) -> Behaviour:
    """Up to ``num_decisions`` decisions of a policy on a trace, after ``warmup_requests`` requests.

    Requests without a candidate are no decisions and are not recorded.
    """
    walk = Walk(plant, trace)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
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
            if len(rows) == num_decisions:
                break
    features, action_mask, context, all_scores = (np.stack(part) for part in zip(*rows, strict=True))
    return Behaviour(features, action_mask, context, all_scores)


def write_behaviour(behaviour: Behaviour, folder: Path, num_recorded: int = 64) -> Path:
    """The file of recorded observations."""
    folder.mkdir(parents=True, exist_ok=True)
    recorded = folder / RECORDED_FILE
    every = max(1, len(behaviour.scores) // num_recorded)
    np.savez_compressed(
        recorded,
        features=behaviour.features[::every][:num_recorded],
        action_mask=behaviour.action_mask[::every][:num_recorded],
        context=behaviour.context[::every][:num_recorded],
        scores=behaviour.scores[::every][:num_recorded],
    )
    return recorded
