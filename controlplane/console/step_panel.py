"""The strip with the six steps of a request. Not here: what they are (``steps.py``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from controlplane.console.panels import box, text
from controlplane.console.set_ups import ShownSetUp
from controlplane.console.steps import NAMES, Step, decision_of, headline, six_steps
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot

_IDLE = tuple(Step(name, "waiting", None, "") for name in NAMES)


class Steps:
    """The six steps of the newest request, or of the selected service's."""

    def __init__(self, on_why: Callable[[str], Awaitable[None]]) -> None:
        self._drawn: object = None
        self.decision_id = ""  # of the request shown; empty while it is not known
        with box("panel steps", "steps"):
            with box("panel-head"):
                text("Steps of a request", "panel-title")
                self._headline = text("None yet", "panel-note", "steps-headline")
                self._when = ui.html("", sanitize=False, tag="span").classes("panel-note")
                self._when.props("data-testid=steps-when")
                box("push")
                self._why = ui.button("Why", color=None, on_click=lambda: on_why(self.decision_id))
                self._why.classes("small-button").props("flat dense no-caps data-testid=steps-why")
            with box("step-row").props("role=list"):
                self._cells = [self._cell(name) for name in NAMES]
            self._reason = text("", "step-reason", "steps-reason")
        self._put(_IDLE)
        self._why.set_visibility(False)
        self._reason.set_visibility(False)

    @staticmethod
    def _cell(name: str) -> tuple[ui.element, ui.label, ui.tooltip]:
        with box("step", f"step-{name.lower()}").props("role=listitem") as cell:
            box("step-light")
            text(name, "step-name")
            took = text("", "step-time")
            tip = ui.tooltip("")
        return cell, took, tip

    def show(self, snapshot: Snapshot, selected: str | None, clock: Clock) -> None:
        """Bring the strip in step with a snapshot."""
        set_up = _shown(snapshot.set_ups, selected)
        if set_up is None:
            return
        decision = decision_of(set_up, snapshot.decisions)
        if (drawn := (set_up, decision, clock)) == self._drawn:
            return
        self._drawn = drawn
        self._headline.set_text(headline(set_up))
        self._when.set_content(clock.html(set_up.began_s))
        self._put(six_steps(set_up, decision))
        self.decision_id = decision.decision_id if decision else ""
        self._why.set_visibility(bool(self.decision_id))
        self._reason.set_text(set_up.reason)
        self._reason.set_visibility(bool(set_up.reason))

    def _put(self, steps: tuple[Step, ...]) -> None:
        for step, (cell, took, tip) in zip(steps, self._cells, strict=True):
            cell.classes(replace=f"step {step.light}")
            took.set_text("–" if step.took_ms is None else f"{step.took_ms:.1f} ms")
            tip.set_text(f"{step.name}: {step.meaning}" if step.meaning else step.name)


def _shown(set_ups: tuple[ShownSetUp, ...], selected: str | None) -> ShownSetUp | None:
    of_selected = (each for each in set_ups if each.service_uuid == selected)
    return next(of_selected, set_ups[0] if set_ups else None)
