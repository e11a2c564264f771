"""Why a decision came out as it did: candidates with scores, what spoke for and against, what was in the way.

What a feature contributed is found by asking the same policy again with that feature of the chosen candidate
replaced by the runner-up's: the lead that is lost thereby is what it spoke for. Of a linear score this is its
weight times the difference of the two, exactly; of a network it is the same question, and what features do
only together is counted with each. Not here: HTTP (``app.py``), what is kept (``considered.py``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from controlplane.pce.considered import Considered
from controlplane.pce.fallback import policy_scores
from controlplane.pce.in_the_way import nearest_blocks
from controlplane.pce.inference import InferenceError
from controlplane.pce.look import Look
from envs.candidates import Observation
from envs.features import FEATURE_NAMES
from envs.policy import ScoringPolicy

ASKED_WITHIN_S = 3.0  # a person waits; the decisions' own deadline is for networks
MOST_CANDIDATES = 8
SPECTRUM = "spectrum"


def ablated(observation: Observation, chosen: int, runner_up: int) -> tuple[list[int], list[Observation]]:
    """The features in which two candidates differ, and for each the observation without that difference."""
    features = observation.features
    differing = np.flatnonzero(features[chosen] != features[runner_up]).tolist()
    without = []
    for column in differing:
        changed = features.copy()
        changed[chosen, column] = features[runner_up, column]
        without.append(dataclasses.replace(observation, features=changed))
    return differing, without


async def why(considered: Considered, fallback: ScoringPolicy) -> dict[str, Any]:
    """The answer as JSON has it (docs/contracts.md).

    Args:
        considered: the decision.
        fallback: the best of the rules, which decides where no model does.
    """
    record, look, choice = considered.record, considered.look, considered.choice
    told: dict[str, Any] = {
        "decision_id": record.decision_id,
        "source": record.source,
        "destination": record.destination,
        "bit_rate_gbps": record.bit_rate_gbps,
        "max_latency_ms": record.max_latency_ms if math.isfinite(record.max_latency_ms) else None,
        "outcome": record.outcome,
        "decided_by": record.decided_by,
        "policy": record.policy,
        "model_version": record.model_version,
        "rule": look.blocked.by if look.blocked else None,
        "reason": record.reason,
        "would_have_to_be_free": _would_have_to_be_free(look),
        "candidates": [],
        "num_candidates": record.num_candidates,
        "runner_up": None,
        "contributions": None,
        "contributions_note": "",
        "baseline": None,
    }
    if choice is None or (scores := choice.scores) is None:
        return told
    by_rule = policy_scores(fallback, look.observation)
    allowed = np.flatnonzero(look.observation.action_mask)
    ranked = sorted(allowed.tolist(), key=lambda index: (index != choice.index, -scores[index], index))
    baseline = int(np.argmax(by_rule))
    shown = ranked[:MOST_CANDIDATES]
    if baseline not in shown:
        shown.append(baseline)
    told["candidates"] = [_candidate(look, index, float(scores[index])) for index in shown]
    told["chosen"] = choice.index
    told["baseline"] = {"policy": fallback.name, "index": baseline, "is_same": baseline == choice.index}
    if len(ranked) > 1:
        told["runner_up"] = ranked[1]
        told["contributions"], told["contributions_note"] = await _contributions(
            considered, ranked[1], fallback
        )
    return told


async def _contributions(
    considered: Considered, runner_up: int, fallback: ScoringPolicy
) -> tuple[list[dict[str, Any]] | None, str]:
    """What each feature spoke for the choice and against the runner-up, the weightiest first; or why not."""
    look, choice = considered.look, considered.choice
    assert choice is not None
    seen = look.observation
    columns, without = ablated(seen, choice.index, runner_up)
    try:
        before, *after = await _scores(considered, [seen, *without], fallback)
    except InferenceError as error:
        return None, f"the model that decided cannot be asked again ({error.reason})"
    lead = before[choice.index] - before[runner_up]
    found = [
        {
            "feature": FEATURE_NAMES[column],
            "chosen": float(seen.features[choice.index, column]),
            "runner_up": float(seen.features[runner_up, column]),
            "contribution": float(lead - (scores[choice.index] - scores[runner_up])),
        }
        for column, scores in zip(columns, after, strict=True)
    ]
    return sorted(found, key=lambda each: -abs(each["contribution"])), ""


async def _scores(
    considered: Considered, observations: Sequence[Observation], fallback: ScoringPolicy
) -> list[np.ndarray]:
    """(M,) float64 of each observation, by who decided."""
    if considered.record.decided_by == "fallback":
        scores = [policy_scores(fallback, each) for each in observations]
    else:
        client = considered.look.in_use.client
        assert client is not None
        scores = await client.scores(observations, ASKED_WITHIN_S)
    return [each.astype(np.float64) for each in scores]


def _candidate(look: Look, index: int, score: float) -> dict[str, Any]:
    names = look.databases.plant.topology.node_names
    candidate = look.candidates[index]
    known = {
        name: value
        for name in ("gsnr_db", "margin_db", "marginal_w")
        if math.isfinite(value := getattr(candidate, name))
    }
    return {
        "index": index,
        "score": score,
        "nodes": [names[node] for node in candidate.nodes],
        "first_slot": candidate.first_slot,
        "num_slots": candidate.num_slots,
        "modulation_format": candidate.modulation_format,
        "latency_ms": candidate.latency_ms,
        "band": candidate.band,
        **known,
    }


def _would_have_to_be_free(look: Look) -> list[dict[str, Any]]:
    """The blocks with the least in their way, of a request that found no spectrum."""
    if look.occupied is None:
        return []
    plant = look.databases.plant
    names = plant.topology.node_names
    blocks = nearest_blocks(plant, look.query.request, look.occupied, look.avoided)
    return [
        {
            "nodes": [names[node] for node in block.nodes],
            "first_slot": block.first_slot,
            "num_slots": block.num_slots,
            "taken": [
                {"link": [names[node] for node in link], "slots": list(slots)} for link, slots in block.taken
            ],
        }
        for block in blocks
    ]
