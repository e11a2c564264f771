"""The promotion log: which version was put in charge, when and why. MLflow keeps no such history.

One JSON object a line, append-only. Not here: aliases (``registry.py``), what is served (``provision.py``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Promotion:
    """One change of the champion."""

    action: Literal["promote", "rollback"]
    model_name: str
    version: str  # champion from now on
    previous_version: str  # champion until now; empty: there was none
    policy: str
    reason: str
    time_s: float = 0.0  # seconds since 1970-01-01 UTC


def append_promotion(file: Path, promotion: Promotion) -> None:
    """Add a line; it is on disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    entry = asdict(promotion) | {"time_s": promotion.time_s or time.time()}
    with file.open("a") as stream:
        stream.write(json.dumps(entry) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_promotions(file: Path, model_name: str) -> tuple[Promotion, ...]:
    """Every change of one model's champion, oldest first; a last line cut short by a kill is left out."""
    if not file.exists():
        return ()
    lines = file.read_text().split("\n")[:-1]
    entries = (Promotion(**json.loads(line)) for line in lines if line.strip())
    return tuple(entry for entry in entries if entry.model_name == model_name)


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
