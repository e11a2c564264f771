"""Which requests drift has been looked for in: no request raises two alarms, none is judged in two windows.

And the regret that was measured last. Not here: looking (``drift.py``), measuring (``regret.py``).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.regret import Regret  # loads compiled code, which who only reads the state does not need

REGRET_FILE = "regret.json"


@dataclass(frozen=True)
class DriftState:
    """Where the present window begins.

    Attributes:
        reference_id: of the traffic that it is compared with.
        begins_after_s: requests that came in later belong to it; seconds since 1970-01-01 UTC.
        pass_over: so many of them are left out first, after an alarm.
        looked_until_s: when the last request that was looked at came in.
        told_links: ends of links that an alarm has told of and that are down still.
    """

    reference_id: str
    begins_after_s: float
    pass_over: int
    looked_until_s: float
    told_links: tuple[tuple[str, str], ...] = ()


def read_state(file: Path) -> DriftState | None:
    """What is stored; None where nothing is, or nothing that can be read: then a window begins anew."""
    try:
        stored = json.loads(file.read_text())
        links = tuple((a, b) for a, b in stored.pop("told_links", ()))
        return DriftState(**stored, told_links=links)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_state(file: Path, state: DriftState) -> None:
    """Store it, whole or not at all."""
    _write(file, asdict(state))


def write_regret(state_file: Path, regret: Regret) -> None:
    """Store what was measured last, beside the state, for whoever shows it."""
    told = {"time_s": time.time(), "window": regret.window, "against": regret.against}
    _write(state_file.with_name(REGRET_FILE), told | {"mean": regret.mean, "ci95": list(regret.ci95)})


def _write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(document))
    os.replace(temporary, file)
