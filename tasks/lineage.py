"""Where a decision or a version comes from: a chain of links, walked through what is stored.

Read only: the decision log, the promotion log, MLflow over REST, the trace store, and Prefect through a
function that is given. A link that should be there and is not says why; the rest of the chain is told all the
same. Not here: how it is printed (``lightloop/commands/lineage.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.window import ABOUT_FILE, LIVE_FILE, TRACE_FOLDER
from tasks.decision_columns import find_decisions
from tasks.history import in_utc, stretches
from tasks.promotions import Promotion
from tasks.registry_reader import (
    FLOW_RUN_TAG,
    KeptRun,
    KeptVersion,
    RegistryReader,
    RegistryReadError,
    promised_blocking,
)

COMMIT_TAG = "mlflow.source.git.commit"
SEED = "training.seed"
TRAINING, EVALUATION = "training", "evaluation"
WINDOW_TAGS = {  # of a run that learned from what the network lived through
    "window": "the whole",
    "window.learned": "its earlier part, learned from",
    "window.held_out": "its later part, judged on",
}
OF_DECISION = (
    *("service_uuid", "cause", "service_class", "source", "destination", "bit_rate_gbps", "max_latency_ms"),
    *("outcome", "reason", "nodes", "first_slot", "num_slots", "modulation_format", "latency_ms"),
    *("decided_by", "fallback_reason", "policy", "model_version", "forecast", "state_version", "topology"),
)
OF_VERSION = (
    *("policy", "kind", "gate", "forecast", "scenario", "topology", "topology_hash"),
    "feature_schema_version",
)


class LineageError(ValueError):
    """Nothing is known under the name that was given; says where was looked."""


@dataclass(frozen=True)
class Ancestor:
    """One thing on the way back and what it comes from.

    Attributes:
        what: kind of thing, e.g. ``decision`` or ``trace``.
        name: which.
        facts: what is known of it.
        missing: why it cannot be had; empty where it can.
        comes_from: what stands behind it.
    """

    what: str
    name: str
    facts: Mapping[str, Any]
    missing: str = ""
    comes_from: tuple[Ancestor, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As scripts get it."""
        return {
            "what": self.what,
            "name": self.name,
            "facts": dict(self.facts),
            "missing": self.missing or None,
            "comes_from": [link.to_json() for link in self.comes_from],
        }

    def all_missing(self) -> Iterator[str]:
        """What is missing in it and behind it, in words."""
        if self.missing:
            yield f"{self.what} {self.name}: {self.missing}"
        for link in self.comes_from:
            yield from link.all_missing()


@dataclass(frozen=True)
class Sources:
    """What is walked through.

    Attributes:
        decisions: folder of the decision log.
        traces: the trace store.
        windows: folder of the windows of operation.
        promotions: of the running model, oldest first.
        registry: of the running model.
        flow_run: facts of a Prefect flow run by its id; None where Prefect has none; raises ``ValueError``
            where it cannot be asked.
    """

    decisions: Path
    traces: Path
    windows: Path
    promotions: Sequence[Promotion]
    registry: RegistryReader
    flow_run: Callable[[str], Mapping[str, Any] | None]


def lineage(word: str, sources: Sources) -> Ancestor:
    """The chain behind a version (its number, ``@champion``), a decision (its id) or a service (its UUID).

    Raises:
        LineageError: there is nothing of that name.
    """
    if word.isdigit():
        return _version(word, sources, must_be_there=True)
    if word.startswith("@"):
        return _version(_aliased(word, sources), sources)
    rows = find_decisions(sources.decisions, word.lower()) or find_decisions(sources.decisions, word)
    if not rows:
        raise LineageError(
            f"no decision or service {word!r} in {sources.decisions}: give an id of the decision log, the "
            "UUID of a service, a version's number, or @champion. Decisions older than "
            "retention.decisions_days are deleted"
        )
    carried = [row for row in rows if row["outcome"] == "accepted"]
    return _decision((carried or rows)[-1], len(rows), sources)


def _aliased(word: str, sources: Sources) -> str:
    served = [item.version for item in stretches(sources.promotions)]
    try:
        aliases = sources.registry.aliases()
    except RegistryReadError as error:
        if word == "@champion" and served:
            return served[-1]
        raise LineageError(f"{word}: {error}") from None
    if word[1:] not in aliases:
        known = ", ".join(f"@{name}" for name in sorted(aliases)) or "none"
        raise LineageError(f"model {sources.registry.model_name} has no alias {word}; there: {known}")
    return aliases[word[1:]]


def _decision(row: Mapping[str, Any], num_rows: int, sources: Sources) -> Ancestor:
    facts = {"time": in_utc(row["time_s"])} | _known(row, OF_DECISION)
    if num_rows > 1:
        facts["decisions_for_this_service"] = num_rows
    behind: tuple[Ancestor, ...] = ()
    if row["decided_by"] == "model":
        behind = (_version(str(row["model_version"]), sources),)
    elif row["decided_by"] == "fallback":
        why = {"reason": row["fallback_reason"], "note": "a heuristic of this code; no model was used"}
        behind = (Ancestor("fallback", str(row["policy"]), why),)
    return Ancestor("decision", str(row["decision_id"]), facts, comes_from=behind)


def _version(number: str, sources: Sources, must_be_there: bool = False) -> Ancestor:
    name = f"{sources.registry.model_name} {number}"
    try:
        found = sources.registry.version(number)
    except RegistryReadError as error:
        return Ancestor("version", name, _served(number, sources), missing=str(error))
    if found is None:
        served = _served(number, sources)
        if must_be_there and not served:
            raise LineageError(f"model {sources.registry.model_name} has and had no version {number}")
        return Ancestor(
            "version", name, served, missing="deleted in MLflow, and with it the run it came from"
        )
    facts = {"made": in_utc(found.made_s)} | _known(found.tags, OF_VERSION) | _served(number, sources)
    return Ancestor("version", name, facts, comes_from=(_run(found, sources),))


def _served(number: str, sources: Sources) -> dict[str, Any]:
    """When a version served and why it came, by the promotion log."""
    mine = [item for item in stretches(sources.promotions) if item.version == number]
    if not mine:
        return {}
    spans = [f"{in_utc(item.from_s)} to {in_utc(item.to_s) if item.to_s else 'now'}" for item in mine]
    return {"served": spans, "promoted": mine[0].came[1]}


def _run(version: KeptVersion, sources: Sources) -> Ancestor:
    if not version.run_id:
        return Ancestor("run", "?", {}, missing="the version was registered without one")
    try:
        run = sources.registry.run(version.run_id)
    except RegistryReadError as error:
        return Ancestor("run", version.run_id, {}, missing=str(error))
    if run is None:
        return Ancestor("run", version.run_id, {}, missing="MLflow has no such run any more: it was deleted")
    facts: dict[str, Any] = {"name": run.name, "status": run.status}
    facts |= {"reason": run.tags["reason"]} if run.tags.get("reason") else {}
    facts |= {"in MLflow's bin": "somebody deleted it; mlflow gc will empty it"} if run.is_deleted else {}
    behind = [_gate(run), _commit(run), _seed(run)]
    behind += [*_traces(run, sources), *_windows(run, sources.windows), *_flow_run(run, sources)]
    return Ancestor("run", run.run_id, facts, comes_from=tuple(behind))


def _gate(run: KeptRun) -> Ancestor:
    facts: dict[str, Any] = {}
    if (promised := promised_blocking(run.metrics)) is not None:
        facts["request_blocking"] = promised
    if "gate" in run.tags:
        facts |= {"verdict": run.tags.get("gate.verdict", ""), "report": "gate/report.json of the run"}
        facts |= {"approval": run.tags["approval"]} if "approval" in run.tags else {}
        return Ancestor("gate", run.tags["gate"], facts)
    if run.tags.get("kind") == TRAINING:
        return Ancestor("gate", "?", facts, missing="no verdict: the training did not come to its gate")
    return Ancestor("gate", "none", facts | {"note": "a first champion is chosen in a quick evaluation"})


def _commit(run: KeptRun) -> Ancestor:
    commit = run.tags.get(COMMIT_TAG, "")
    if not commit or commit == "unknown":
        return Ancestor("commit", "?", {}, missing="the run was made outside a git checkout")
    dirty = commit.endswith("-dirty")
    facts = {"note": "the working tree differed from it"} if dirty else {}
    return Ancestor("commit", commit.removesuffix("-dirty"), facts)


def _seed(run: KeptRun) -> Ancestor:
    if (seed := run.parameters.get(SEED)) is None:
        return Ancestor("seed", "?", {}, missing=f"the run has no parameter {SEED}")
    return Ancestor("seed", seed, {"configuration": "config.yaml of the run"})


def _traces(run: KeptRun, sources: Sources) -> Iterator[Ancestor]:
    if not run.datasets.get(TRAINING):
        yield Ancestor("trace", "?", {}, missing="the run names no dataset that it was trained on")
    for purpose, ids in run.datasets.items():
        if purpose == EVALUATION:
            yield Ancestor("evaluation", f"{len(ids)} held-out traces", {"traces": list(ids)})
            continue
        for trace_id in ids:
            yield _trace(trace_id, purpose, sources.traces)


def _trace(trace_id: str, purpose: str, folder: Path) -> Ancestor:
    import pyarrow.parquet as pq

    file = folder / f"{trace_id}.parquet"
    if not file.exists():
        return Ancestor("trace", trace_id, {"purpose": purpose}, missing=f"it is not in {folder} any more")
    rows = pq.ParquetFile(file).metadata.num_rows
    return Ancestor("trace", trace_id, {"purpose": purpose, "requests": rows, "file": str(file)})


def _windows(run: KeptRun, folder: Path) -> Iterator[Ancestor]:
    """The windows that a run learned from and was judged on, with what of them is still on disk."""
    for tag, purpose in WINDOW_TAGS.items():
        if window_id := run.tags.get(tag):
            yield _window(window_id, purpose, folder)


def _window(window_id: str, purpose: str, folder: Path) -> Ancestor:
    import pyarrow.parquet as pq

    place, facts = folder / window_id, {"purpose": purpose}
    parts = (ABOUT_FILE, LIVE_FILE, TRACE_FOLDER)
    gone = [name for name in parts if not (place / name).exists()]
    if len(gone) == len(parts):
        return Ancestor("window", window_id, facts, missing=f"it is not in {folder} any more")
    if gone:
        left = [name for name in parts if name not in gone]
        said = f"{', '.join(gone)} is not in {place} any more; there: {', '.join(left)}"
        return Ancestor("window", window_id, facts, missing=said)
    about = json.loads((place / ABOUT_FILE).read_text())
    span = {"began": in_utc(about["began_s"]), "ended": in_utc(about["began_s"] + about["duration_s"])}
    rows = pq.ParquetFile(place / LIVE_FILE).metadata.num_rows
    return Ancestor("window", window_id, facts | span | {"requests": rows, "folder": str(place)})


def _flow_run(run: KeptRun, sources: Sources) -> Iterator[Ancestor]:
    run_id = run.tags.get(FLOW_RUN_TAG)
    if not run_id:
        if run.tags.get("kind") == TRAINING:
            yield Ancestor("flow run", "?", {}, missing=f"the run has no tag {FLOW_RUN_TAG}")
        return
    try:
        found = sources.flow_run(run_id)
    except ValueError as error:
        yield Ancestor("flow run", run_id, {}, missing=str(error))
        return
    if found is None:
        yield Ancestor("flow run", run_id, {}, missing="Prefect forgot it (retention.prefect_runs_days)")
        return
    yield Ancestor("flow run", run_id, found)


def _known(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The values that are there, by name."""
    return {name: value for name in names if not _is_nothing(value := values.get(name))}


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
