"""The drift panel: demand then and now, the pairs that moved, the test's path, the forecast in service."""

from __future__ import annotations

from nicegui import ui

from controlplane.console.loop.charts import demand_matrix, evidence_path
from controlplane.console.loop.document import LoopDocument, ShownLook
from controlplane.console.loop.events import links_of, regret_in_words
from controlplane.console.loop.panels import anchor, when
from controlplane.console.loop.rows import pair_shifts
from controlplane.console.palette import Palette
from controlplane.console.panels import box, replace_options, text
from controlplane.console.times import Clock

NO_LOOK = "The drift monitor has not looked yet. It looks every drift.interval_s."
NOT_FETCHED = "The demand that the champion learned from is here once the drift monitor has looked."


class DriftPanel:
    """What came from outside, against what the champion learned from."""

    def __init__(self) -> None:
        self._drawn: object = None
        with box("panel drift", "drift"):
            with box("panel-head"):
                text("Drift", "panel-title")
                self._note = text("", "panel-note", "drift-note")
            with box("panel-body"):
                with box("matrices"):
                    self._then = self._matrix("Learned from", "demand-then")
                    self._now = self._matrix("Of late", "demand-now")
                self._pairs = ui.element("table").classes("tabled").props("data-testid=pairs")
                self._not_fetched = text(NOT_FETCHED, "empty")
                self._forecast = text("", "forecast", "forecast")

    @staticmethod
    def _matrix(words: str, testid: str) -> ui.echart:
        with box("matrix"):
            text(words, "field-name")
            chart = ui.echart({}).classes("chart small")
            said = f"{words}: share of the requests by source and destination"
            return chart.props(f"data-testid={testid} role=img aria-label='{said}'")

    def show(self, document: LoopDocument | None, palette: Palette) -> None:
        """Bring the panel in step."""
        demand = document.demand if document else None
        if (told := (demand, palette)) == self._drawn:
            return
        self._drawn = told
        for element in (self._then, self._now, self._pairs):
            element.set_visibility(demand is not None)
        self._not_fetched.set_visibility(demand is None)
        if demand is None:
            return
        of_late = sum(map(sum, demand.now))
        self._note.set_text(
            f"version {demand.version} learned from {demand.requests:,} requests; {of_late:,} of late"
        )
        replace_options(self._then, demand_matrix(demand, "then", palette))
        replace_options(self._now, demand_matrix(demand, "now", palette))
        self._pairs.clear()
        with self._pairs:
            _head("Pair", "then", "of late", "forecast")
            with ui.element("tbody"):
                for shift in pair_shifts(demand):
                    weight = "–" if shift.weight is None else f"× {shift.weight:.2f}"
                    _cells(shift.pair, f"{100 * shift.then:.1f} %", f"{100 * shift.now:.1f} %", weight)
        forecast = demand.forecast
        self._forecast.set_text(
            "The champion decides without a demand forecast."
            if forecast is None
            else f"Demand forecast {forecast.hash} in service, of {forecast.num_requests:,} requests "
            f"({forecast.source_id}): × is a pair's weight, 1 the mean."
        )


class EvidencePanel:
    """The sequential test: its path, the columns of the last look, Evidently's report of the last alarm."""

    def __init__(self) -> None:
        self._drawn: object = None
        with box("panel evidence", "evidence"):
            with box("panel-head"):
                text("Evidence of drift", "panel-title")
                self._note = text("", "panel-note")
            self._chart = ui.echart({}).classes("chart small")
            self._chart.props("role=img aria-label='Evidence of every look against what an alarm takes'")
            with box("panel-body"):
                self._said = box("look-said")
                self._columns = ui.element("table").classes("tabled").props("data-testid=columns")
            self._empty = text(NO_LOOK, "empty")

    def show(self, document: LoopDocument | None, clock: Clock, palette: Palette) -> None:
        """Bring the panel in step."""
        looks = document.looks if document else ()
        if document is None or (told := (looks, clock, palette)) == self._drawn:
            return
        self._drawn = told
        for element in (self._chart, self._columns, self._said):
            element.set_visibility(bool(looks))
        self._empty.set_visibility(not looks)
        if not looks:
            return
        replace_options(self._chart, evidence_path(looks, palette))
        alarms = [look for look in looks if look.drifted]
        counted = ((len(looks), "look"), (len(alarms), "alarm"))
        self._note.set_text(", ".join(f"{n} {word}" + ("" if n == 1 else "s") for n, word in counted))
        self._show_look(document, alarms[-1] if alarms else looks[-1], clock)

    def _show_look(self, document: LoopDocument, look: ShownLook, clock: Clock) -> None:
        self._said.clear()
        with self._said:
            with box("event-head"):
                text("Last alarm" if look.drifted else "Last look", "event-title")
                when(look.time_s, clock)
            words = regret_in_words(look)
            twin = "" if not look.twin else f" The twin: {look.twin}."
            text(f"{look.summary}. {words}{twin}", "event-said")
            with box("event-links"):
                for link in links_of(document, look):
                    anchor(link)
        self._columns.clear()
        with self._columns:
            _head("Column", "log e", "seen", "ordinary")
            with ui.element("tbody"):
                for name, column in look.columns.items():
                    is_share = column.measure == "share moved"
                    seen, ordinary = (_seen(value, is_share) for value in (column.seen, column.ordinary))
                    drifted = "drifted" if column.drifted else ""
                    _cells(name, f"{column.log_e:+.1f}", seen, ordinary, classes=drifted)


def _seen(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} % moved" if is_share else f"{value:.2f} × expected"


def _head(*names: str) -> None:
    with ui.element("thead"), ui.element("tr"):
        for name in names:
            with ui.element("th").props("scope=col"):
                ui.label(name)


def _cells(*words: str, classes: str = "") -> None:
    with ui.element("tr").classes(classes):
        for each in words:
            with ui.element("td"):
                ui.label(each)
