"""The loop page of one browser: its parts put together. Not here: the parts (``panels.py``)."""

from __future__ import annotations

from pathlib import Path

from nicegui import Client, ui

from controlplane.console.browser import ask_browser
from controlplane.console.feed import Feed
from controlplane.console.loop.drift import DriftPanel, EvidencePanel
from controlplane.console.loop.feed import LoopFeed, LoopSnapshot
from controlplane.console.loop.lineage import LineagePanel
from controlplane.console.loop.panels import Events, LoopBanner, Timeline, told
from controlplane.console.loop.registry import CurvePanel, RegistryPanel
from controlplane.console.page import PageSettings, lay_ground
from controlplane.console.panels import Header
from controlplane.console.theme import Theme
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot

STYLE_SHEET = Path(__file__).with_name("loop.css")


class LoopPage:
    """One open browser tab."""

    def __init__(
        self, network: Feed, feed: LoopFeed, settings: PageSettings, client: Client, theme: str | None
    ) -> None:
        self._feed, self._client = feed, client
        self._clock = Clock()
        self._theme = Theme(theme)
        lay_ground()
        ui.add_css(STYLE_SHEET.read_text())
        self._header = Header(
            settings.scenario, settings.links, settings.model_name, self._theme.is_dark, "Loop"
        )
        self._theme.switched_by(self._header.theme_button, lambda: self._show(feed.snapshot))
        self._banner = LoopBanner()
        with ui.element("main").classes("loop-board"):
            self._timeline = Timeline()
            self._events = Events()
            self._registry = RegistryPanel()
            self._curve = CurvePanel()
            self._drift = DriftPanel()
            self._evidence = EvidencePanel()
            self._lineage = LineagePanel(lambda: feed.snapshot.document, lambda: self._clock)
        client.on_delete(feed.subscribe(self._on_snapshot))
        self._show(feed.snapshot)
        self._on_network(network.snapshot)
        client.on_delete(network.subscribe(self._on_network))

    async def settle(self) -> None:
        """Ask the browser what only it knows: its time zone, and whether its system is dark."""
        if (browser := await ask_browser()) is None:  # the page stays as it is
            return
        self._clock = browser.clock
        if not self._theme.follow(browser.is_dark):
            self._show(self._feed.snapshot)

    async def walk(self, of: str) -> None:
        """Show the chain behind a decision, a service or a version, as if it had been clicked on."""
        await self._lineage.walk(of)

    def _on_snapshot(self, snapshot: LoopSnapshot) -> None:
        with self._client:
            self._show(snapshot)

    def _on_network(self, snapshot: Snapshot) -> None:
        with self._client:
            self._header.show(snapshot)
            self._lineage.offer(snapshot)

    def _show(self, snapshot: LoopSnapshot) -> None:
        document = snapshot.document
        events = told(document)
        self._banner.show(snapshot)
        self._timeline.show(snapshot, events, self._theme.palette)
        self._events.show(events, self._clock)
        if document is not None:
            self._registry.show(document, self._clock)
            self._curve.show(document, self._theme.palette)
            self._drift.show(document, self._theme.palette)
            self._evidence.show(document, self._clock, self._theme.palette)
            self._header.point(document.links.experiment())
