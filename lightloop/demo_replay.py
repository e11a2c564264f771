"""The end of the demo: a fresh stretch of operation replayed under who served before and who serves now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from envs.batch_means import blocking_interval, difference_interval
from envs.replay_window import Outcomes, replay_window
from envs.window import Window

if TYPE_CHECKING:
    from flows.settings import Settings
    from tasks.operation import StoredWindow

ROLE = "baseline"  # in an evaluation


@dataclass(frozen=True)
class Rival:
    """Who lives through the stretch: a name for people, and a policy's name or its folder."""

    name: str
    policy: str | Path


def best_of(evaluation: Mapping[str, Any] | None, baselines: tuple[str, ...]) -> str:
    """The baseline that blocked least on the held-out traces; without an evaluation the first configured.

    So it is chosen on other traffic than it is shown on.
    """
    rows = [row for row in (evaluation or {}).get("policies", ()) if row["role"] == ROLE]
    return str(min(rows, key=lambda row: row["request_blocking"])["policy"]) if rows else baselines[0]


def window_since(context: Settings, began_s: float, ended_s: float) -> StoredWindow:
    """A span of the running network as a stored window.

    Raises:
        WindowError, OperationError: see ``window_of`` and ``record_until``.
    """
    from flows.operation import mean_holding_s, operation_of
    from tasks.operation import record_until, window_of

    operation, topology = operation_of(context.config, context.home), context.plant.topology
    record, mean_s = record_until(operation, topology, ended_s), mean_holding_s(context.config)
    return window_of(record, operation, topology, mean_s, began_s, ended_s)


def deciders(window: Window) -> dict[str, int]:
    """How many requests each decided: a version of the model, the fallback, or none that found a way."""
    who = Counter(
        f"version {item.model_version}"
        if item.decided_by == "model"
        else {"none": "blocked"}.get(item.decided_by, item.decided_by)
        for item in window.live
    )
    return dict(who.most_common())


def replayed(context: Settings, stored: StoredWindow, contenders: list[Rival]) -> dict[str, Any]:
    """The window under each contender, the first being the reference; with the live counts and fidelity.

    Raises:
        WindowError, PolicyError, ArtefactError: see ``replay_window`` and ``load_policy``.
    """
    from tasks.fidelity import stored_fidelity

    fidelity = stored_fidelity(context.plant, stored.folder, context.registry, context.home.models)
    outcomes = {item.name: _outcomes(context, stored.window, item.policy) for item in contenders}
    first = next(iter(outcomes.values()))
    return {
        "window": stored.id,
        "requests": stored.num_requests,
        "policies": {name: _row(found, first) for name, found in outcomes.items()},
        "live": _blocked(np.array([item.decided_by == "none" for item in stored.window.live])),
        "decided_by": deciders(stored.window),
        "fidelity": {"passed": fidelity.passed, "reason": fidelity.reason},
    }


def replay_table(document: Mapping[str, Any], live_name: str) -> Table:
    """What ``replayed`` says, for people."""
    names = list(document["policies"])
    table = Table("", "blocked", "95 %", "less the first", "95 %", title_justify="left")
    table.title = f"the same {document['requests']:,} requests, replayed; per cent of requests"
    for name, row in document["policies"].items():
        difference = ("", "")
        if name != names[0]:
            difference = (f"{100 * row['minus_first']:+.2f}", _span(row["minus_first_ci95"], "+.2f"))
        table.add_row(name, _mean(row), _span(row["ci95"]), *difference)
    table.add_section()
    live = document["live"]
    table.add_row(f"live, {live_name}", _mean(live), _span(live["ci95"]), "", "")
    return table


def _outcomes(context: Settings, window: Window, policy: str | Path) -> Outcomes:
    from agents.artefact import load_policy, plant_of
    from envs.simulation import policy_named

    if isinstance(policy, Path):
        return replay_window(plant_of(policy, context.plant), window, load_policy(policy))
    return replay_window(context.plant, window, policy_named(policy))


def _blocked(blocked: np.ndarray) -> dict[str, Any]:
    found = blocking_interval(blocked)
    return {
        "request_blocking": found.mean,
        "ci95": [found.low, found.high],
        "blocked": int(blocked.sum()),
        "requests": len(blocked),
    }


def _row(found: Outcomes, first: Outcomes) -> dict[str, Any]:
    if found is first:
        return _blocked(found.blocked)
    difference = difference_interval(found.blocked, first.blocked)
    return _blocked(found.blocked) | {
        "minus_first": difference.mean,
        "minus_first_ci95": [difference.low, difference.high],
    }


def _mean(row: Mapping[str, Any]) -> str:
    return f"{100 * row['request_blocking']:.2f} ({row['blocked']})"


def _span(ends: list[float], form: str = ".2f") -> str:
    return f"{100 * ends[0]:{form}} .. {100 * ends[1]:{form}}"
