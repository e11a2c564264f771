"""Reads the PCE's decision log: closed parts (parquet) and the open one (JSON lines), oldest first.

A second PCE has a log of its own in a folder inside; the logs are read as one, in order of time. The form is
the PCE's (``controlplane/pce/decision_log.py``); the two sides share the files, no code.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd


def read_decision_log(folder: Path, last: int) -> pd.DataFrame:
    """At most ``last`` decisions, the newest, in order. A frame without rows where none was ever taken.

    A part is read closed where it is closed; the last line of the open part counts only with its line end.
    """
    logs = [_newest(parts, last) for parts in logs_of(folder)]
    logs = [frame for frame in logs if len(frame)]
    if len(logs) <= 1:
        return logs[0] if logs else pd.DataFrame()
    return pd.concat(logs).sort_values("time_s", kind="stable", ignore_index=True).tail(last)


def _newest(parts: Mapping[str, Path], last: int) -> pd.DataFrame:
    frames: list[pd.DataFrame] = []
    found = 0
    for frame in _parts_backwards(parts):
        frames.insert(0, frame)
        found += len(frame)
        if found >= last:
            break
    return pd.concat(frames, ignore_index=True).tail(last) if frames else pd.DataFrame()


def _parts_backwards(parts: Mapping[str, Path]) -> Iterator[pd.DataFrame]:
    """Each part that has a row, the newest first."""
    for stem in reversed(list(parts)):
        frame = read_part(parts[stem])
        if len(frame):
            yield frame


def decision_parts(folder: Path) -> dict[str, Path]:
    """Parts of all logs by name, oldest first; where a part stands closed and open, the closed file."""
    logs = [parts.items() for parts in logs_of(folder)]
    return dict(heapq.merge(*logs, key=lambda item: item[0].rsplit("-", 1)[1]))  # the time that it began


def logs_of(folder: Path) -> list[dict[str, Path]]:
    """The parts of each log, as ``decision_parts`` has them: of the folder's own first."""
    inside = sorted({file.parent for file in folder.glob("*/part-*")})
    return [_parts_in(folder, ""), *(_parts_in(log, f"{log.name}/") for log in inside)]


def _parts_in(folder: Path, prefix: str) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    for file in sorted(folder.glob("part-*")):
        if file.suffix == ".parquet" or (file.suffix == ".jsonl" and file.stem not in parts):
            parts[file.stem] = file
    return {prefix + name: parts[name] for name in sorted(parts, key=lambda name: int(name.split("-")[1]))}


def read_part(file: Path) -> pd.DataFrame:
    """The rows of a part; the last line of an open one counts only with its line end.

    A line with ``amends`` adds columns to the row of that decision.
    """
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        rows: list[dict[str, Any]] = []
        by_id: dict[str, dict[str, Any]] = {}
        for line in file.read_text().split("\n")[:-1]:
            row = json.loads(line)
            if "amends" in row:
                by_id.get(row.pop("amends"), {}).update(row)
            else:
                rows.append(row)
                by_id[row.get("decision_id", "")] = row
        return pd.DataFrame(rows)
    except FileNotFoundError:  # closed between the listing and the reading
        closed = file.with_suffix(".parquet")
        return pd.read_parquet(closed) if closed.exists() else pd.DataFrame()
