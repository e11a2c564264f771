"""The list of alarms, and the button that notes one. Not here: what an alarm is (``alarms.py``)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from html import escape

from nicegui import ui

from controlplane.console.alarms import Alarm, words
from controlplane.console.panels import box, text
from controlplane.console.times import Clock


class AlarmPanel:
    """All alarms; the button is there for whoever may note them.

    Args:
        on_note: notes the alarm of a key.
        may_note: the role suffices.
    """

    def __init__(self, on_note: Callable[[str], Awaitable[None]], may_note: bool) -> None:
        self._on_note, self._may_note = on_note, may_note
        self._drawn: object = None
        self._body = box("scroll alarms", "alarms").props("role=list")

    def show(self, alarms: tuple[Alarm, ...], clock: Clock) -> None:
        """Bring the list in step."""
        if (drawn := (alarms, clock)) == self._drawn:
            return
        self._drawn = drawn
        self._body.clear()
        with self._body:
            if not alarms:
                text("No alarm. Elements, PCE, model, data and disk are as they should be.", "empty")
            for alarm in alarms:
                self._row(alarm, clock)

    def _row(self, alarm: Alarm, clock: Clock) -> None:
        state = "over" if alarm.ended_s is not None else "noted" if alarm.noted_by else "open"
        with box(f"alarm {state}", "alarm").props("role=listitem"):
            box("alarm-mark")
            with box("alarm-words"):
                with box("alarm-line"):
                    text(alarm.about, "tag")
                    since = f"since {clock.html(alarm.since_s)}, {escape(words(alarm, time.time()))}"
                    ui.html(since, sanitize=False, tag="span").classes("alarm-since")
                text(f"{alarm.source}: {alarm.text}", "alarm-text")
            if self._may_note and not alarm.noted_by:
                button = ui.button("Note", color=None, on_click=lambda: self._on_note(alarm.key))
                button.classes("small-button").props("flat dense no-caps data-testid=note-alarm")
                button.props(f'aria-label="Take note of: {alarm.about}"')
