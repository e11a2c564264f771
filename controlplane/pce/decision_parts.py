"""The files of the decision log: open parts (JSON lines) and closed ones (parquet), recovery, reading.

A part is ``part-<8 digits>-<UTC time>``; the number alone orders parts. ``.jsonl`` is the part being
written, one row a line, appended; a line with ``amends`` adds columns to a row before it. ``.parquet`` is the
same part closed. A part never counts twice: where
both files stand, the parquet is whole (it came by rename) and the ``.jsonl`` is about to be removed.
Not here: when a part is closed (``decision_log.py``), what a row means (``decision_record.py``).
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from controlplane.pce.decision_record import table_schema

OPEN_SUFFIX = ".jsonl"
CLOSED_SUFFIX = ".parquet"
AMENDS = "amends"  # names the decision whose row a line adds columns to
_PART = re.compile(r"part-(\d{8,})-[^.]*")


def part_stems(folder: Path) -> list[str]:
    """Parts in a folder, oldest first; open and closed alike."""
    stems = {
        file.stem
        for file in folder.glob("part-*")
        if file.suffix in (OPEN_SUFFIX, CLOSED_SUFFIX) and _PART.fullmatch(file.stem)
    }
    return sorted(stems, key=_number)


def next_stem(folder: Path) -> str:
    """A name for a new part, after every part that stands in the folder."""
    stems = part_stems(folder)
    number = _number(stems[-1]) + 1 if stems else 1
    return f"part-{number:08d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The rows of an open part. A last line without its end was never acknowledged and is left out.

    Raises:
        json.JSONDecodeError: a line before the last that is not JSON; names the file and the line.
    """
    rows: list[dict[str, Any]] = []
    by_id: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(f"{file}, line {number}: {error.msg}", error.doc, error.pos) from None
        if AMENDS in row:
            by_id.get(row.pop(AMENDS), {}).update(row)
        else:
            rows.append(row)
            by_id[row["decision_id"]] = row
    return rows


def close_part(open_file: Path) -> Path | None:
    """The parquet file of an open part, written whole before the open part goes; None without rows.

    Safe to be killed at any point and to be repeated: the parquet appears by rename, the JSON lines are
    removed after that.
    """
    closed_file = open_file.with_suffix(CLOSED_SUFFIX)
    if not closed_file.exists():
        rows = read_lines(open_file)
        if not rows:
            open_file.unlink()
            return None
        temporary = open_file.with_suffix(".tmp")
        with temporary.open("wb") as stream:
            pq.write_table(as_table(rows), stream, compression="zstd")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(closed_file)
        sync_folder(open_file.parent)
    open_file.unlink()
    return closed_file


def recover(folder: Path) -> list[Path]:
    """Close what a killed process left open; the parquet files written, oldest first."""
    for temporary in folder.glob("part-*.tmp"):
        temporary.unlink()
    leftovers = [folder / f"{stem}{OPEN_SUFFIX}" for stem in part_stems(folder)]
    closed = [close_part(file) for file in leftovers if file.exists()]
    return [file for file in closed if file is not None]


def read_decisions(folder: Path, last: int | None = None) -> pd.DataFrame:
    """Decisions as a frame, oldest first: closed parts and the open one together.

    May be called while a PCE writes: a row is seen once it has been acknowledged, and once only.

    Args:
        folder: the decision log.
        last: at most this many, the newest.
    """
    return _read_table(folder, last).to_pandas()


def read_rows(folder: Path, last: int) -> list[dict[str, Any]]:
    """The newest rows as they were logged, oldest first; what is missing is None."""
    return _read_table(folder, last).to_pylist()


@dataclass(frozen=True)
class FoundDecisions:
    """Decisions that were looked for.

    Attributes:
        rows: by id; the columns asked for.
        oldest_s: when the oldest decision that was met was asked for, since 1970 UTC; none is older where one
            was not found.
    """

    rows: Mapping[str, Mapping[str, Any]]
    oldest_s: float


def find_decisions(folder: Path, ids: Collection[str], columns: Sequence[str]) -> FoundDecisions:
    """The decisions with these ids, out of the log and of that of a second PCE inside it.

    Parts are read from the newest on until all are found, and of each only these columns.

    Args:
        folder: the decision log.
        ids: looked for.
        columns: beside ``decision_id`` and ``time_s``.
    """
    logs = (folder, *sorted({file.parent for file in folder.glob("*/part-*")}))
    parts = [log / stem for log in logs for stem in part_stems(log)]
    parts.sort(key=lambda part: part.name.rpartition("-")[2], reverse=True)  # by the time that it began
    rows: dict[str, Mapping[str, Any]] = {}
    oldest_s = math.inf
    for part in parts:
        if len(rows) == len(ids):
            break
        table = _part_table(part, ["decision_id", "time_s", *columns])
        if table.num_rows:
            oldest_s = min(oldest_s, pc.min(table["time_s"]).as_py())
        wanted = table.filter(pc.is_in(table["decision_id"], pa.array(ids, pa.string())))
        rows |= {row["decision_id"]: row for row in wanted.to_pylist()}
    return FoundDecisions(rows, oldest_s)


def as_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a typed table; a column that a row does not carry is null there."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=table_schema(rows))


def sync_folder(folder: Path) -> None:
    """Make a rename, a new file or a removal in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_table(folder: Path, last: int | None) -> pa.Table:
    tables: list[pa.Table] = []
    found = 0
    for stem in reversed(part_stems(folder)):
        if last is not None and found >= last:
            break
        tables.insert(0, _part_table(folder / stem))
        found += tables[0].num_rows
    if not tables:
        tables = [as_table([])]
    table = pa.concat_tables(tables, promote_options="default")
    if last is not None and table.num_rows > last:
        table = table.slice(table.num_rows - last)
    return table


def _part_table(stem: Path, columns: Sequence[str] | None = None) -> pa.Table:
    # Closed first; a part closed between the two looks is found at the second look for the parquet.
    for _ in range(2):
        try:
            return pq.read_table(stem.with_suffix(CLOSED_SUFFIX), columns=columns)
        except FileNotFoundError:
            pass
        try:
            table = as_table(read_lines(stem.with_suffix(OPEN_SUFFIX)))
            return table if columns is None else table.select(columns)
        except FileNotFoundError:
            pass
    nothing = as_table([])  # an open part without rows, removed meanwhile
    return nothing if columns is None else nothing.select(columns)


def _number(stem: str) -> int:
    match = _PART.fullmatch(stem)
    return int(match.group(1)) if match else 0
