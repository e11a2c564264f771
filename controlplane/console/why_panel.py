"""The panel that says why a path was chosen. Not here: what it says (``why.py``)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from nicegui import ui

from controlplane.console.panels import box, text
from controlplane.console.why import Drawn, Spoke, Weighed, Why

Point = Callable[[Drawn | None], None]


class WhyPanel:
    """Candidates, what spoke for and against, the best rule beside it; of a refusal what was in the way.

    Args:
        on_point: told what the pointer, or the keyboard, is on; None when it leaves.
    """

    def __init__(self, on_point: Point) -> None:
        self._on_point = on_point
        with box("why scroll", "why") as self._body:
            self._empty("Choose a service or a decision: here stands why its path was taken.")

    def show(self, why: Why, decision_id: str) -> None:
        """Show an answer about a decision."""
        self._body.clear()
        with self._body:
            with box("why-line"):
                text(why.title, "why-title", "why-title")
                box("push")
                _lineage(decision_id)
            text(why.sentence, "why-words", "why-sentence")
            if why.candidates:
                text("Candidates, with scores", "field-name")
                for each in why.candidates:
                    self._candidate(each)
                text(why.rule, "why-words", "why-rule")
            if why.spoke or why.spoke_note:
                with box("field-name"):
                    ui.label("Against the runner-up")
                    text("spoke against · spoke for", "panel-note")
                for spoke in why.spoke:
                    self._bar(spoke)
                if why.spoke_note:
                    text(why.spoke_note[:1].upper() + why.spoke_note[1:] + ".", "why-words")
            if why.needed:
                text("What would have to be free", "field-name")
                for needed in why.needed:
                    self._pointed(box("why-row", "why-needed"), needed.drawn, needed.words)

    def fail(self, reason: str, decision_id: str) -> None:
        """Say why there is no answer about a decision."""
        self._body.clear()
        with self._body:
            self._empty(reason)
            _lineage(decision_id)

    def wait(self) -> None:
        """Say that the answer is on its way."""
        self._body.clear()
        with self._body, box("empty"):
            ui.spinner(size="22px")

    @staticmethod
    def _empty(words: str) -> None:
        text(words, "empty", "why-empty")

    def _candidate(self, each: Weighed) -> None:
        row = box("why-row", "why-candidate")
        self._pointed(row, each.drawn, "")
        with row:
            with box("why-line"):
                text(each.route, "name")
                for mark in each.marks:
                    text(mark, f"tag {'is-chosen' if mark == 'chosen' else ''}")
                box("push")
                text(each.score_text, "why-score")
            text(each.about, "why-about")

    def _pointed(self, row: ui.element, drawn: Drawn, words: str) -> None:
        row.props("tabindex=0")
        for event in ("mouseenter", "focus"):
            row.on(event, lambda: self._on_point(drawn))
        for event in ("mouseleave", "blur"):
            row.on(event, lambda: self._on_point(None))
        if words:
            with row:
                text(words, "why-about")

    @staticmethod
    def _bar(spoke: Spoke) -> None:
        with box("why-bar", "why-feature").props(f'title="{spoke.feature}: {spoke.values}"'):
            text(spoke.words, "why-feature-name")
            with box("why-scale"):
                side = "for" if spoke.contribution > 0 else "against"
                box(f"why-{side}").style(f"width:{spoke.share / 2:.1%}")
            text(f"{spoke.contribution:+.3g}", "why-score")


def _lineage(decision_id: str) -> None:
    """A link to where the loop page walks from a decision back to its trace."""
    if decision_id:
        link = ui.link("Where it comes from", f"/loop?of={quote(decision_id)}").classes("why-lineage")
        link.props("data-testid=why-lineage")
