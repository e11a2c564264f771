"""The page of one browser: the panels put together, what a click does. Not here: the panels themselves."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from nicegui import Client, ui
from nicegui.events import ValueChangeEventArguments

from controlplane.auth import Identity
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.console import charts, viewmodel
from controlplane.console.alarm_panel import AlarmPanel
from controlplane.console.alarms import num_open
from controlplane.console.blocks import SpectrumGrid
from controlplane.console.browser import ask_browser
from controlplane.console.feed import Feed
from controlplane.console.form import RequestForm
from controlplane.console.load import Load, LoadRunner
from controlplane.console.load_panel import LoadPanel
from controlplane.console.loop.document import Links
from controlplane.console.network import NetworkCopy
from controlplane.console.palette import DARK, FONT, LIGHT
from controlplane.console.panels import (
    Banner,
    CountsLine,
    Header,
    Policy,
    box,
    bring_options,
    replace_series,
    text,
)
from controlplane.console.permit import Noted, NotPermittedError
from controlplane.console.place_panel import PlacePanel
from controlplane.console.step_panel import Steps
from controlplane.console.tables import Decisions, Services
from controlplane.console.theme import Theme
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot
from controlplane.console.why import Drawn, Why
from controlplane.console.why_panel import WhyPanel
from controlplane.roles import Role

DRAWN_S = 1.0  # that a browser takes to draw the charts, once it answers; all is sent until then
DECISIONS, WHY, LOAD, ALARMS = "Decisions", "Why this path", "Load", "Alarms"  # names of the tabs
STYLE_SHEET = Path(__file__).with_name("console.css")


def lay_ground() -> None:
    """Colours of both themes and the style sheet, for the page that is being made."""
    variables = f":root{{--font:{FONT};{LIGHT.css()}}} body.body--dark{{{DARK.css()}}}"
    ui.add_css(variables + STYLE_SHEET.read_text())
    ui.add_head_html("<script>document.documentElement.lang = 'en'</script>")


@dataclass(frozen=True)
class PageSettings:
    """What the page says that neither the controller nor the PCE knows."""

    scenario: str
    links: Links
    model_name: str
    bit_rates_gbps: tuple[float, ...]
    bounds_ms: tuple[float, ...]


class ConsolePage:
    """One open browser tab."""

    def __init__(
        self,
        feed: Feed,
        runner: LoadRunner,
        controller: ControllerClient,
        who: Identity,
        settings: PageSettings,
        client: Client,
        theme: str | None,
        noted: Noted,
    ) -> None:
        self._feed = feed
        self._noted = noted
        self._runner = runner
        self._controller = controller  # asks in the name of whoever opened the page
        self._who = who
        self._client = client
        self._selected: str | None = None
        self._drawn: tuple[object, ...] = ()
        self._told: tuple[object, ...] = ()
        self._pointed: Drawn | None = None
        self._asked_at = ""  # decision in focus when the page was asked last why a path was chosen
        self._is_drawn = False  # the browser has drawn the charts
        self._window: tuple[str, charts.Frame] | None = None
        self._theme = Theme(theme)
        self._clock = Clock()
        lay_ground()
        self._header = Header(
            settings.scenario, settings.links, settings.model_name, self._theme.is_dark, "Network"
        )
        self._theme.switched_by(self._header.theme_button, lambda: self._show(feed.snapshot))
        self._banner = Banner()
        self._figures = CountsLine()
        with box("board"):
            with box("stack"):
                self._form = RequestForm(
                    feed,
                    controller,
                    settings.bit_rates_gbps,
                    settings.bounds_ms,
                    self._select,
                    self._show_why,
                )
                self._policy = Policy(settings.links, settings.model_name)
            with box("stack"):
                self._steps = Steps(self._show_why)
                self._build_map()
                self._build_grid()
            with box("stack"):
                self._services = Services(self._toggle, self._remove)
                self._build_tabs()
        self._show(feed.snapshot)
        self._on_load(runner.load)
        client.on_delete(feed.subscribe(self._on_snapshot))
        client.on_delete(runner.subscribe(self._on_load))

    async def settle(self) -> None:
        """Ask the browser what only it knows; from now on it is there."""
        if (browser := await ask_browser()) is None:  # the page stays as it is
            return
        self._clock = browser.clock
        if not self._theme.follow(browser.is_dark):
            self._show(self._feed.snapshot)
        await asyncio.sleep(DRAWN_S)
        self._is_drawn = True

    def _build_map(self) -> None:
        self._place = PlacePanel(self._controller, self._place_chosen, self._feed.refresh_drained)
        with box("panel grow-2 map-panel"):
            with box("panel-head"):
                text("Network", "panel-title")
                with box("focus", "focus"):
                    self._focus_mark = box("focus-mark")
                    self._focus = text("", "panel-note", "focus-text")
                self._clear = ui.button(
                    icon="close", color=None, on_click=lambda: self._select(None)
                ).classes("icon-button")
                self._clear.props("flat round dense size=xs data-testid=clear aria-label='Clear selection'")
                box("push")
                self._place.build_list()
                with box("scale"):
                    ui.label("Spectrum in use")
                    ui.label("0")
                    box("scale-bar")
                    ui.label("100 %")
            self._map = (
                ui.echart({}, on_point_click=self._on_map_click).classes("chart").props("data-testid=map")
            )
            self._place.build()

    def _build_grid(self) -> None:
        with box("panel grow-1"):
            with box("panel-head"):
                text("Spectrum", "panel-title")
                self._grid_note = text("", "panel-note")
            self._grid = SpectrumGrid("grid", self._toggle)

    def _build_tabs(self) -> None:
        with box("panel grow-1"):
            with ui.tabs().classes("panel-tabs").props("dense no-caps inline-label align=left") as self._tabs:
                for name in (DECISIONS, WHY, LOAD, ALARMS):
                    tab = ui.tab(name).props(f"data-testid=tab-{name.split()[0].lower()}")
                with tab:
                    self._num_alarms = (
                        ui.badge("0", color=None).props("data-testid=num-alarms").classes("alarm-count")
                    )
            self._tabs.on_value_change(self._on_tab)
            with ui.tab_panels(self._tabs, value=DECISIONS, animated=False).classes("panel-pages"):
                with ui.tab_panel(DECISIONS):
                    self._decisions = Decisions(self._show_why)
                with ui.tab_panel(WHY):
                    self._why = WhyPanel(self._point)
                with ui.tab_panel(LOAD):
                    self._load = LoadPanel(self._runner, self._who, self._noted)
                with ui.tab_panel(ALARMS):
                    self._alarms = AlarmPanel(self._note_alarm, self._who.role.covers(Role.OPERATOR))

    def _on_load(self, load: Load) -> None:
        with self._client:
            self._load.show(load, self._clock, self._theme.palette)

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        with self._client:
            self._show(snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        self._steps.show(snapshot, self._selected, self._clock)
        told = (replace(snapshot, set_ups=()), self._selected, self._theme.palette, self._clock)
        if told == self._told:  # only the steps of a request have gone on
            return
        self._told = told
        self._header.show(snapshot)
        self._banner.show(snapshot)
        self._figures.show(snapshot)
        self._policy.show(snapshot, self._theme.palette, self._is_drawn)
        self._decisions.show(snapshot, self._clock, self._is_drawn)
        self._alarms.show(snapshot.alarms, self._clock)
        self._load.show_network(snapshot)
        self._num_alarms.set_text(str(num_open(snapshot.alarms)))
        self._num_alarms.set_visibility(num_open(snapshot.alarms) > 0)
        state = snapshot.network
        if state is None:
            self._services.show(snapshot, None, self._is_drawn)
            return
        if self._selected not in state.lightpaths:
            self._selected = None
        drawn = (
            state.version,
            state.topology.content_hash,
            state.drained,
            self._selected,
            self._theme.palette,
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self._form.offer(state.topology)
            self._services.show(snapshot, self._selected, self._is_drawn)
            self._place.show(state)
            self._draw(state)

    def _draw(self, state: NetworkCopy) -> None:
        if self._window is None or self._window[0] != state.topology.content_hash:
            self._window = (state.topology.content_hash, charts.frame(state.topology))
        shown = state, self._selected, self._theme.palette
        drawn = charts.network_map(*shown, self._window[1], self._pointed)
        bring_options(self._map, drawn, self._is_drawn)
        self._grid.bring(*shown, self._pointed, self._is_drawn)
        path = viewmodel.focus(state, self._selected)
        self._clear.set_visibility(self._selected is not None)
        self._focus_mark.set_visibility(path is not None)
        if path:
            kind = "selected" if self._selected else "latest"
            slots = viewmodel.slot_text(path.first_slot, path.num_slots)
            said = [f"{kind}: {path.label}", f"{path.bit_rate_gbps:g} Gb/s", f"slots {slots}"]
            if len(state.bands) > 1 and path.band:
                said[-1] += f" in {path.band}"
            if path.gsnr_db is not None:
                said.append(f"GSNR {path.gsnr_db:.1f} dB")
            self._focus.set_text(" · ".join(said))
        else:
            self._focus.set_text("")
        links = "fibre pairs" if state.shared_spectrum else "directed links"
        bands = "" if len(state.bands) == 1 else f", bands {', '.join(band.name for band in state.bands)}"
        self._grid_note.set_text(f"{state.num_units} {links} × {state.num_slots} slots of 12.5 GHz{bands}")

    def _select(self, service_uuid: str | None) -> None:
        self._selected = service_uuid
        self._show(self._feed.snapshot)

    async def _toggle(self, service_uuid: str) -> None:
        self._select(None if service_uuid == self._selected else service_uuid)
        state = self._feed.snapshot.network
        path = state.lightpaths.get(self._selected or "") if state else None
        if path is not None:
            await self._show_why(path.decision_id)

    def _in_focus(self) -> str:
        """The decision for the service that is chosen, else for the newest request."""
        state = self._feed.snapshot.network
        path = state.lightpaths.get(self._selected or "") if state else None
        return path.decision_id if path else self._steps.decision_id

    async def _on_tab(self, event: ValueChangeEventArguments) -> None:
        """Whoever opens the panel without asking is told of what is in focus."""
        if event.value == WHY and (decision_id := self._in_focus()) not in ("", self._asked_at):
            await self._show_why(decision_id)

    async def _show_why(self, decision_id: str) -> None:
        """Ask the PCE why a decision came out as it did, and show what it says."""
        self._asked_at = self._in_focus()
        self._tabs.set_value(WHY)
        self._point(None)
        self._why.wait()
        try:
            document = await self._feed.why(decision_id)
        except ServiceRefused as error:
            self._why.fail(
                "The PCE keeps only its last decisions, and this is none of them."
                if error.status == HTTPStatus.NOT_FOUND
                else f"No answer: {error}.",
                decision_id,
            )
        else:
            self._why.show(Why.from_json(document, self._feed.snapshot.network), decision_id)

    def _point(self, drawn: Drawn | None) -> None:
        """Draw a route and its block that are not lit, or take them away."""
        state, self._pointed = self._feed.snapshot.network, drawn
        if state is None or self._window is None:
            return
        replace_series(self._map, charts.pointed_route(drawn, self._theme.palette, self._window[1]))
        self._grid.point(state, drawn, self._theme.palette)

    def _on_map_click(self, event: object) -> None:
        if getattr(event, "series_type", "") == "scatter":
            self._form.take_end(str(getattr(event, "name", "")))
            self._place.take(str(getattr(event, "name", "")))
        elif getattr(event, "series_type", "") == "lines" and (name := getattr(event, "name", "")):
            self._place.take(str(name))

    def _place_chosen(self) -> None:
        if state := self._feed.snapshot.network:
            self._place.show(state)
        self._feed.stir()

    async def _note_alarm(self, key: str) -> None:
        try:
            alarm = self._feed.note_alarm(key, self._who)
        except NotPermittedError as error:
            ui.notify(f"Not noted: {error}", type="negative", position="bottom-right")
        else:
            if alarm is not None:
                self._noted("alarm noted", alarm.key)

    async def _remove(self, service_uuid: str) -> None:
        try:
            await to_thread(self._controller.delete_service, service_uuid)
        except ServiceRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:  # one that is gone already is fine
                ui.notify(f"Not deleted: {error}", type="negative", position="bottom-right")
        self._feed.stir()
