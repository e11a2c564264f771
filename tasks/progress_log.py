"""The progress log of a training run: a JSON line for each thing worth telling, for whoever follows it live.

``training/<flow run id>/progress.jsonl`` in the home. Demo and console read it; nothing depends on it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRESS_LOG_FILE = "progress.jsonl"
EARLIER_NAME = "journal.jsonl"  # trainings made before the log had its present name are still on disk


@dataclass(frozen=True)
class ProgressLog:
    """Where a run writes what it does."""

    folder: Path

    @property
    def file(self) -> Path:
        """The progress log."""
        return self.folder / PROGRESS_LOG_FILE

    def write(self, event: str, **fields: Any) -> None:
        """Add a line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as stream:
            stream.write(json.dumps({"event": event, "time_s": time.time(), **fields}, default=str) + "\n")

    def step(self, text: str) -> None:
        """Add a line of plain words, and print it: it goes to the run's log."""
        print(text, flush=True)
        self.write("step", text=text)


def progress_log_of(training: Path) -> Path:
    """The progress log of a training's folder, also of one made when the log had another name."""
    earlier = training / EARLIER_NAME
    return earlier if earlier.exists() else training / PROGRESS_LOG_FILE


def read_progress_log(folder: Path, offset: int = 0) -> tuple[list[Mapping[str, Any]], int]:
    """The events written after ``offset`` bytes, and the new offset. A line not yet complete waits."""
    file = folder / PROGRESS_LOG_FILE
    if not file.exists():
        return [], offset
    with file.open("rb") as stream:
        stream.seek(offset)
        text = stream.read()
    complete = text[: text.rfind(b"\n") + 1]
    return [json.loads(line) for line in complete.splitlines()], offset + len(complete)
