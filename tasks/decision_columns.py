"""A few columns of the whole decision log, and single decisions by key; wide rows stay on disk.

The newest rows with everything in them: ``decisions.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from tasks.decisions import decision_parts, logs_of, read_part

CLOSED = ".parquet"


def read_columns(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Those columns of every decision, oldest first; one that a part does not have is null there."""
    frames = [_columns_of(file, columns) for file in decision_parts(folder).values()]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))


def read_columns_after(folder: Path, columns: Sequence[str], after_s: float) -> pd.DataFrame:
    """Those columns of the decisions on requests that came in after a time, in order of arrival.

    Args:
        folder: the decision log.
        columns: which; ``time_s`` among them.
        after_s: since 1970-01-01 UTC.
    """
    frames: list[pd.DataFrame] = []
    for parts in logs_of(folder):
        for file in reversed(parts.values()):
            frame = _columns_of(file, columns)
            if len(frame):
                frames.insert(0, frame[frame["time_s"] > after_s].astype(object))
                if frame["time_s"].min() <= after_s:
                    break
    if not any(len(frame) for frame in frames):
        return pd.DataFrame(columns=list(columns))
    return pd.concat(frames, ignore_index=True).sort_values("time_s", kind="stable", ignore_index=True)


def find_decisions(folder: Path, key: str) -> list[dict[str, Any]]:
    """Whole rows of the decisions with this id or for this service, oldest first; nulls are None."""
    found: list[dict[str, Any]] = []
    for file in decision_parts(folder).values():
        known = _columns_of(file, ("decision_id", "service_uuid"))
        hit = (known["decision_id"] == key) | (known["service_uuid"] == key)
        if hit.any():
            rows = _read(file).iloc[: len(hit)]  # it may have grown meanwhile
            found += _records(rows[hit.to_numpy()])
    return found


def _columns_of(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    frame = _read(file, columns)
    return frame.reindex(columns=list(columns)) if len(frame) else pd.DataFrame(columns=list(columns))


def _read(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A part, of a closed one those columns only; one that is closed meanwhile is read closed."""
    if columns is None or file.suffix != CLOSED:
        return read_part(file)
    known = pq.read_schema(file).names
    return pd.read_parquet(file, columns=[name for name in columns if name in known])


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    plain = rows.astype(object).where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
