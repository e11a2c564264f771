"""The loop on one time axis as ECharts options. Pure. Not here: what happened (``events.py``).

Three strips share the axis: blocking as it was promised and as it was lived, the evidence of drift, and a
lane each for drift, training, gate and service. It keeps the same series in the same order whatever it shows,
because ECharts merges new options into old. Times are the browser's own.
"""

from __future__ import annotations

import math
import time
from typing import Any

from controlplane.console.charts import card, round_step, tooltip
from controlplane.console.loop.document import LoopDocument, MeasuredScore
from controlplane.console.loop.events import LANES, LoopEvent
from controlplane.console.loop.lanes import LANE, ROWS, marks, spans, version_colour
from controlplane.console.palette import FONT, Palette
from controlplane.console.times import utc

LEFT, RIGHT = 78, 18
GRIDS = (
    {"left": LEFT, "right": RIGHT, "top": 34, "height": "44%"},
    {"left": LEFT, "right": RIGHT, "top": "56%", "height": "13%"},
    {"left": LEFT, "right": RIGHT, "top": "73%", "bottom": 26},
)
BLOCKING, EVIDENCE = 0, 1
SHORTEST_S = 60.0  # of the axis
FEW_REQUESTS = 20


def timeline(
    document: LoopDocument, events: tuple[LoopEvent, ...], palette: Palette, now_s: float | None = None
) -> dict[str, Any]:
    """The picture of a document.

    Args:
        document: of the loop.
        events: of it.
        palette: of the page.
        now_s: end of the axis, since 1970-01-01 UTC; None: now.
    """
    now_s = time.time() if now_s is None else now_s
    begin_s, end_s = _span(document, events, now_s)
    step, highest = _blocking_scale(document)
    text = {"color": palette.soft, "fontSize": 11, "fontFamily": FONT}
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "tooltip": tooltip(palette),
        "legend": {
            "top": 4,
            "left": LEFT,
            "itemHeight": 8,
            "itemWidth": 18,
            "textStyle": text,
            "inactiveColor": palette.faint,
            "data": ["lived, 95 %", "promised by the gate", "measured at the gate", "replayed in the twin"],
        },
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": list(GRIDS),
        "xAxis": [_time_axis(index, begin_s, end_s, text, palette) for index in range(len(GRIDS))],
        "yAxis": [
            {
                **_value_axis(BLOCKING, "blocked, %", text, palette),
                "min": 0,
                "max": highest,
                "interval": step,
            },
            {**_value_axis(EVIDENCE, "evidence, log e", text, palette), "splitNumber": 2},
            {
                "type": "category",
                "gridIndex": LANE,
                "data": ROWS,
                "axisLine": {"show": False},
                "axisTick": {"show": False},
                "axisLabel": text,
                "splitArea": {"show": True, "areaStyle": {"color": [palette.raised, "transparent"]}},
            },
        ],
        "dataZoom": [{"type": "inside", "xAxisIndex": [0, 1, 2], "filterMode": "none"}],
        "series": [
            *_live(document, palette, highest),
            _promised(document, palette, now_s),
            *_measured(document, palette),
            _replayed(document, palette),
            *_evidence(document, palette),
            spans(document, palette, now_s),
            *(marks(lane, events, palette) for lane in LANES),
        ],
    }


def _span(document: LoopDocument, events: tuple[LoopEvent, ...], now_s: float) -> tuple[float, float]:
    """From the first thing known to the last, with room at both ends."""
    known = [event.time_s for event in events] + [item.from_s for item in document.live]
    known += [item.made_s for item in document.versions] + [look.time_s for look in document.looks]
    is_busy = any(item.to_s is None for item in document.served)
    last_s = now_s if is_busy or not known else max(known)
    first_s = min(known, default=now_s - SHORTEST_S)
    room_s = max(0.02 * (last_s - first_s), (SHORTEST_S - (last_s - first_s)) / 2, 1.0)
    return first_s - room_s, last_s + room_s


def _blocking_scale(document: LoopDocument) -> tuple[float, float]:
    """From line to line, and upper end: what was seen has room, the ends of wide intervals need not.

    Nor need what few requests met: one that is blocked alone is 100 %, and would flatten all the rest.
    """
    lived = [item.value for item in document.live if item.requests >= FEW_REQUESTS]
    seen = (lived or [item.value for item in document.live]) + [
        end
        for version in document.versions
        if version.score is not None
        for end in (version.score.value, version.score.high or 0.0)
    ]
    seen += [item.promised_request_blocking or 0.0 for item in document.served]
    for look in document.looks:
        seen += [mean or 0.0 for mean, _, _ in look.regret.replayed.values()] if look.regret else []
    highest = 125 * max(seen, default=0.0)
    step = round_step(highest / 4) if highest else 0.25
    return step, step * math.ceil(highest / step) if highest else 1.0


def _live(document: LoopDocument, palette: Palette, highest: float) -> list[dict[str, Any]]:
    """The band and the line of what was lived; a gap in time is a gap in both.

    What lies above the scale stands at its upper end, as a triangle.
    """
    line: list[dict[str, Any]] = []
    low: list[list[float | None]] = []
    more: list[list[float | None]] = []
    last_s = None
    for item in document.live:
        if last_s is not None and item.from_s > last_s:
            hole = 1000 * (last_s + item.from_s) / 2
            line.append({"value": [hole, None]})
            low.append([hole, None])
            more.append([hole, None])
        middle = 500 * (item.from_s + item.to_s)
        said = [
            f"{item.blocked:,} of {item.requests:,} requests",
            f"95 % interval {100 * item.low:.2f} to {100 * item.high:.2f} %",
        ]
        tip = {"formatter": card(f"{100 * item.value:.2f} % blocked", said)}
        is_above = 100 * item.value > highest
        point = {"value": [middle, min(100 * item.value, highest)], "tooltip": tip}
        line.append(point | ({"symbol": "triangle", "symbolSize": 8} if is_above else {}))
        low.append([middle, 100 * item.low])
        more.append([middle, 100 * (item.high - item.low)])
        last_s = item.to_s
    hidden = {"type": "line", "stack": "live", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}}
    return [
        {**hidden, "id": "live-low", "data": low},
        {**hidden, "id": "live-band", "data": more, "areaStyle": {"color": palette.accent, "opacity": 0.16}},
        {
            "id": "live",
            "name": "lived, 95 %",
            "type": "line",
            "symbolSize": 5,
            "symbol": "circle",
            "itemStyle": {"color": palette.accent},
            "lineStyle": {"color": palette.accent, "width": 1.6},
            "data": line,
        },
    ]


def _promised(document: LoopDocument, palette: Palette, now_s: float) -> dict[str, Any]:
    """A level line while each version serves."""
    data: list[dict[str, Any]] = []
    for item in document.served:
        if item.promised_request_blocking is None:
            continue
        level = 100 * item.promised_request_blocking
        tip = {"formatter": card(f"{level:.2f} % promised", [f"version {item.version}, {item.policy}"])}
        ends = (item.from_s, now_s if item.to_s is None else item.to_s)
        data += [{"value": [1000 * at_s, level], "tooltip": tip} for at_s in ends]
        data.append({"value": [1000 * ends[1], None]})
    return {
        "id": "promised",
        "name": "promised by the gate",
        "type": "line",
        "symbol": "none",
        "itemStyle": {"color": palette.soft},
        "lineStyle": {"color": palette.soft, "type": "dashed", "width": 1.6},
        "data": data,
    }


def _measured(document: LoopDocument, palette: Palette) -> list[dict[str, Any]]:
    """What the gate of each version measured, where it was made, with its interval."""
    bars, points = [], []
    for version in document.versions:
        if version.score is None:
            continue
        at, colour = 1000 * version.made_s, version_colour(version.number)
        if version.score.low is not None and version.score.high is not None:
            ends = [[at, 100 * version.score.low], [at, 100 * version.score.high]]
            bars.append({"coords": ends, "lineStyle": {"color": colour, "width": 2, "opacity": 0.9}})
        title = f"version {version.number} at its gate: {score_text(version.score)}"
        said = [f"{each.role} {each.policy}: {score_text(each)}" for each in version.rivals]
        points.append(
            {
                "name": f"version {version.number}",
                "value": [at, 100 * version.score.value],
                "itemStyle": {"color": colour},
                "tooltip": {"formatter": card(title, said)},
                "url": document.links.version(document.model_name, version.number),
            }
        )
    return [
        {
            "id": "measured-bars",
            "type": "lines",
            "coordinateSystem": "cartesian2d",
            "silent": True,
            "data": bars,
        },
        {
            "id": "measured",
            "name": "measured at the gate",
            "type": "scatter",
            "symbol": "roundRect",
            "symbolSize": 11,
            "cursor": "pointer",
            "itemStyle": {"color": palette.soft},
            "label": {
                "show": True,
                "position": "top",
                "formatter": "{b}",
                "color": palette.soft,
                "fontSize": 11,
            },
            "data": points,
        },
    ]


def _replayed(document: LoopDocument, palette: Palette) -> dict[str, Any]:
    """Everybody's blocking of the window of an alarm, lived through again in the twin."""
    data = []
    for look in document.looks:
        if look.regret is None:
            continue
        for name, (mean, low, high) in look.regret.replayed.items():
            if mean is None:
                continue
            is_best = name == look.regret.against
            said = ["on the window of the alarm, in the twin"]
            if low is not None and high is not None:
                said.append(f"95 % interval {100 * low:.2f} to {100 * high:.2f} %")
            data.append(
                {
                    "value": [1000 * look.time_s, 100 * mean],
                    "itemStyle": {"color": palette.good if is_best else palette.warn},
                    "tooltip": {"formatter": card(f"{name}: {100 * mean:.2f} % blocked", said)},
                    "url": document.links.run(look.run_id),
                }
            )
    return {
        "id": "replayed",
        "name": "replayed in the twin",
        "type": "scatter",
        "symbol": "diamond",
        "symbolSize": 10,
        "cursor": "pointer",
        "itemStyle": {"color": palette.warn},
        "data": data,
    }


def _evidence(document: LoopDocument, palette: Palette) -> list[dict[str, Any]]:
    data, threshold = [], None
    for look in document.looks:
        threshold = look.threshold_log_e if look.threshold_log_e is not None else threshold
        said = [look.summary, f"{look.requests:,} requests, champion was version {look.version}"]
        said.append(utc(look.time_s))
        tip = {"formatter": card(f"evidence {look.log_e:+.1f}", said)}
        data.append(
            {
                "value": [1000 * look.time_s, round(look.log_e, 3)],
                "itemStyle": {"color": palette.bad if look.drifted else palette.soft},
                "symbolSize": 9 if look.drifted else 6,
                "tooltip": tip,
                "url": document.links.run(look.run_id),
            }
        )
    at = [] if threshold is None else [{"yAxis": threshold, "name": f"alarm at {threshold:.1f}"}]
    return [
        {
            "id": "evidence",
            "type": "line",
            "symbol": "circle",
            "xAxisIndex": EVIDENCE,
            "yAxisIndex": EVIDENCE,
            "cursor": "pointer",
            "lineStyle": {"color": palette.soft, "width": 1.2},
            "data": data,
            "markLine": {
                "silent": True,
                "symbol": "none",
                "lineStyle": {"color": palette.bad, "type": "dashed"},
                "label": {
                    "formatter": "{b}",
                    "position": "insideStartTop",
                    "color": palette.bad,
                    "fontSize": 11,
                },
                "data": at,
            },
        }
    ]


def score_text(score: MeasuredScore) -> str:
    """``1.20 % (1.05 to 1.36)``.

    >>> score_text(MeasuredScore(role="champion", policy="p", value=0.012, low=0.0105, high=0.0136))
    '1.20 % (1.05 to 1.36)'
    """
    ends = (
        ""
        if score.low is None or score.high is None
        else f" ({100 * score.low:.2f} to {100 * score.high:.2f})"
    )
    return f"{100 * score.value:.2f} %{ends}"


def _time_axis(
    index: int, begin_s: float, end_s: float, text: dict[str, Any], palette: Palette
) -> dict[str, Any]:
    is_last = index == len(GRIDS) - 1
    return {
        "type": "time",
        "gridIndex": index,
        "min": 1000 * begin_s,
        "max": 1000 * end_s,
        "axisLine": {"lineStyle": {"color": palette.line}},
        "axisTick": {"show": False},
        "axisLabel": {**text, "show": is_last, "hideOverlap": True},
        "splitLine": {"show": True, "lineStyle": {"color": palette.graticule}},
    }


def _value_axis(index: int, name: str, text: dict[str, Any], palette: Palette) -> dict[str, Any]:
    return {
        "type": "value",
        "gridIndex": index,
        "name": name,
        "nameLocation": "middle",
        "nameGap": 44,
        "nameTextStyle": text,
        "splitNumber": 4,
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "axisLabel": text,
        "splitLine": {"lineStyle": {"color": palette.graticule}},
    }
