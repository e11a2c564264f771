"""What an installation may forget: what nobody has used for as long as it was told to keep such things.

Rules over a folder and over what is in use. What a registered version refers to is in use for ever; so is
what a flow run that has not ended has touched. A trace that cannot be made again (one given by a person)
stays. Not here: who is asked what is in use, and when (``deployments/tidy.py``), MLflow's runs
(``kept_runs.py``).
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from envs.window import ABOUT_FILE
from tasks.decisions import decision_parts
from tasks.operation.forget import forget, forgettable_bytes
from tasks.operation.store import read_about
from tasks.progress_log import progress_log_of

DAY_S = 86_400.0
# Why a training folder stays: the progress log of one that made a version says so.
VERSION_EVENT = "version"


@dataclass(frozen=True)
class InUse:
    """What must stay, whatever its age."""

    mlflow_runs: frozenset[str] = frozenset()  # that a registered version comes from
    traces: frozenset[str] = frozenset()  # ids: datasets of those runs
    flow_runs: frozenset[str] = frozenset()  # Prefect's: behind those runs, or not ended
    models: frozenset[str] = frozenset()  # folders of fetched models: with an alias, or in a slot
    windows: frozenset[str] = frozenset()  # ids: a version learned from it, or a run is asked to
    since_s: float = math.inf  # epoch; when the oldest flow run that has not ended began

    def before_s(self, now_s: float, days: float) -> float:
        """What was last used earlier than this may go."""
        return min(now_s - days * DAY_S, self.since_s)


@dataclass(frozen=True)
class Expired:
    """One thing that may go."""

    kind: str
    name: str
    num_bytes: int
    paths: tuple[Path, ...] = field(default=())  # empty: not on disk, a server keeps it

    def delete(self) -> None:
        """Remove what lies on disk; nothing happens where somebody was faster."""
        for path in self.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class ExpiredDays(Expired):
    """Days of the operation record before a moment, but for what lives on."""

    before_s: float = 0.0

    def delete(self) -> None:
        """Forget them."""
        for folder in self.paths:
            forget(folder, self.before_s)


def expired_traces(folder: Path, before_s: float, in_use: InUse) -> Iterator[Expired]:
    """Traces that were made here, with the notes that say from which parameters."""
    notes: dict[str, list[Path]] = {}
    for note in (folder / "made").glob("*.json"):
        notes.setdefault(str(json.loads(note.read_text())["id"]), []).append(note)
    for file in _unused(folder.glob("*.parquet"), before_s):
        if file.stem in notes and file.stem not in in_use.traces:
            yield Expired("trace", file.stem, size_of(file), (file, *notes[file.stem]))


def expired_trainings(folder: Path, before_s: float, in_use: InUse) -> Iterator[Expired]:
    """Folders of trainings that made no registered version."""
    for training in _unused(folder.glob("*"), before_s):
        if training.is_dir() and training.name not in in_use.flow_runs and not made_a_version(training):
            yield Expired("training", training.name, size_of(training), (training,))


def expired_models(folder: Path, before_s: float, in_use: InUse) -> Iterator[Expired]:
    """Copies of models that were fetched from MLflow; they can be fetched again."""
    for copy in _unused(folder.glob("*"), before_s):
        if copy.name not in in_use.models:
            yield Expired("fetched model", copy.name, size_of(copy), (copy,))


def expired_files(kind: str, files: Iterable[Path], before_s: float) -> Iterator[Expired]:
    """Files that nothing refers to."""
    for file in _unused(files, before_s):
        yield Expired(kind, file.name, size_of(file), (file,))


def expired_windows(folder: Path, traces: Path, before_s: float, in_use: InUse) -> Iterator[Expired]:
    """Windows of operation, each with its trace in the trace store unless something else refers to that."""
    old = {path for path in _unused(folder.glob("[!.]*"), before_s) if path.name not in in_use.windows}
    kept = {_trace_of(path) for path in folder.glob("[!.]*") if path not in old} | in_use.traces
    for window in sorted(old):
        trace = _trace_of(window)
        file = traces / f"{trace}.parquet"
        paths = (window, file) if trace and trace not in kept and file.exists() else (window,)
        yield Expired("window", window.name, sum(map(size_of, paths)), paths)


def expired_days(folder: Path, before_s: float) -> Iterator[Expired]:
    """Days of the operation record before a moment, as one thing that may go."""
    if num_bytes := forgettable_bytes(folder, before_s):
        day = f"{datetime.fromtimestamp(before_s, UTC):%Y-%m-%d}"
        yield ExpiredDays("stretch of the operation record", f"before {day}", num_bytes, (folder,), before_s)


def recorded_parts(folder: Path, record: Path) -> list[Path]:
    """Closed parts of the decision log that the operation record has taken in."""
    taken = set(read_about(record).get("parts", ()))
    parts = decision_parts(folder)
    return [parts[name] for name in sorted(parts) if name in taken and parts[name].suffix == ".parquet"]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in _files(path))


def _trace_of(window: Path) -> str:
    """The id of a window's trace; empty where that cannot be read."""
    try:
        return str(json.loads((window / ABOUT_FILE).read_text())["trace"])
    except (OSError, ValueError, KeyError):
        return ""


def _unused(paths: Iterable[Path], before_s: float) -> Iterator[Path]:
    for path in sorted(paths):
        if max((file.stat().st_mtime for file in [path, *_files(path)]), default=0.0) < before_s:
            yield path


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def made_a_version(training: Path) -> bool:
    """Whether the flow run whose folder this is registered a version."""
    progress = progress_log_of(training)
    lines = progress.read_text(errors="replace").splitlines() if progress.exists() else []
    return any(f'"event": "{VERSION_EVENT}"' in line for line in lines)
