"""The six steps of a request with their times, from what the controller and the PCE measured. Pure.

Request, controller, PCE, inference, decision, elements: each time is part of one of them, so the six add up
to the whole. Not here: looks (``step_panel.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from controlplane.console.set_ups import ShownSetUp
from controlplane.console.viewmodel import Decision

Light = Literal["waiting", "active", "done", "refused", "failed"]
NAMES = ("Request", "Controller", "PCE", "Inference", "Decision", "Elements")
_MEANING = (
    "waited for its turn",
    "checks, reserves slots, stores; the way to the PCE and back",
    "brings its databases up to date and lists the candidates",
    "the model scores the candidates",
    "checks the choice, holds its slots, logs it",
    "configured, read back and confirmed",
)
_REQUEST, _CONTROLLER, _PCE, _INFERENCE, _DECISION, _ELEMENTS = range(len(NAMES))
# The controller's own names of where a set-up is.
_OF = {
    "request": _REQUEST,
    "path-computation": _PCE,
    "check": _CONTROLLER,
    "elements": _ELEMENTS,
    "database": _CONTROLLER,
}


@dataclass(frozen=True)
class Step:
    """One of the six: its name, whether it is lit, its time (None: not known, or not reached)."""

    name: str
    light: Light
    took_ms: float | None
    meaning: str


def decision_of(set_up: ShownSetUp, decisions: Sequence[Decision]) -> Decision | None:
    """The last decision for the service of a set-up; None where it is not told, or not yet."""
    return next(
        (
            each
            for each in decisions
            if each.service_uuid == set_up.service_uuid and each.time_s >= set_up.began_s
        ),
        None,
    )


def six_steps(set_up: ShownSetUp, decision: Decision | None) -> tuple[Step, ...]:
    """The steps in their order; while the PCE computes, which of its parts it is in is not known."""
    spent = dict(set_up.spent_ms)
    path_ms = spent.get("path-computation")
    took_ms: list[float | None] = [
        spent.get("request", 0.0),
        spent.get("check", 0.0) + spent.get("database", 0.0),
        path_ms,
        None,
        None,
        spent.get("elements"),
    ]
    if decision is not None and path_ms is not None:
        looked_ms = decision.sync_ms + decision.observe_ms
        # the PCE's own clock may be a little ahead of the controller's
        way_ms = max(0.0, path_ms - decision.total_ms)
        inference_ms = decision.inference_ms or 0.0
        took_ms[_CONTROLLER] = (took_ms[_CONTROLLER] or 0.0) + way_ms
        took_ms[_PCE] = looked_ms
        took_ms[_INFERENCE] = decision.inference_ms
        # Looking and inference are measured apart and may overlap: then nothing is left for the decision.
        took_ms[_DECISION] = max(0.0, path_ms - way_ms - looked_ms - inference_ms)
    lights = _lights(set_up, decision)
    return tuple(
        Step(name, light, None if light == "waiting" else ms, meaning)
        for name, light, ms, meaning in zip(NAMES, lights, took_ms, _MEANING, strict=True)
    )


def _lights(set_up: ShownSetUp, decision: Decision | None) -> list[Light]:
    reached = {_OF[name] for name, _ in set_up.spent_ms if name in _OF}
    if _PCE in reached:
        reached.add(_CONTROLLER)
    has_answered = any(name == "check" for name, _ in set_up.spent_ms) or set_up.outcome == "refused"
    if has_answered:
        reached |= {_DECISION} if decision and decision.inference_ms is None else {_INFERENCE, _DECISION}
        if set_up.outcome == "refused":
            reached.discard(_INFERENCE)  # there was nothing to score
    lights: list[Light] = ["done" if index in reached else "waiting" for index in range(len(NAMES))]
    if set_up.step is not None and set_up.step in _OF:
        lights[_OF[set_up.step]] = "active"
    elif set_up.outcome == "refused":
        lights[_DECISION] = "refused"
    elif set_up.outcome == "failed" and set_up.spent_ms:
        lights[_OF.get(set_up.spent_ms[-1][0], _CONTROLLER)] = "failed"
    return lights


def headline(set_up: ShownSetUp) -> str:
    """What the strip says beside the steps: of which request, and what became of it."""
    asked = f"{set_up.label} · {set_up.bit_rate_gbps:g} Gb/s"
    if set_up.cause == "restore":
        asked += " · restoration"
    became = {
        "under-way": "under way",
        "carried": f"set up in {set_up.total_ms:.1f} ms",
        "refused": f"refused after {set_up.total_ms:.1f} ms",
        "failed": f"failed after {set_up.total_ms:.1f} ms",
    }
    return f"{asked} · {became.get(set_up.outcome, set_up.outcome)}"
