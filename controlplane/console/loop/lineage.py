"""The chain behind a decision, a service or a version, walked on request. Not here: walking it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from nicegui import ui

from controlplane.console.loop.asking import AskRefused, ask
from controlplane.console.loop.document import LoopDocument
from controlplane.console.loop.panels import anchor
from controlplane.console.loop.rows import lineage_steps
from controlplane.console.panels import box, text
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot

MOST_OFFERED = 12


class LineagePanel:
    """A field for a name, the lightpaths that stand as suggestions, and the chain below."""

    def __init__(self, document: Callable[[], LoopDocument | None], clock: Callable[[], Clock]) -> None:
        self._document, self._clock = document, clock
        self._offered: tuple[str, ...] = ()
        with box("panel lineage", "lineage"):
            with box("panel-head"):
                text("Where a decision comes from", "panel-title")
                box("push")
                self._field = ui.input(placeholder="decision, service, version or @champion")
                self._field.props(
                    "outlined dense hide-bottom-space data-testid=lineage-of "
                    "aria-label='Decision, service or version'"
                )
                self._field.on("keydown.enter", lambda: self.walk(str(self._field.value or "")))
                walk = ui.button(
                    "Walk back", color=None, on_click=lambda: self.walk(str(self._field.value or ""))
                )
                walk.classes("small-button").props("flat dense no-caps data-testid=walk")
            with box("offered") as self._shelf:
                pass
            self._said = text(
                "Choose a lightpath, or name a decision: the chain goes back to the trace.", "empty"
            )
            self._said.props("role=status data-testid=lineage-said")
            self._chain = ui.element("ol").classes("chain").props("data-testid=chain")

    def offer(self, snapshot: Snapshot) -> None:
        """Lightpaths that stand, the latest first."""
        paths = list(snapshot.network.lightpaths.values()) if snapshot.network else []
        latest = [(path.service_uuid, path.label) for path in reversed(paths)][:MOST_OFFERED]
        if (names := tuple(uuid for uuid, _ in latest)) == self._offered:
            return
        self._offered = names
        self._shelf.clear()
        with self._shelf:
            for uuid, label in latest:
                button = ui.button(label, color=None, on_click=lambda of=uuid: self.walk(of))
                button.classes("preset").props("flat dense no-caps data-testid=offered")

    async def walk(self, of: str) -> None:
        """Show the chain behind something."""
        if not of.strip():
            return
        self._chain.clear()
        self._said.set_visibility(True)
        self._said.set_text("Walking back…")
        try:
            chain = await ask(f"/loop/lineage?of={quote(of.strip())}")
        except AskRefused as error:
            self._said.set_text(str(error))
            return
        self._said.set_visibility(False)
        with self._chain:
            for step in lineage_steps(chain, self._document()):
                missing = step["missing"]
                with ui.element("li").classes("step missing" if missing else "step") as entry:
                    entry.props("data-testid=step").style(f"--depth:{step['depth']}")
                    with box("event-head"):
                        text(step["what"], "step-what")
                        text(step["name"], "event-title")
                        if step["link"]:
                            anchor(step["link"])
                    if missing:
                        text(f"missing: {missing}", "step-missing")
                    facts = " · ".join(f"{fact.name} {fact.words}" for fact in step["facts"])
                    if facts:
                        told = ui.html(self._clock().html_of(facts), sanitize=False, tag="div")
                        told.classes("event-said").props("data-testid=step-facts")
