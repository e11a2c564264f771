"""A few columns of the whole decision log, and single decisions by key; wide rows stay on disk.

The newest rows with everything in them: ``decisions.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

CLOSED, OPEN = ".parquet", ".jsonl"


def read_columns(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Those columns of every decision, oldest first; one that a part does not have is null there."""
    frames = [_columns_of(file, columns) for file in _parts(folder)]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))


def find_decisions(folder: Path, key: str) -> list[dict[str, Any]]:
    """Whole rows of the decisions with this id or for this service, oldest first; nulls are None."""
    found: list[dict[str, Any]] = []
    for file in _parts(folder):
        known = _columns_of(file, ("decision_id", "service_uuid"))
        hit = (known["decision_id"] == key) | (known["service_uuid"] == key)
        if hit.any():
            rows = _read(file)
            found += _records(rows[hit.to_numpy()])
    return found


def _parts(folder: Path) -> Iterator[Path]:
    """Files of the parts, oldest first; of one that stands closed and open the closed one."""
    files = [file for file in folder.glob("part-*") if file.suffix in (CLOSED, OPEN)]
    closed = {file.stem for file in files if file.suffix == CLOSED}
    parts = [file for file in files if file.suffix == CLOSED or file.stem not in closed]
    yield from sorted(parts, key=lambda file: int(file.stem.split("-")[1]))


def _columns_of(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    frame = _read(file, columns)
    return frame.reindex(columns=list(columns)) if len(frame) else pd.DataFrame(columns=list(columns))


def _read(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A part; a part that is closed meanwhile is read closed. The last line of an open one may be half."""
    if file.suffix == OPEN:
        try:
            lines = file.read_text().split("\n")[:-1]
            return pd.DataFrame([json.loads(line) for line in lines])
        except FileNotFoundError:
            file = file.with_suffix(CLOSED)
    if not file.exists():
        return pd.DataFrame()
    known = pq.read_schema(file).names
    return pd.read_parquet(file, columns=None if columns is None else [c for c in columns if c in known])


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    plain = rows.astype(object).where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
