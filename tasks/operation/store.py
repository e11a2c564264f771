"""The operation record on disk: parquet by UTC day, safe to bring up to date twice and to be killed.

``asks`` and ``changes`` are what the logs told, kept here longer than the logs may be; ``requests`` and
``lightpaths`` are joined from them. A file is written whole, and only where its content changes. Not here:
reading the logs (``sources.py``), the join (``lives.py``).
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.locks import only_one
from tasks.operation.lives import lives_of, pending
from tasks.operation.record import (
    ENDING,
    RECORD_SCHEMA_VERSION,
    Ask,
    Life,
    OperationError,
    ToldChange,
    departure_cause,
)
from tasks.operation.sources import Operation, admit, read_changes, read_parts

ABOUT_FILE, REFUSED_FILE, LOCK_FILE = "record.json", "refused.jsonl", ".lock"
WRITING_S = 3.0  # a decision is in its log so long after its request came in
LOCK_WAIT_S = 120.0
_DAY_S = 86_400.0
_TYPES = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
_TYPES["float | None"] = pa.float64()
_NODES = pa.list_(pa.string())


def _schema_of(kind: type) -> pa.Schema:
    return pa.schema([(item.name, _TYPES.get(str(item.type), _NODES)) for item in fields(kind)])


SCHEMAS: Mapping[str, pa.Schema] = {
    "asks": _schema_of(Ask),
    "changes": _schema_of(ToldChange),
    "requests": pa.schema(
        [
            ("service_uuid", pa.string()),
            ("decision_id", pa.string()),  # of the first ask
            ("asked_s", pa.float64()),  # first asked, since 1970 UTC
            ("state_version", pa.int64()),
            ("source", pa.string()),
            ("destination", pa.string()),
            ("bit_rate_gbps", pa.float64()),
            ("max_latency_ms", pa.float64()),  # null: no bound
            ("service_class", pa.string()),
            ("ends_s", pa.float64()),  # as its client told it, since 1970 UTC; null: not told
            ("is_constrained", pa.bool_()),
            ("num_asks", pa.int64()),
            ("outcome", pa.string()),  # of the first ask: carried, blocked, failed
            ("reason", pa.string()),  # why blocked; null otherwise
            ("decided_by", pa.string()),
            ("fallback_reason", pa.string()),
            ("policy", pa.string()),
            ("model_version", pa.string()),
            ("num_lightpaths", pa.int64()),
            ("set_up_s", pa.float64()),  # first lightpath; null: never carried
            ("departed_s", pa.float64()),  # null: still up, or never carried
            ("departure_cause", pa.string()),  # deleted, ended, cut; null as departed_s
            ("is_censored", pa.bool_()),  # it was not seen to end
        ]
    ),
    "lightpaths": pa.schema(
        [
            ("service_uuid", pa.string()),
            ("request_id", pa.string()),  # decision_id of the request; null: its decision is not in the log
            ("number", pa.int64()),  # in the service's life, from 0
            ("decision_id", pa.string()),
            ("nodes", _NODES),
            ("first_slot", pa.int64()),
            ("num_slots", pa.int64()),
            ("modulation_format", pa.string()),
            ("bit_rate_gbps", pa.float64()),
            ("service_class", pa.string()),
            ("set_up_version", pa.int64()),
            ("set_up_s", pa.float64()),
            ("set_up_cause", pa.string()),  # create, restore, move
            ("departed_version", pa.int64()),  # null, here and below: still up
            ("departed_s", pa.float64()),
            ("departure_cause", pa.string()),  # deleted, cut, restored elsewhere, moved
        ]
    ),
}


_OF_ASK = tuple(item.name for item in fields(Ask) if item.name in SCHEMAS["requests"].names)
_OF_CHANGE = tuple(item.name for item in fields(ToldChange) if item.name in SCHEMAS["lightpaths"].names)


@dataclass(frozen=True)
class Record:
    """The operation record as it stands.

    Attributes:
        store: identity of the controller's database.
        asks: decisions for services, in order of time.
        changes: the change log since ``forgotten_s``, and what stands still of before.
        settled_s: nothing that happened before this moment is missing; since 1970 UTC.
        num_refused: rows of the decision log that are kept aside.
        forgotten_s: of what came before this moment only what stood then is known; since 1970 UTC.
    """

    store: str
    asks: tuple[Ask, ...]
    changes: tuple[ToldChange, ...]
    settled_s: float
    num_refused: int
    forgotten_s: float = 0.0


def bring_up_to_date(
    operation: Operation,
    topology_hash: str,
    until_s: float = math.inf,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Record:
    """The record with everything that the logs tell now, written to its folder.

    Args:
        operation: the logs, and the folder.
        topology_hash: of the network in service.
        until_s: what happened before this moment must be in it: where that is less than three seconds ago,
            the rows that are being written are waited for.
        clock: tells the time, since 1970 UTC; replaced in tests.
        sleep: waits; replaced in tests.

    Raises:
        OperationError: the controller does not answer, or a log does not fit the record.
        BusyError: another process has been at it for two minutes.
    """
    folder = operation.record
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / LOCK_FILE, "bring the operation record up to date", LOCK_WAIT_S):
        wait_s = min(until_s, clock()) + WRITING_S - clock()
        if wait_s > 0:
            sleep(wait_s)
        settled_s = clock() - WRITING_S
        about = read_about(folder)
        known_asks = {ask.decision_id: ask for ask in read_table(folder, "asks", Ask)}
        known = {change.version: change for change in read_table(folder, "changes", ToldChange)}
        since = int(about.get("version", 0))
        # Decisions are read first: every lightpath that one of them led to is then in the change log, or
        # never.
        parts = frozenset(about.get("parts", ()))
        told = read_parts(operation.decisions, parts)
        read = read_changes(operation, since, clock())
        if about.get("store", read.store) != read.store:
            raise OperationError(
                f"{folder}: the record is of the database {about['store']}, the controller has {read.store}; "
                "move the record aside to begin a new one"
            )
        known |= {change.version: change for change in read.changes}
        changes = tuple(known[version] for version in sorted(known))
        found, refused = admit(told.frame, changes, topology_hash)
        for ask in found:
            known_asks.setdefault(ask.decision_id, ask)
        asks = sorted(known_asks.values(), key=lambda ask: (ask.time_s, ask.decision_id))
        under_way = pending(asks, changes, clock())
        settled_s = min([settled_s, *(ask.time_s for ask in under_way)])
        open_ids = {ask.decision_id for ask in under_way}
        settled = tuple(ask for ask in asks if ask.decision_id not in open_ids)
        num_refused = _keep_refused(folder, refused)
        # A part with a request that is under way is read again.
        closed = parts if under_way else told.closed
        forgotten_s = max(float(about.get("forgotten_s", 0.0)), read.forgotten_s)
        new = {
            "schema_version": RECORD_SCHEMA_VERSION,
            "store": read.store,
            "version": read.version,
            "asks": len(settled),
            "parts": sorted(closed),
            "forgotten_s": forgotten_s,
        }
        if new != about:  # it is written last: where it stands, the days do
            write_tables(folder, settled, changes)
        write_about(folder, new)
    return Record(read.store, settled, changes, settled_s, num_refused, forgotten_s)


def read_table(folder: Path, name: str, kind: type | None = None) -> list[Any]:
    """The rows of a table of the record, all days, oldest first; as ``kind``, or as dictionaries.

    Raises:
        OperationError: a file that cannot be read.
    """
    rows: list[Any] = []
    for file in sorted(folder.glob(f"day=*/{name}.parquet")):
        try:
            found = pq.ParquetFile(file).read().to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise OperationError(f"{file}: not a readable parquet file: {error}; remove it") from None
        rows += found
    if kind is None:
        return rows
    if kind is ToldChange:
        return [ToldChange.read(row) for row in rows]
    return [kind(**row) for row in rows]


def request_row(life: Life) -> dict[str, Any] | None:
    """A life as a row of ``requests``; None where nobody was seen to ask for it."""
    first = life.first
    if first is None:
        return None
    row = {name: getattr(first, name) or None for name in _OF_ASK}
    row |= {"state_version": first.state_version, "is_constrained": first.is_constrained}
    row["max_latency_ms"] = first.max_latency_ms if math.isfinite(first.max_latency_ms) else None
    removed = life.deleted or life.removed
    return row | {
        "asked_s": first.time_s,
        "num_asks": life.num_asks,
        "outcome": life.outcome,
        "num_lightpaths": len(life.spans),
        "set_up_s": life.spans[0].added.time_s if life.spans else None,
        "departed_s": removed.time_s if removed else None,
        "departure_cause": ENDING[life.deleted.cause] if life.deleted else "cut" if removed else None,
        "is_censored": life.deleted is None,
    }


def lightpath_rows(life: Life) -> list[dict[str, Any]]:
    """The rows of ``lightpaths`` of a life."""
    rows = []
    for number, span in enumerate(life.spans):
        added, removed = span.added, span.removed
        rows.append(
            {name: getattr(added, name) for name in _OF_CHANGE}
            | {
                "request_id": life.first.decision_id if life.first else None,
                "number": number,
                "set_up_version": added.version,
                "set_up_s": added.time_s,
                "set_up_cause": added.cause,
                "departed_version": removed.version if removed else None,
                "departed_s": removed.time_s if removed else None,
                "departure_cause": departure_cause(span, number + 1 == len(life.spans)) or None,
            }
        )
    return rows


def write_tables(folder: Path, asks: Sequence[Ask], changes: Sequence[ToldChange]) -> None:
    """All tables, out of these asks and changes and nothing else; what they are made of comes last."""
    lives = lives_of(asks, changes)
    requests = [row for row in map(request_row, lives) if row is not None]
    lightpaths = [row for life in lives for row in lightpath_rows(life)]
    _write_days(folder, "requests", requests, "asked_s")
    _write_days(folder, "lightpaths", sorted(lightpaths, key=lambda row: row["set_up_version"]), "set_up_s")
    _write_days(folder, "asks", map(vars, asks), "time_s")
    _write_days(folder, "changes", map(vars, changes), "time_s")


def _write_days(folder: Path, name: str, rows: Iterable[Mapping[str, Any]], time_column: str) -> None:
    by_day: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_day[int(row[time_column] // _DAY_S)].append(row)
    written = set()
    for number, of_day in by_day.items():
        day = f"{datetime.fromtimestamp(number * _DAY_S, UTC):%Y-%m-%d}"
        table = pa.Table.from_pylist(of_day, SCHEMAS[name]).replace_schema_metadata(
            {"operation_schema_version": str(RECORD_SCHEMA_VERSION)}
        )
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd")
        file = folder / f"day={day}" / f"{name}.parquet"
        _replace(file, content.getvalue())
        written.add(file)
    for file in set(folder.glob(f"day=*/{name}.parquet")) - written:
        file.unlink()
        with contextlib.suppress(OSError):  # another table has rows of that day
            file.parent.rmdir()


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Store what the record says of itself."""
    _replace(folder / ABOUT_FILE, json.dumps(about, indent=1).encode())


def _keep_refused(folder: Path, refused: list[dict[str, Any]]) -> int:
    file = folder / REFUSED_FILE
    lines = set(file.read_text().splitlines()) if file.exists() else set()
    lines |= {json.dumps(row, sort_keys=True, default=str) for row in refused}
    if lines:
        _replace(file, "".join(f"{line}\n" for line in sorted(lines)).encode())
    return len(lines)


def read_about(folder: Path) -> dict[str, Any]:
    """What the record says of itself; empty where there is none.

    Raises:
        OperationError: it cannot be read, or is of another schema version.
    """
    file = folder / ABOUT_FILE
    if not file.exists():
        return {}
    try:
        about = dict(json.loads(file.read_text()))
    except ValueError as error:
        raise OperationError(f"{file}: not JSON: {error}; remove the file, the logs are read anew") from None
    if about.get("schema_version") != RECORD_SCHEMA_VERSION:
        raise OperationError(
            f"{file}: of another schema version than {RECORD_SCHEMA_VERSION}; move the record aside"
        )
    return about


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole; one that holds the same is left alone."""
    if file.exists() and file.read_bytes() == content:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OperationError(f"{file}: cannot be written: {error.strerror}") from None
