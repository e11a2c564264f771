"""The page ``/compare`` of one browser: two networks that fill, both blocking curves. Not here: the race."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from collections.abc import Mapping
from typing import Any

from nicegui import Client, ui

from controlplane.console import viewmodel
from controlplane.console.blocks import SpectrumGrid
from controlplane.console.browser import ask_browser
from controlplane.console.compare.contestants import MODEL, RaceAsked, RaceError, Races
from controlplane.console.compare.race import Race
from controlplane.console.feed import Feed
from controlplane.console.form import FIELD
from controlplane.console.network import NetworkCopy
from controlplane.console.page import PageSettings, lay_ground
from controlplane.console.palette import Palette
from controlplane.console.panels import Header, box, replace_options, text
from controlplane.console.theme import Theme
from controlplane.console.viewmodel import Snapshot
from envs.heuristics import BASELINE_NAMES

SPEEDS = {
    1: "1 request a second",
    10: "10 requests a second",
    100: "100 requests a second",
    0: "as fast as it goes",
}
DRAW_S = 0.25  # between two pictures
BREATH_S = 0.02  # the same where it goes as fast as it can
FAST_BATCH = 25  # requests at once, there


def asked_of(query: Mapping[str, str], load_erlang: float) -> RaceAsked:
    """What an address asks for; what it leaves out, or what is no number, is as at first.

    >>> asked_of({"seed": "7", "load": "many"}, 250.0)
    RaceAsked(left='model', right='ksp_ff', load_erlang=250.0, requests=1000, seed=7)
    """
    first = RaceAsked(load_erlang=load_erlang)

    def number(name: str, value: float) -> float:
        try:
            return float(query[name])
        except (KeyError, ValueError):
            return value

    try:
        return RaceAsked(
            query.get("left", first.left),
            query.get("right", first.right),
            number("load", load_erlang),
            int(number("requests", first.requests)),
            int(number("seed", first.seed)),
        )
    except (RaceError, OverflowError, ValueError):
        return first


class ComparePage:
    """One open browser tab."""

    def __init__(
        self,
        feed: Feed,
        races: Races,
        settings: PageSettings,
        client: Client,
        theme: str | None,
        asked: RaceAsked,
    ) -> None:
        self._races, self._client = races, client
        self._theme = Theme(theme)
        self._playing: asyncio.Task[None] | None = None
        self._race: Race | None = None
        self._states: list[NetworkCopy] = []
        lay_ground()
        self._header = Header(
            settings.scenario, settings.links, settings.model_name, self._theme.is_dark, "Side by side"
        )
        self._theme.switched_by(self._header.theme_button, self._redraw)
        with ui.element("main").classes("compare-board"):
            self._build_form(asked)
            with box("compare-lanes"):
                self._lanes = [self._build_lane(side) for side in ("left", "right")]
            with box("panel compare-curves"):
                with box("panel-head"):
                    text("Blocked so far", "panel-title")
                    self._differing = text("", "panel-note", "differing")
                self._curves = ui.echart({}).classes("chart").props("data-testid=curves")
        self._header.show(feed.snapshot)
        client.on_delete(feed.subscribe(self._on_snapshot))
        client.on_delete(self._halt)

    async def settle(self) -> None:
        """Where the browser has not chosen yet, follow the system's preference."""
        if self._theme.is_chosen:
            return
        if (browser := await ask_browser()) is not None:
            self._theme.follow(browser.is_dark)

    def _build_form(self, asked: RaceAsked) -> None:
        names = [MODEL, *BASELINE_NAMES]
        with box("panel compare-form", "compare-form"):
            self._left = self._field(ui.select(names, value=asked.left), "Left", "left")
            self._right = self._field(ui.select(names, value=asked.right), "Right", "right")
            self._load = self._field(
                ui.number(value=asked.load_erlang, min=0, format="%g"), "Load in Erlang", "race-load"
            )
            self._requests = self._field(
                ui.number(value=asked.requests, min=1, format="%d"), "Requests", "race-requests"
            )
            self._seed = self._field(ui.number(value=asked.seed, min=0, format="%d"), "Seed", "seed")
            self._speed = self._field(ui.select(SPEEDS, value=10), "Speed", "race-speed")
            self._start = ui.button("Start", color=None, on_click=self._begin).classes("link-button")
            self._start.props("outline dense no-caps data-testid=race-start")
            self._stop = ui.button("Stop", color=None, on_click=self._halt).classes("link-button")
            self._stop.props("outline dense no-caps data-testid=race-stop")
            self._stop.set_visibility(False)
            self._share = ui.link("Link to this race", f"?{asked.query}").classes("head-link")
            self._share.props("data-testid=share")
            self._said = text("", "panel-note", "race-said").props("role=status")

    @staticmethod
    def _field(field: Any, label: str, testid: str) -> Any:
        return field.props(f"{FIELD} label='{label}' stack-label data-testid={testid} aria-label='{label}'")

    @staticmethod
    def _build_lane(side: str) -> tuple[ui.label, ui.label, SpectrumGrid]:
        with box("panel"):
            with box("panel-head"):
                name = text("–", "panel-title", f"{side}-name")
                figure = text("", "panel-note", f"{side}-blocked")
            grid = SpectrumGrid(f"{side}-grid")
        return name, figure, grid

    async def _begin(self) -> None:
        self._halt()
        try:
            asked = RaceAsked(
                self._left.value,
                self._right.value,
                float(self._load.value or 0),
                int(self._requests.value or 0),
                int(self._seed.value if self._seed.value is not None else -1),
            )
            self._said.set_text("Setting up …")
            race = await to_thread(self._races.begin, asked)
        except RaceError as error:
            self._said.set_text(f"Not started: {error}.")
            return
        self._share.props(f'href="?{asked.query}"')
        plant = self._races.plant
        empty = NetworkCopy(plant.topology, plant.bands, plant.spec.shared_spectrum)
        self._race, self._states = race, [empty, empty]
        for lane, (name, _, grid) in zip(race.lanes, self._lanes, strict=True):
            name.set_text(lane.contestant.name)
            grid.bring(empty, None, self._theme.palette, None, may_patch=False)
        self._start.set_visibility(False)
        self._stop.set_visibility(True)
        self._playing = asyncio.create_task(self._play(race))

    async def _play(self, race: Race) -> None:
        """Serve and draw, until it is over or stopped."""
        said = "Stopped"
        loop = asyncio.get_running_loop()
        credit, last_s = 1.0, loop.time()  # requests that are due
        try:
            while not race.is_over:
                speed, now_s = self._speed.value, loop.time()
                credit = min(credit + speed * (now_s - last_s), max(speed, 1.0)) if speed else FAST_BATCH
                last_s = now_s
                if due := int(credit):
                    credit -= due
                    changes = await to_thread(race.advance, due)
                    with self._client:
                        self._draw(race, changes)
                await asyncio.sleep(DRAW_S if speed else BREATH_S)
            said = "Over"
        except RaceError as error:
            said = f"Ended: {error}"
        finally:
            with self._client:
                self._said.set_text(said)
                self._start.set_visibility(True)
                self._stop.set_visibility(False)

    def _draw(self, race: Race, changes: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        for side, (lane, changed) in enumerate(zip(race.lanes, changes, strict=True)):
            if changed:
                self._states[side] = self._states[side].apply(changed[-1]["version"], changed)
            _, figure, grid = self._lanes[side]
            share = lane.num_blocked / max(race.num_served, 1)
            use = viewmodel.unit_use(self._states[side]).mean()
            figure.set_text(f"{lane.num_blocked:,} blocked ({share:.2%}) · {use:.0%} of slots in use")
            grid.bring(self._states[side], None, self._theme.palette, None, may_patch=True)
        replace_options(self._curves, curves_chart(race, self._theme.palette))
        left, right = race.differing()
        self._said.set_text(f"Request {race.num_served:,} of {race.trace.num_requests:,}")
        self._differing.set_text(f"only the left blocked {left:,}, only the right {right:,}")

    def _redraw(self) -> None:
        if self._race is not None and self._race.num_served:
            self._draw(self._race, ([], []))

    def _halt(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        with self._client:
            self._header.show(snapshot)


def curves_chart(race: Race, palette: Palette) -> dict[str, Any]:
    """Share of the requests blocked so far in each lane, in per cent, over the number of requests."""
    points = list(race.curves())
    label = {"color": palette.soft, "fontSize": 11}
    axis: dict[str, Any] = {"splitLine": {"lineStyle": {"color": palette.line}}, "axisLabel": label}
    names = [lane.contestant.name for lane in race.lanes]
    if names[0] == names[1]:
        names = [f"{names[0]}, left", f"{names[1]}, right"]
    return {
        "animation": False,
        "grid": {"left": 52, "right": 18, "top": 30, "bottom": 26},
        "legend": {"top": 2, "right": 14, "textStyle": label},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "max": race.trace.num_requests, **axis},
        "yAxis": {"type": "value", "min": 0, **axis, "axisLabel": {**label, "formatter": "{value} %"}},
        "series": [
            {
                "id": side,
                "name": name,
                "type": "line",
                "showSymbol": False,
                "itemStyle": {"color": colour},
                "lineStyle": {"color": colour, "width": 2, "type": kind},
                "data": [[point[0], 100.0 * point[column]] for point in points],
            }
            for side, name, colour, kind, column in (
                ("left", names[0], palette.accent, "solid", 1),
                ("right", names[1], palette.warn, "dashed", 2),
            )
        ],
    }
