"""The lanes of the picture: what lasted as bars, what happened as marks. Pure. Not here: blocking."""

from __future__ import annotations

from typing import Any

from controlplane.console.charts import card
from controlplane.console.loop.document import CONTINUOUS_TRAINING, LoopDocument
from controlplane.console.loop.events import LANES, LoopEvent
from controlplane.console.palette import SERVICES, Palette
from controlplane.console.times import utc

LANE_NAMES = {"drift": "Drift", "training": "Training", "gate": "Gate", "service": "In service"}
ROWS = [LANE_NAMES[lane] for lane in reversed(LANES)]  # the first is drawn lowest
SYMBOLS = {"drift": "triangle", "training": "circle", "gate": "diamond", "service": "rect"}
LANE = 2  # place of the lanes among the strips


def spans(document: LoopDocument, palette: Palette, now_s: float) -> dict[str, Any]:
    """Bars of what lasts: versions in service, trainings."""
    data = []
    for item in document.served:
        data.append(
            _bar(
                "service",
                item.from_s,
                item.to_s or now_s,
                version_colour(item.version),
                f"version {item.version}",
            )
        )
    for run in document.runs:
        if run.flow == CONTINUOUS_TRAINING and run.began_s is not None:
            colour = palette.accent if run.ended_s is None else palette.faint
            data.append(_bar("training", run.began_s, run.ended_s or now_s, colour, run.reason or "by hand"))
    return {
        "id": "spans",
        "type": "lines",
        "coordinateSystem": "cartesian2d",
        "xAxisIndex": LANE,
        "yAxisIndex": LANE,
        "silent": True,
        "z": 2,
        "data": data,
    }


def _bar(lane: str, from_s: float, to_s: float, colour: str, name: str) -> dict[str, Any]:
    row = ROWS.index(LANE_NAMES[lane])  # a series of lines takes no names of an axis
    return {
        "name": name,
        "coords": [[1000 * from_s, row], [1000 * to_s, row]],
        "lineStyle": {"color": colour, "width": 11, "opacity": 0.45, "cap": "butt"},
    }


def marks(lane: str, events: tuple[LoopEvent, ...], palette: Palette) -> dict[str, Any]:
    """What happened in one lane."""
    colours = {"good": palette.good, "warn": palette.warn, "bad": palette.bad, "plain": palette.soft}
    return {
        "id": f"marks-{lane}",
        "type": "scatter",
        "xAxisIndex": LANE,
        "yAxisIndex": LANE,
        "symbol": SYMBOLS[lane],
        "symbolSize": 12,
        "cursor": "pointer",
        "z": 4,
        "data": [
            {
                "name": event.title,
                "value": [1000 * event.time_s, LANE_NAMES[lane]],
                "itemStyle": {
                    "color": colours[event.tone],
                    "borderColor": palette.surface,
                    "borderWidth": 1.5,
                },
                "tooltip": {"formatter": card(event.title, [*_wrapped(event.said), utc(event.time_s)])},
                "url": event.links[0].url if event.links else "",
            }
            for event in events
            if event.lane == lane
        ],
    }


def version_colour(number: str) -> str:
    """The same colour for a version everywhere on the page."""
    return SERVICES[int(number) % len(SERVICES)] if number.isdecimal() else SERVICES[0]


def _wrapped(said: str, most: int = 64) -> list[str]:
    """A sentence in lines that a tooltip holds."""
    lines = [""]
    for word in said.split():
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:8]
