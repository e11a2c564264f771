"""What the home's files tell of the loop, for ``GET /metrics``: promotions, roll-backs, drift and regret.

The files are those of docs/contracts.md; the flows write them. Not here: the loop page (``loop/``).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

from controlplane.metrics import LOOP_CHANGES, REGRET_VALUES, ConsoleMetrics


def measured_loop(metrics: ConsoleMetrics, serving: Path, model_name: str) -> None:
    """Set what is told of the loop as the files have it now; NaN where there is none yet.

    Args:
        metrics: of the console.
        serving: folder of the promotion log and of the drift monitor's state.
        model_name: whose champion is meant, as the registry calls it.
    """
    counts: Counter[str] = Counter()
    since_s = math.nan
    for action, time_s in _changes(serving / "promotions.jsonl", model_name):
        counts[action] += 1
        since_s = time_s
    metrics.loop_changes.read = lambda: {name: counts[name] for name in LOOP_CHANGES}
    metrics.champion_since.set(since_s)
    try:
        metrics.last_drift_check.set((serving / "drift.json").stat().st_mtime)
    except OSError:
        metrics.last_drift_check.set(math.nan)
    measured_s, regret = _regret(serving / "regret.json")
    metrics.last_regret_measured.set(measured_s)
    for name, ratio in zip(REGRET_VALUES, regret, strict=True):
        metrics.last_regret.labels(name).set(ratio)


def _regret(file: Path) -> tuple[float, tuple[float, float, float]]:
    """When regret was measured last, and what came out; NaN where there is nothing that can be read."""
    try:
        told = json.loads(file.read_text())
        low, high = told["ci95"]
        return float(told["time_s"]), (float(told["mean"]), float(low), float(high))
    except (OSError, ValueError, KeyError, TypeError):
        return math.nan, (math.nan, math.nan, math.nan)


def _changes(file: Path, model_name: str) -> list[tuple[str, float]]:
    """Action and time of each change of a champion; a line that cannot be read is passed over."""
    found = []
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            entry = json.loads(line)
            if entry["action"] in LOOP_CHANGES and entry["model_name"] == model_name:
                found.append((str(entry["action"]), float(entry["time_s"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
