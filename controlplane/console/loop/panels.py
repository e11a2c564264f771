"""Parts of the loop page: the picture, what happened, banner. Not here: registry (``registry.py``), drift."""

from __future__ import annotations

from nicegui import ui

from controlplane.console.loop.document import LoopDocument
from controlplane.console.loop.events import LoopEvent, PageLink, events_of
from controlplane.console.loop.feed import LoopSnapshot
from controlplane.console.loop.timeline import timeline
from controlplane.console.palette import Palette
from controlplane.console.panels import box, replace_options, text
from controlplane.console.times import Clock

MOST_EVENTS = 60
NOTHING_YET = "Nothing has served yet. `lightloop up` puts a first champion into service."
WAITING = "Reading what is stored…"


class LoopBanner:
    """A line that appears while a part does not answer."""

    def __init__(self) -> None:
        self._box = box("banner", "loop-banner").props("role=alert")
        with self._box:
            ui.icon("cloud_off", size="18px")
            self._words = ui.label("")
        self._box.set_visibility(False)

    def show(self, snapshot: LoopSnapshot) -> None:
        """Appear or vanish."""
        said = [snapshot.fault] if snapshot.fault else []
        said += snapshot.document.faults.values() if snapshot.document else []
        self._words.set_text(". ".join(said) + (". Showing the last that is known." if said else ""))
        self._box.set_visibility(bool(said))


class Timeline:
    """The picture; a click on a mark opens its page."""

    def __init__(self) -> None:
        with box("panel timeline"):
            with box("panel-head"):
                text("The loop over time", "panel-title")
                self._note = text("", "panel-note", "timeline-note")
            self._chart = ui.echart({}, on_point_click=self._open).classes("chart")
            self._chart.props(
                "data-testid=timeline role=img aria-label='Blocking, evidence of drift, trainings and "
                "versions in service over time; the same marks stand in the list of events'"
            )
            self._empty = text(WAITING, "empty", "timeline-empty")

    def show(self, snapshot: LoopSnapshot, events: tuple[LoopEvent, ...], palette: Palette) -> None:
        """Draw a document, or say why there is none."""
        document = snapshot.document
        is_there = document is not None and bool(document.served or document.versions or document.live)
        self._chart.set_visibility(is_there)
        self._empty.set_visibility(not is_there)
        if document is None:
            self._empty.set_text(snapshot.fault or WAITING)
            return
        self._empty.set_text(NOTHING_YET)
        if is_there:
            served = f"version {document.champion} serves" if document.champion else "nothing serves"
            late = " · reading anew what is stored…" if snapshot.is_late else ""
            count = f"{len(document.versions)} version" + ("" if len(document.versions) == 1 else "s")
            self._note.set_text(f"{document.model_name} · {served} · {count}{late}")
            replace_options(self._chart, timeline(document, events, palette))

    @staticmethod
    def _open(event: object) -> None:
        data = getattr(event, "data", None)
        if isinstance(data, dict) and (url := data.get("url")):
            ui.navigate.to(str(url), new_tab=True)


class Events:
    """The marks of the picture as a list, newest first, with their links: for the keyboard, and to read."""

    def __init__(self) -> None:
        self._clock: Clock | None = None
        self._entries: dict[LoopEvent, ui.element] = {}
        with box("panel events"):
            with box("panel-head"):
                text("What happened", "panel-title")
            self._list = ui.element("ol").classes("event-list").props("data-testid=events tabindex=0")
            with self._list:
                self._nothing = ui.element("li").classes("empty")
                self._nothing.add_slot("default", "Nothing yet.")

    def show(self, events: tuple[LoopEvent, ...], clock: Clock) -> None:
        """Bring the list in step; what has not changed stays, and with it the keyboard's place."""
        shown = tuple(dict.fromkeys(reversed(events[-MOST_EVENTS:])))
        self._nothing.set_visibility(not shown)
        for event in tuple(self._entries):
            if event not in shown or clock != self._clock:
                self._entries.pop(event).delete()
        self._clock = clock
        for place, event in enumerate(shown):
            if event not in self._entries:
                with self._list:
                    self._entries[event] = self._entry(event, clock)
                self._entries[event].move(target_index=place)

    @staticmethod
    def _entry(event: LoopEvent, clock: Clock) -> ui.element:
        with ui.element("li").classes(f"event {event.tone}").props("data-testid=event") as entry:
            with box("event-head"):
                ui.element("span").classes(f"event-mark {event.tone}")
                text(event.title, "event-title")
                when(event.time_s, clock)
            if event.said:
                text(event.said, "event-said")
            with box("event-links"):
                for link in event.links:
                    anchor(link)
        return entry


def when(time_s: float, clock: Clock) -> None:
    """A moment: local, UTC on hover."""
    ui.html(clock.html(time_s), sanitize=False, tag="span").classes("when")


def anchor(link: PageLink) -> None:
    """A link to another page, in a tab of its own."""
    ui.link(link.words, link.url, new_tab=True).classes("out-link")


def told(document: LoopDocument | None) -> tuple[LoopEvent, ...]:
    """The events of a document; none of none."""
    return () if document is None else events_of(document)
