"""One decision as a row: its columns and their types. Not here: files (``decision_parts.py``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from controlplane.lightpath import Lightpath
from controlplane.pce.reasons import FallbackReason
from controlplane.tapi.names import join_list

DECISION_SCHEMA_VERSION = 5

DecidedBy = Literal["model", "fallback", "none"]
Outcome = Literal["accepted", "blocked"]
ChallengerOutcome = Literal["answered"] | FallbackReason

FEATURE_PREFIX = "f_"
CONTEXT_PREFIX = "c_"
OBSERVATION = "challenger_observation"

COLUMNS: Mapping[str, pa.DataType] = {
    "decision_id": pa.string(),
    "time_s": pa.float64(),  # seconds since 1970-01-01 UTC, when the request came in
    "topology": pa.string(),
    "topology_hash": pa.string(),
    "feature_schema_version": pa.int64(),
    "source": pa.string(),
    "destination": pa.string(),
    "bit_rate_gbps": pa.float64(),
    "max_latency_ms": pa.float64(),  # null: no bound
    "state_version": pa.int64(),  # of the controller's state that the observation shows
    "num_candidates": pa.int64(),
    "chosen": pa.int64(),  # index of the candidate; null when none
    "nodes": pa.string(),  # "A,B,C", as `controlplane.tapi.names.join_list` writes it
    "first_slot": pa.int64(),
    "num_slots": pa.int64(),
    "modulation_format": pa.string(),
    "latency_ms": pa.float64(),  # of the path
    "band": pa.string(),
    "gsnr_db": pa.float64(),  # of the worst carrier; null, here and below, where the plant knows none
    "margin_db": pa.float64(),  # of the worst carrier above its format's threshold
    "marginal_w": pa.float64(),  # power switched on, transponders included
    "decided_by": pa.string(),  # model, fallback, none
    "fallback_reason": pa.string(),  # null unless the fallback decided
    "policy": pa.string(),  # that decided
    "model_version": pa.string(),  # null unless the model decided
    "forecast": pa.string(),  # hash of the demand forecast that the observation shows; null for none
    "score_chosen": pa.float64(),
    "score_second": pa.float64(),  # null with fewer than two candidates
    "sync_ms": pa.float64(),
    "observe_ms": pa.float64(),
    "inference_ms": pa.float64(),  # null when no model was asked
    "total_ms": pa.float64(),  # from the request read to the row handed to the log
    "outcome": pa.string(),  # accepted, blocked
    "reason": pa.string(),  # why blocked; null when accepted
    "service_uuid": pa.string(),  # whose path; null, here and below, where it was computed for no service
    "cause": pa.string(),  # create, restore
    "service_class": pa.string(),
    "ends_s": pa.float64(),  # when the service ends, as its client told it; null: not told
    "is_constrained": pa.bool_(),  # by the client, or by slots held for others; null before version 3
    # Of the challenger that stood beside; null before version 5, and where none did. What is told of a shadow
    # comes after the decision has been acknowledged, and is null where it was not asked.
    "is_canary": pa.bool_(),  # the decision was the challenger's to take
    "challenger_version": pa.string(),
    "challenger_outcome": pa.string(),  # answered, or why it gave no choice that could be followed
    "challenger_chosen": pa.int64(),  # index of its candidate
    "challenger_agrees": pa.bool_(),  # it is the lightpath of the decision; null of a canary
    "challenger_ms": pa.float64(),  # until it answered, or was given up
    OBSERVATION: pa.string(),  # what it was asked: the body of ``POST /invocations``
}


@dataclass(frozen=True)
class DecisionRecord:
    """What was asked, seen and decided; ``COLUMNS`` says each field's type. No lightpath: it was blocked."""

    decision_id: str
    time_s: float
    topology: str
    topology_hash: str
    feature_schema_version: int
    source: str
    destination: str
    bit_rate_gbps: float
    max_latency_ms: float
    state_version: int
    num_candidates: int
    decided_by: DecidedBy
    outcome: Outcome
    context: tuple[tuple[str, float], ...]
    chosen: int | None = None
    lightpath: Lightpath | None = None
    fallback_reason: FallbackReason | None = None
    policy: str | None = None
    model_version: str | None = None
    forecast: str | None = None
    score_chosen: float | None = None
    score_second: float | None = None
    sync_ms: float = 0.0
    observe_ms: float = 0.0
    inference_ms: float | None = None
    total_ms: float = 0.0
    reason: str | None = None
    features: tuple[tuple[str, float], ...] = ()
    service_uuid: str | None = None
    cause: str | None = None
    service_class: str | None = None
    ends_s: float | None = None
    is_constrained: bool = False
    is_canary: bool | None = None
    challenger_version: str | None = None
    challenger_outcome: ChallengerOutcome | None = None
    challenger_chosen: int | None = None
    challenger_ms: float | None = None
    challenger_observation: str | None = None

    def row(self) -> dict[str, Any]:
        """A flat row for the log: ``COLUMNS``, ``c_<name>``, ``f_<name>``; what is not finite is null."""
        row = {name: _plain(getattr(self, name, None)) for name in COLUMNS}
        if self.lightpath:
            row |= self.lightpath.told() | {"nodes": join_list(self.lightpath.nodes)}
        row |= {CONTEXT_PREFIX + name: _plain(value) for name, value in self.context}
        row |= {FEATURE_PREFIX + name: _plain(value) for name, value in self.features}
        return row


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as people are shown it: without the wide observation of a challenger."""
    return row | {OBSERVATION: None}


def table_schema(rows: Sequence[Mapping[str, Any]]) -> pa.Schema:
    """The columns of a part: ``COLUMNS``, then each ``c_`` and ``f_`` column (float32) of any row."""
    extra: dict[str, None] = {}
    for row in rows:
        extra.update(dict.fromkeys(name for name in row if name not in COLUMNS))
    vectors = [
        name for prefix in (CONTEXT_PREFIX, FEATURE_PREFIX) for name in extra if name.startswith(prefix)
    ]
    return pa.schema(
        [*COLUMNS.items(), *((name, pa.float32()) for name in vectors)],
        metadata={"decision_schema_version": str(DECISION_SCHEMA_VERSION)},
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
