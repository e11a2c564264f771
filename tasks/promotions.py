"""The promotion log: which version was promoted, when and why. MLflow keeps no such history.

One JSON object a line, append-only, on disk before anything follows from it. It is the one truth about who is
champion: what the PCE asks and where the aliases point is brought in line with it (``reconcile.py``). Before
the PCE is switched a line says so (``switching``); a line after it settles that (``promote``, ``rollback``)
or takes it back (``undone``). Not here: aliases (``registry.py``), what is served (``provision.py``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Change = Literal["promote", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """One line: a change of the champion, its announcement, or that it was given up."""

    action: Literal["promote", "rollback", "switching", "undone"]
    model_name: str
    version: str  # champion from now on; of ``switching`` and ``undone``: the one meant
    previous_version: str  # champion until now; empty: there was none
    policy: str
    reason: str
    time_s: float = 0.0  # seconds since 1970-01-01 UTC
    then: Change | Literal[""] = ""  # of ``switching``: what settles it


def append_promotion(file: Path, promotion: Promotion) -> None:
    """Add a line; it is on disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    entry = asdict(promotion) | {"time_s": promotion.time_s or time.time()}
    if not entry["then"]:
        del entry["then"]
    with file.open("ab+") as stream:
        # A line that a kill cut short is closed first, or this one would be lost with it.
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(json.dumps(entry).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_promotions(file: Path, model_name: str) -> tuple[Promotion, ...]:
    """Every change of one model's champion, oldest first; announcements and what was given up left out."""
    return tuple(entry for entry in _lines(file, model_name) if entry.action in ("promote", "rollback"))


def pending_promotion(file: Path, model_name: str) -> Promotion | None:
    """The switch that was announced and neither settled nor given up; None where there is none."""
    entries = _lines(file, model_name)
    return entries[-1] if entries and entries[-1].action == "switching" else None


def champions(promotions: Sequence[Promotion]) -> tuple[str, ...]:
    """Versions that a rollback can go back through; the last is the champion.

    A rollback takes the champion off, so a second one goes one further back and never back to what was left.

    >>> log = [Promotion("promote", "m", v, "", "p", "") for v in "123"]
    >>> champions([*log, Promotion("rollback", "m", "2", "3", "p", "")])
    ('1', '2')
    """
    stack: list[str] = []
    for entry in promotions:
        if entry.action == "rollback":
            del stack[-1:]
            if stack[-1:] != [entry.version]:
                stack.append(entry.version)
        elif stack[-1:] != [entry.version]:
            stack.append(entry.version)
    return tuple(stack)


def _lines(file: Path, model_name: str) -> tuple[Promotion, ...]:
    """Whole lines of one model; what a kill cut short is left out."""
    if not file.exists():
        return ()
    entries = []
    for line in file.read_text().splitlines():
        try:
            entry = Promotion(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if entry.model_name == model_name:
            entries.append(entry)
    return tuple(entries)
