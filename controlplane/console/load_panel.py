"""The form that offers traffic, and its figures meanwhile. Not here: the program behind it (``load.py``)."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

from nicegui import ui

from controlplane.auth import Identity
from controlplane.console.form import FIELD
from controlplane.console.load import AskedLoad, Load, LoadRunner, OfferedLoadError, facts, network_facts
from controlplane.console.palette import Palette
from controlplane.console.panels import box, replace_options, text
from controlplane.console.permit import Noted, NotPermittedError
from controlplane.console.times import Clock
from controlplane.console.viewmodel import Snapshot

SOURCES = {"scenario": "The scenario's traffic", "trace": "A stored trace", "last day": "The last 24 hours"}
MOST_POINTS = 600
Point = tuple[float, float | None, float | None]  # seconds since it began, blocking live, of the twin


class LoadPanel:
    """Start and stop, what was offered, and blocking over time beside the twin's.

    Args:
        runner: of this console.
        who: opened the page.
        noted: writes into the trail.
    """

    def __init__(self, runner: LoadRunner, who: Identity, noted: Noted) -> None:
        self._runner, self._who, self._noted = runner, who, noted
        self._points: list[Point] = []
        self._began_s = 0.0
        with box("scroll load", "load"):
            with box("load-form"):
                self._source = ui.select(SOURCES, value="scenario").props(
                    f"{FIELD} data-testid=load-source aria-label='What is offered'"
                )
                self._trace = ui.input(placeholder="id of the trace").props(
                    f"{FIELD} data-testid=load-trace aria-label='Id of the trace'"
                )
                self._trace.bind_visibility_from(self._source, "value", value="trace")
                self._requests = ui.number(value=500, min=1, format="%d").props(
                    f"{FIELD} suffix='requests' data-testid=load-requests aria-label='Number of requests'"
                )
                self._speed = ui.number(value=60, min=0, format="%g").props(
                    f"{FIELD} suffix='× real time' data-testid=load-speed aria-label='Speed'"
                )
                self._start = ui.button("Start", color=None, on_click=self._do_start)
                self._start.classes("link-button").props("outline dense no-caps data-testid=load-start")
                self._stop = ui.button("Stop", color=None, on_click=self._do_stop)
                self._stop.classes("link-button").props("outline dense no-caps data-testid=load-stop")
            self._said = ui.html("", sanitize=False, tag="div").classes("why-words")
            self._said.props("data-testid=load-said role=status")
            with box("facts") as self._facts_box:
                self._facts: dict[str, ui.label] = {}
            self._chart = ui.echart({}).classes("chart load-chart").props("data-testid=load-chart")

    def show_network(self, snapshot: Snapshot) -> None:
        """Bring what the network says of itself in step, once anything was offered."""
        if self._runner.load.figures is not None:
            self._put(network_facts(snapshot, self._runner.load.began_s))

    def show(self, load: Load, clock: Clock, palette: Palette) -> None:
        """Bring the panel in step."""
        self._start.set_visibility(not load.is_on)
        self._stop.set_visibility(load.is_on)
        self._said.set_content(clock.html_of(_said(load)))
        if load.began_s != self._began_s:
            self._began_s, self._points = load.began_s, []
        if load.figures is None:
            self._chart.set_visibility(bool(self._points))
            return
        self._put(facts(load.figures))
        promise = load.figures["twin"]
        twin = promise["request_blocking"] if promise["source"] == "twin" else None
        point = (load.figures["took_s"], load.figures["request_blocking"], twin)
        if not self._points or self._points[-1] != point:
            self._points = [*self._points, point][-MOST_POINTS:]
            replace_options(self._chart, blocking_chart(self._points, promise["gate"], palette))
        self._chart.set_visibility(True)

    def _put(self, told: tuple[tuple[str, str], ...]) -> None:
        for name, value in told:
            if name not in self._facts:
                with self._facts_box:
                    text(name, "fact-name")
                    self._facts[name] = text("", "fact-value", f"load-{name.lower().replace(' ', '-')}")
            self._facts[name].set_text(value)

    def _do_start(self) -> None:
        try:
            asked = AskedLoad(
                self._source.value,
                float(self._speed.value or 0),
                int(self._requests.value or 0),
                (self._trace.value or "").strip() if self._source.value == "trace" else "",
            )
            self._runner.start(asked, self._who)
            self._noted("load started", " ".join(asked.words()))
        except (OfferedLoadError, NotPermittedError) as error:
            self._said.set_content(escape(f"Not started: {error}."))

    def _do_stop(self) -> None:
        try:
            self._runner.stop(self._who)
            self._noted("load stopped", "")
        except NotPermittedError as error:
            self._said.set_content(escape(f"Not stopped: {error}."))


def _said(load: Load) -> str:
    if load.asked is None:
        return "Nothing is offered. What is set up by an offer is deleted at its end."
    began = datetime.fromtimestamp(load.began_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    what = f"{SOURCES[load.asked.source]}, {load.asked.speed:g} × real time, by {load.by} since {began}"
    if load.fault:
        return f"{what}: {load.fault}"
    return f"{what}: {load.state}"


def blocking_chart(points: list[Point], gate: dict[str, Any] | None, palette: Palette) -> dict[str, Any]:
    """Blocking so far over time: live, the twin's of the same requests, and what the gate promised.

    Per cent over seconds; the promise is a line in the band of its 95 % interval.
    """
    axis: dict[str, Any] = {
        "axisLabel": {"color": palette.soft, "fontSize": 10},
        "splitLine": {"lineStyle": {"color": palette.line}},
        "axisLine": {"show": False},
    }

    def line(
        name: str, colour: str, kind: str, data: list[list[float | None]], **more: Any
    ) -> dict[str, Any]:
        style = {"color": colour, "width": 2, "type": kind}
        looks = {"showSymbol": False, "lineStyle": style, "itemStyle": {"color": colour}}
        return {"id": name, "name": name, "type": "line", **looks, "data": data, **more}

    def so_far(column: int) -> list[list[float | None]]:
        found = [(point[0], point[column]) for point in points]
        return [[time_s, None if value is None else 100.0 * value] for time_s, value in found]

    def level(value: float | None) -> list[list[float | None]]:
        if value is None or not points:
            return []
        return [[points[0][0], 100.0 * value], [points[-1][0], 100.0 * value]]

    low, high = gate["ci95"] if gate else (None, None)
    width = None if low is None or high is None else high - low
    hidden = {"stack": "gate", "silent": True, "symbol": "none", "tooltip": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 44, "right": 14, "top": 26, "bottom": 24},
        "legend": {
            "top": 0,
            "right": 10,
            "data": ["live", "twin", "gate"],
            "textStyle": {"color": palette.soft, "fontSize": 11},
        },
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", **axis, "axisLabel": {**axis["axisLabel"], "formatter": "{value} s"}},
        "yAxis": {
            "type": "value",
            "min": 0,
            **axis,
            "axisLabel": {**axis["axisLabel"], "formatter": "{value} %"},
        },
        "series": [
            line("live", palette.accent, "solid", so_far(1)),
            line("twin", palette.warn, "dashed", so_far(2)),
            line("gate", palette.good, "dotted", level(gate["request_blocking"] if gate else None)),
            line("gate-low", "transparent", "solid", level(low), **hidden),
            line(
                "gate-band",
                "transparent",
                "solid",
                level(width),
                areaStyle={"color": palette.good, "opacity": 0.14},
                **hidden,
            ),
        ],
    }
