"""A challenger that has been made, kept beside its progress log: a run taken up again does not train again.

``training/<flow run id>/challenger.json`` once it is packaged, ``asked.json`` once a person has been asked.
Not here: training (``train.py``), packaging (``package.py``), judging (``gate.py``).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

CHALLENGER_FILE = "challenger.json"
ASKED_FILE = "asked.json"


@dataclass(frozen=True)
class PackagedModel:
    """A policy logged to a run as a model."""

    run_id: str  # of MLflow
    policy: str
    policy_folder: Path
    uri: str  # models:/m-...
    recorded: Path  # observations with the policy's own scores
    forecast: str = ""  # hash of the demand forecast that it decides with; empty: none
    version: str = ""  # of the registered model; empty: not registered yet


@dataclass(frozen=True)
class ApprovalQuestion:
    """What a person was asked, and when."""

    verdict: str
    champion: str  # version that the challenger was judged against; empty: there was none
    time_s: float  # seconds since 1970-01-01 UTC
    timeout_s: float


def remember_challenger(folder: Path, challenger: PackagedModel) -> None:
    """Keep it; it is on disk when this returns."""
    document = asdict(challenger) | {
        "policy_folder": str(challenger.policy_folder),
        "recorded": str(challenger.recorded),
    }
    _write(folder / CHALLENGER_FILE, document)


def recall_challenger(folder: Path) -> PackagedModel | None:
    """What this run has made already; None where it has not, or where its files are gone."""
    found = _read(folder / CHALLENGER_FILE)
    if found is None:
        return None
    paths = {key: Path(str(found[key])) for key in ("policy_folder", "recorded")}
    if not all(path.exists() for path in paths.values()):
        return None
    return PackagedModel(**(found | paths))  # type: ignore[arg-type]


def remember_asked(folder: Path, verdict: str, champion: str, timeout_s: float) -> ApprovalQuestion:
    """Keep what is asked."""
    asked = ApprovalQuestion(verdict, champion, time.time(), timeout_s)
    _write(folder / ASKED_FILE, asdict(asked))
    return asked


def recall_asked(folder: Path) -> ApprovalQuestion | None:
    """What has been asked already; None where nothing has."""
    found = _read(folder / ASKED_FILE)
    return None if found is None else ApprovalQuestion(**found)  # type: ignore[arg-type]


def _write(file: Path, document: dict[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    with temporary.open("w") as stream:
        json.dump(document, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, file)


def _read(file: Path) -> dict[str, object] | None:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return None
