"""Where the record comes from: the PCE's decision log on disk, the controller's change log over HTTP.

What does not fit the schema is refused at this border: a decision is kept aside with the reason, a change
ends the reading, for a change log with a hole tells nothing. Not here: joining (``lives.py``), files
(``store.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from configs.addresses import OneOf
from configs.tls import client_context
from tasks.decisions import decision_parts, read_part
from tasks.operation.lives import times_around
from tasks.operation.record import ASKS, CHANGES, Ask, OperationError, ToldChange, asks_of, failures

_NUMBERS = ("time_s", "state_version", "bit_rate_gbps", "max_latency_ms", "ends_s")
_TIMEOUT_S = 60.0
CLOCK_TOLERANCE_S = 60.0


@dataclass(frozen=True)
class Operation:
    """The running network as tasks see it, and where its record is kept.

    Attributes:
        controller_urls: base addresses of the controllers; whichever is in charge is asked.
        token: bearer token between our own processes.
        decisions: folder of the decision log.
        record, windows, traces: folders of the operation record, of windows, of traces.
        certificate: file of the controller's certificate; empty: it has none, or one that the system trusts.
    """

    controller_urls: tuple[str, ...]
    token: str
    decisions: Path
    record: Path
    windows: Path
    traces: Path
    certificate: str = ""


@dataclass(frozen=True)
class ReadChanges:
    """What the controller told.

    Attributes:
        store: identity of its database.
        version: the last one told.
        changes: those after the version that was asked for, in order of version.
        forgotten_s: of what came before this moment only what stood then is told; since 1970 UTC.
    """

    store: str
    version: int
    changes: tuple[ToldChange, ...]
    forgotten_s: float = 0.0


@dataclass(frozen=True)
class ReadParts:
    """Rows of parts of the decision log that were not known, and the parts that will not change any more."""

    frame: pd.DataFrame
    closed: frozenset[str]


def read_changes(operation: Operation, since: int, now_s: float) -> ReadChanges:
    """The controller's changes after a version, read page by page.

    A new record (``since`` 0) of a controller that has compacted its log begins with what stands now.

    Args:
        operation: whose controller.
        since: what the record has.
        now_s: since 1970 UTC.

    Raises:
        OperationError: it does not answer, tells what is not as agreed, or does not remember what came after
            the version: a record with a gap is not made.
    """
    try:
        return _changes_after(operation, since)
    except _GoneError as error:
        if since > 0:
            raise OperationError(str(error)) from None
    begin = _standing(operation, now_s)
    after = _changes_after(operation, begin.version)
    return ReadChanges(after.store, after.version, begin.changes + after.changes, begin.forgotten_s)


def _changes_after(operation: Operation, since: int) -> ReadChanges:
    changes: list[ToldChange] = []
    version = since
    while True:
        page = _page(operation, version)
        changes += changes_of(page.get("changes", []), version)
        reached, last = int(page.get("version", 0)), int(page.get("last", 0))
        if reached >= last:
            return ReadChanges(str(page.get("store", "")), reached, tuple(changes))
        if reached <= version:
            raise OperationError(f"the controller's change log does not go on after version {version}")
        version = reached


def _standing(operation: Operation, now_s: float) -> ReadChanges:
    """What stands at one version, as the changes that made it; what a snapshot gives no time happened now."""
    told: list[dict[str, Any]] = []
    asked: dict[str, int] = {}
    while True:
        page = _asked(operation, "/snapshot", asked)
        told += [dict(document) for document in page.get("changes", ())]
        if page["next"] is None:
            break
        asked = {"version": int(page["version"]), "after": int(page["next"])}
    version, taken = int(page["version"]), {document["version"] for document in told}
    unused = (number for number in range(1, version + 1) if number not in taken)
    for document in told:
        if not document["version"]:  # cut links, and what an older version of the controller set up
            document |= {"version": next(unused), "time_s": now_s}
            document.setdefault("cause", "create")
    told.sort(key=lambda document: document["version"])
    return ReadChanges(str(page["store"]), version, tuple(_told(told)), now_s)


def _page(operation: Operation, since: int) -> dict[str, Any]:
    return _asked(operation, "/changes", {"since": since})


class _GoneError(OperationError):
    """The controller does not keep what was asked for."""


def _asked(operation: Operation, path: str, params: dict[str, int]) -> dict[str, Any]:
    urls = operation.controller_urls
    headers = {"Authorization": f"Bearer {operation.token}"}
    try:
        transport = OneOf(urls, verify=client_context(operation.certificate))
        with httpx.Client(
            base_url=urls[0], transport=transport, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            answer = client.get(path, params=params, headers=headers)
        if answer.status_code != httpx.codes.GONE:
            answer.raise_for_status()
            return dict(answer.json())
    except httpx.HTTPStatusError as error:
        raise OperationError(f"the controller answers {error.response.status_code} to {path}") from None
    except (httpx.HTTPError, ValueError) as error:
        raise OperationError(
            f"the controller at {' or '.join(urls)} does not answer ({error!r}); "
            "`lightloop status` says what runs"
        ) from None
    raise _GoneError(
        f"{operation.record}: the record has the change log up to version {params.get('since', 0)}, and the "
        "controller does not know what came next: its database is another one, or the record was not brought "
        "up to date for longer than retention.changes_days. Move the record aside to begin a new one"
    )


def changes_of(documents: Iterable[Any], since: int) -> list[ToldChange]:
    """Changes out of what ``GET /changes`` tells.

    Raises:
        OperationError: one does not fit, or one is missing; names it.
    """
    changes = _told(documents)
    for number, change in enumerate(changes, start=since + 1):
        if change.version != number:
            raise OperationError(f"the controller's change log has {change.version} in place of {number}")
    return changes


def _told(documents: Iterable[Any]) -> list[ToldChange]:
    rows = [_change_row(document) for document in documents]
    if not rows:
        return []
    frame = pd.DataFrame(rows).astype({"nodes": object})
    bad = failures(_plain(frame), CHANGES)
    if bad:
        index, why = next(iter(bad.items()))
        raise OperationError(f"the controller's change {rows[index]['version']} is not as agreed: {why}")
    return [ToldChange.read(row) for row in rows]


def read_parts(folder: Path, known: frozenset[str]) -> ReadParts:
    """The parts of the decision log that are not known yet; known ones that are gone are forgotten."""
    frames, closed = [], set()
    for name, file in decision_parts(folder).items():
        if name in known:
            closed.add(name)
        else:
            frames.append(read_part(file).reindex(columns=list(ASKS.columns)))
            if file.suffix == ".parquet":
                closed.add(name)
    frames = [frame.astype(object) for frame in frames if len(frame)]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return ReadParts(frame, frozenset(closed))


def admit(
    frame: pd.DataFrame, changes: tuple[ToldChange, ...], topology_hash: str
) -> tuple[list[Ask], list[dict[str, Any]]]:
    """The decisions for services, and the rows refused, each with ``refused_because``.

    Paths computed for no service are neither.

    Args:
        frame: rows of the decision log.
        changes: the whole change log; a decision must fit its times.
        topology_hash: of the network in service; another network's decisions are refused.
    """
    if frame.empty:
        return [], []
    frame = frame.reindex(columns=list(ASKS.columns)).reset_index(drop=True)
    for name in _NUMBERS:
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    by_hand = frame["service_uuid"].isna() & frame["is_constrained"].notna()
    frame = _plain(frame[~by_hand].reset_index(drop=True))
    if frame.empty:
        return [], []
    reasons = failures(frame, ASKS)
    for index in frame.index[frame["is_constrained"].isna()]:
        reasons[int(index)] = "logged before decisions named their service (decision schema 3)"
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    asks = []
    for index, row in enumerate(rows):
        if index not in reasons:
            (ask,) = asks_of([row])
            why = _misfit(ask, changes, topology_hash)
            if why:
                reasons[index] = why
            else:
                asks.append(ask)
    refused = [_json_row(rows[index]) | {"refused_because": why} for index, why in sorted(reasons.items())]
    return asks, refused


def _misfit(ask: Ask, changes: tuple[ToldChange, ...], topology_hash: str) -> str:
    """Why a decision does not belong to this network and its change log; empty where it does."""
    if ask.topology_hash != topology_hash:
        return f"topology_hash: {ask.topology_hash} is not the network in service, {topology_hash}"
    version, last = ask.state_version, changes[-1].version if changes else 0
    came_s, left_s = times_around(version, changes)
    if version > last:
        return f"state_version: {version}, the change log ends at {last}"
    if ask.time_s < came_s - CLOCK_TOLERANCE_S:
        return f"time_s: earlier than change {version}, which it was taken after"
    if ask.time_s > left_s + CLOCK_TOLERANCE_S:
        return f"time_s: later than change {version + 1}, which it was taken before"
    return ""


def _change_row(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict) or not {"version", "time_s", "kind", "cause", "nodes"} <= set(document):
        raise OperationError(f"the controller's change {str(document)[:200]} is not as agreed")
    is_service = "service_uuid" in document
    return {
        "version": document["version"],
        "time_s": document["time_s"],
        "kind": document["kind"],
        "cause": document["cause"],
        "nodes": list(document["nodes"]),
        "service_uuid": document.get("service_uuid", ""),
        "service_class": document.get("service_class", "any") if is_service else "",
        "decision_id": document.get("decision_id", ""),
        "first_slot": document.get("first_slot", 0),
        "num_slots": document.get("num_slots", 0),
        "modulation_format": document.get("modulation_format", ""),
        "bit_rate_gbps": float(document.get("bit_rate_gbps", 0.0)),
    }


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as objects and nothing as None, so that one schema reads what JSON and what parquet tell."""
    numbers = frame.select_dtypes("number").columns
    texts = [name for name in frame.columns if name not in numbers]
    plain = frame.copy()
    for name in texts:
        values = frame[name].astype(object)
        plain[name] = values.where(values.map(_is_there), None)
    return plain


def _is_there(value: Any) -> bool:
    return not (value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA)


def _json_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if _is_there(value) else None for name, value in row.items()}
