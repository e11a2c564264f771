"""The form that offers traffic, and its figures meanwhile. Not here: the program behind it (``load.py``)."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from controlplane.auth import Identity
from controlplane.console.form import FIELD
from controlplane.console.load import AskedLoad, Load, LoadRunner, OfferedLoadError, facts
from controlplane.console.palette import Palette
from controlplane.console.panels import box, replace_options, text
from controlplane.console.permit import Noted, NotPermittedError

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
            self._said = text("", "why-words", "load-said").props("role=status")
            with box("facts") as self._facts_box:
                self._facts: dict[str, ui.label] = {}
            self._chart = ui.echart({}).classes("chart load-chart").props("data-testid=load-chart")

    def show(self, load: Load, palette: Palette) -> None:
        """Bring the panel in step."""
        self._start.set_visibility(not load.is_on)
        self._stop.set_visibility(load.is_on)
        self._said.set_text(_said(load))
        if load.began_s != self._began_s:
            self._began_s, self._points = load.began_s, []
        if load.figures is None:
            self._chart.set_visibility(bool(self._points))
            return
        for name, value in facts(load.figures):
            if name not in self._facts:
                with self._facts_box:
                    text(name, "fact-name")
                    self._facts[name] = text("", "fact-value", f"load-{name.split()[0].lower()}")
            self._facts[name].set_text(value)
        twin = load.figures["twin"]["request_blocking"]
        point = (load.figures["took_s"], load.figures["request_blocking"], twin)
        if not self._points or self._points[-1] != point:
            self._points = [*self._points, point][-MOST_POINTS:]
            replace_options(self._chart, blocking_chart(self._points, palette))
        self._chart.set_visibility(True)

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
            self._said.set_text(f"Not started: {error}.")

    def _do_stop(self) -> None:
        try:
            self._runner.stop(self._who)
            self._noted("load stopped", "")
        except NotPermittedError as error:
            self._said.set_text(f"Not stopped: {error}.")


def _said(load: Load) -> str:
    if load.asked is None:
        return "Nothing is offered. What is set up by an offer is deleted at its end."
    what = f"{SOURCES[load.asked.source]}, {load.asked.speed:g} × real time, by {load.by}"
    if load.fault:
        return f"{what}: {load.fault}"
    return f"{what}: {load.state}"


def blocking_chart(points: list[Point], palette: Palette) -> dict[str, Any]:
    """Blocking so far over time: live, and the twin's of the same requests. Per cent over seconds."""
    axis: dict[str, Any] = {
        "axisLabel": {"color": palette.soft, "fontSize": 10},
        "splitLine": {"lineStyle": {"color": palette.line}},
        "axisLine": {"show": False},
    }

    def line(name: str, column: int, colour: str, kind: str) -> dict[str, Any]:
        found = [(point[0], point[column]) for point in points]
        data = [[time_s, None if value is None else 100.0 * value] for time_s, value in found]
        style = {"color": colour, "width": 2, "type": kind}
        return {
            "id": name,
            "name": name,
            "type": "line",
            "showSymbol": False,
            "lineStyle": style,
            "itemStyle": {"color": colour},
            "data": data,
        }

    return {
        "animation": False,
        "grid": {"left": 44, "right": 14, "top": 26, "bottom": 24},
        "legend": {"top": 0, "right": 10, "textStyle": {"color": palette.soft, "fontSize": 11}},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", **axis, "axisLabel": {**axis["axisLabel"], "formatter": "{value} s"}},
        "yAxis": {
            "type": "value",
            "min": 0,
            **axis,
            "axisLabel": {**axis["axisLabel"], "formatter": "{value} %"},
        },
        "series": [line("live", 1, palette.accent, "solid"), line("twin", 2, palette.warn, "dashed")],
    }
