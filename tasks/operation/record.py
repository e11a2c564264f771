"""What the operation record holds, as rows: one ask, one change of the network, one life of a service.

Pandera checks what comes from outside, row by row. Not here: reading and joining (``sources.py``,
``lives.py``), files (``store.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import pandas as pd
import pandera.pandas as pa

RECORD_SCHEMA_VERSION = 1
ENDING = {"delete": "deleted", "ended": "ended"}  # causes that end a service, and what a life calls them
UUID = r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\Z"


class OperationError(ValueError):
    """A record that cannot be made or read; says which, why and the remedy."""


@dataclass(frozen=True)
class Ask:
    """One decision that was taken for a service, as the decision log has it.

    Attributes:
        decision_id: key of the decision log.
        time_s: since 1970 UTC, when the request came in.
        service_uuid: whose path.
        cause: ``create`` or ``restore``.
        service_class: by name.
        is_constrained: more than the network bound the choice: the client, or slots held for others.
        state_version: of the controller's state that was seen.
        source, destination: node names.
        bit_rate_gbps: asked for.
        max_latency_ms: one-way bound; infinite without one.
        outcome: ``accepted`` or ``blocked``.
        reason: why blocked; empty when accepted.
        decided_by: ``model``, ``fallback`` or ``none``.
        fallback_reason, policy, model_version: who decided; empty where that does not apply.
        topology_hash: of the network.
        ends_s: when the service ends, as its client told it, since 1970 UTC; None: not told.
    """

    decision_id: str
    time_s: float
    service_uuid: str
    cause: str
    service_class: str
    is_constrained: bool
    state_version: int
    source: str
    destination: str
    bit_rate_gbps: float
    max_latency_ms: float
    outcome: str
    reason: str
    decided_by: str
    fallback_reason: str
    policy: str
    model_version: str
    topology_hash: str
    ends_s: float | None = None


@dataclass(frozen=True)
class ToldChange:
    """One change of the network, as the controller's change log has it.

    Attributes:
        version: 1, 2, 3, ... without a gap.
        time_s: since 1970 UTC.
        kind: ``lightpath-added``, ``lightpath-removed``, ``link-failed``, ``link-repaired``;
            ``service-removed``: of one that a cut had left without a lightpath; ``drained`` and
            ``undrained`` of a link or a node, ``locked`` and ``unlocked`` of a service.
        cause: ``create``, ``delete``, ``ended``, ``cut``, ``restore``, ``repair``, ``move``, ``protect``,
            ``drain``, ``undrain``, ``lock``, ``unlock``.
        nodes: of the route, source first; of a link, and of a service without a lightpath, its ends; one node
            that is drained.
        service_uuid, service_class, decision_id: of a lightpath; empty for a link, the last one also in
            changes of versions that did not tell it.
        first_slot, num_slots, modulation_format, bit_rate_gbps: of a lightpath.
    """

    version: int
    time_s: float
    kind: str
    cause: str
    nodes: tuple[str, ...]
    service_uuid: str = ""
    service_class: str = ""
    decision_id: str = ""
    first_slot: int = 0
    num_slots: int = 0
    modulation_format: str = ""
    bit_rate_gbps: float = 0.0

    @classmethod
    def read(cls, row: dict[str, Any]) -> Self:
        """Out of a row of a frame."""
        return cls(**(row | {"nodes": tuple(map(str, row["nodes"]))}))


@dataclass(frozen=True)
class Span:
    """A lightpath of a service, from its set-up to its removal; None while it stands."""

    added: ToldChange
    removed: ToldChange | None = None

    def stands_after(self, version: int) -> bool:
        """Whether it is up once the change of this version has happened."""
        return self.added.version <= version and (self.removed is None or self.removed.version > version)


@dataclass(frozen=True)
class Life:
    """A service from its first ask to its end.

    Attributes:
        first: the decision on its first ask; None where the decision log does not have it.
        is_carried: the first ask was accepted and its lightpath came up.
        num_asks: how often it was asked, the first time included; restorations do not count.
        spans: its lightpaths in order.
        next_ask: another service was asked under the same UUID afterwards.
        removed_dark: the deletion, where a cut had left it without a lightpath.
    """

    first: Ask | None
    is_carried: bool
    num_asks: int
    spans: tuple[Span, ...]
    next_ask: Ask | None = field(default=None, repr=False)
    removed_dark: ToldChange | None = None

    @property
    def service_uuid(self) -> str:
        """Of the service."""
        return self.first.service_uuid if self.first else self.spans[0].added.service_uuid

    @property
    def service_class(self) -> str:
        """By name."""
        return self.first.service_class if self.first else self.spans[0].added.service_class

    @property
    def asked_s(self) -> float:
        """When it was first asked, or first seen to be set up; since 1970 UTC."""
        return self.first.time_s if self.first else self.spans[0].added.time_s

    @property
    def outcome(self) -> str:
        """Of the first ask: ``carried``, ``blocked``, or ``failed``: accepted, but it never came up."""
        if self.is_carried:
            return "carried"
        return "failed" if self.first is not None and self.first.outcome == "accepted" else "blocked"

    @property
    def removed(self) -> ToldChange | None:
        """The last removal; None while it is up, and where it never was."""
        return self.spans[-1].removed if self.spans else None

    @property
    def deleted(self) -> ToldChange | None:
        """The change with which it ended, by a client or when its told end came; None where none was seen."""
        if self.removed is not None and self.removed.cause in ENDING:
            return self.removed
        return self.removed_dark


def departure_cause(span: Span, is_last: bool) -> str:
    """``deleted``, ``ended``, ``cut``, ``restored elsewhere``, ``moved``; empty while it stands."""
    if span.removed is None:
        return ""
    if span.removed.cause == "cut":
        return "cut" if is_last else "restored elsewhere"
    return (ENDING | {"move": "moved"}).get(span.removed.cause, span.removed.cause)


def _text(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    return pa.Column(object, list(checks), nullable=nullable)


_SOME = pa.Check.str_length(1, 200)
_FINITE = pa.Check(lambda values: values.abs() < math.inf, name="finite")

ASKS = pa.DataFrameSchema(
    {
        "decision_id": _text(_SOME),
        "time_s": pa.Column(float, [pa.Check.gt(0), _FINITE]),
        "service_uuid": _text(pa.Check.str_matches(UUID)),
        "cause": _text(pa.Check.isin(("create", "restore", "move", "protect"))),
        "service_class": _text(pa.Check.str_length(1, 64)),
        "is_constrained": pa.Column(object, pa.Check.isin((True, False))),
        "state_version": pa.Column(float, pa.Check.ge(0)),
        "source": _text(_SOME),
        "destination": _text(_SOME),
        "bit_rate_gbps": pa.Column(float, [pa.Check.gt(0), _FINITE]),
        "max_latency_ms": pa.Column(float, pa.Check.gt(0), nullable=True),
        "outcome": _text(pa.Check.isin(("accepted", "blocked"))),
        "reason": _text(nullable=True),
        "decided_by": _text(pa.Check.isin(("model", "fallback", "none"))),
        "fallback_reason": _text(nullable=True),
        "policy": _text(nullable=True),
        "model_version": _text(nullable=True),
        "topology_hash": _text(_SOME),
        "ends_s": pa.Column(float, [pa.Check.gt(0), _FINITE], nullable=True),
    },
    checks=pa.Check(lambda rows: rows["source"] != rows["destination"], name="source is not destination"),
    strict="filter",
)
DRAIN_KINDS, LOCK_KINDS = ("drained", "undrained"), ("locked", "unlocked")
STILL_KINDS = ("service-removed", *DRAIN_KINDS, *LOCK_KINDS)  # after which the spectrum is as it was
KINDS = ("lightpath-added", "lightpath-removed", "link-failed", "link-repaired", *STILL_KINDS)
CHANGES = pa.DataFrameSchema(
    {
        "version": pa.Column(int, pa.Check.gt(0), unique=True),
        "time_s": pa.Column(float, [pa.Check.gt(0), _FINITE]),
        "kind": _text(pa.Check.isin(KINDS)),
        "cause": _text(_SOME),
        "nodes": _text(pa.Check(lambda routes: routes.map(len) >= 1, name="a node")),
        "service_uuid": _text(),
        "service_class": _text(),
        "decision_id": _text(),
        "first_slot": pa.Column(int, pa.Check.ge(0)),
        "num_slots": pa.Column(int, pa.Check.ge(0)),
        "modulation_format": _text(),
        "bit_rate_gbps": pa.Column(float, [pa.Check.ge(0), _FINITE]),
    },
    checks=pa.Check(
        lambda rows: (
            rows["kind"].isin(DRAIN_KINDS)
            | (rows["nodes"].map(len) >= 2)
            & (
                rows["kind"].str.startswith("link-")
                | (rows["service_uuid"] != "")
                & (rows["kind"].isin(STILL_KINDS) | (rows["num_slots"] > 0) & (rows["bit_rate_gbps"] > 0))
            )
        ),
        name="a lightpath has a service, two nodes, slots and a bit rate",
    ),
    strict="filter",
)


def failures(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> dict[int, str]:
    """Why rows do not fit a schema, by their position; empty where all do.

    Raises:
        OperationError: a column is missing, or all of it is of another type.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        reasons: dict[int, list[str]] = {}
        for case in error.failure_cases.itertuples():
            if pd.isna(case.index):
                raise OperationError(f"column {case.column}: {case.check} ({case.failure_case})") from None
            told = f"{case.column}: {case.check} ({case.failure_case!r})"
            if case.schema_context == "DataFrameSchema":
                told = str(case.check)
            known = reasons.setdefault(int(case.index), [])
            if told not in known:
                known.append(told)
        return {index: "; ".join(told) for index, told in sorted(reasons.items())}
    return {}


def asks_of(rows: Sequence[dict[str, Any]]) -> list[Ask]:
    """Asks out of checked rows."""
    names = [item.name for item in fields(Ask)]
    texts = [item.name for item in fields(Ask) if item.type == "str"]
    asks = []
    for row in rows:
        values = {name: row[name] for name in names}
        values |= {name: "" if pd.isna(row[name]) else str(row[name]) for name in texts}
        values["is_constrained"] = bool(row["is_constrained"])
        values["state_version"] = int(row["state_version"])
        values["max_latency_ms"] = (
            math.inf if pd.isna(row["max_latency_ms"]) else float(row["max_latency_ms"])
        )
        values["ends_s"] = None if pd.isna(row["ends_s"]) else float(row["ends_s"])
        asks.append(Ask(**values))
    return asks
