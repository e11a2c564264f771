"""Training curve, demand then and now, evidence by column as ECharts options. Pure.

Each keeps the same series in the same order whatever it shows, because ECharts merges new options into old.
"""

from __future__ import annotations

from typing import Any

from controlplane.console.charts import card, tooltip
from controlplane.console.loop.document import DemandThenAndNow, ShownCurve, ShownLook
from controlplane.console.palette import FONT, Palette

SHORTEST_S = 600.0  # of the axis of the looks


def training_curve(curve: ShownCurve, palette: Palette) -> dict[str, Any]:
    """Blocking of the policy of the moment against the best baseline's on the same traces."""
    points = [[point.elapsed_s, 100 * point.blocking] for point in curve.points]
    best = [
        [point.elapsed_s, 100 * min(point.baselines.values())] for point in curve.points if point.baselines
    ]
    name = min(curve.points[-1].baselines.items(), key=lambda item: item[1])[0] if best else "best baseline"
    text = _text(palette)
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "tooltip": {**tooltip(palette), "trigger": "axis", ":valueFormatter": "v => v.toFixed(2) + ' %'"},
        "legend": {"top": 0, "left": 46, "textStyle": text, "itemHeight": 8, "data": ["in training", name]},
        "grid": {"left": 58, "right": 16, "top": 30, "bottom": 36},
        "xAxis": {
            "type": "value",
            "name": "s since the training began",
            "nameLocation": "middle",
            "nameGap": 22,
            "nameTextStyle": text,
            "axisLabel": text,
            "splitLine": {"show": False},
            "axisLine": {"lineStyle": {"color": palette.line}},
        },
        "yAxis": {
            "type": "value",
            "scale": True,
            "name": "blocked, %",
            "nameLocation": "middle",
            "nameGap": 42,
            "nameTextStyle": text,
            "axisLabel": text,
            "splitLine": {"lineStyle": {"color": palette.graticule}},
        },
        "series": [
            _line("in training", points, palette.accent, "solid"),
            _line(name, best, palette.warn, "dashed"),
        ],
    }


def demand_matrix(demand: DemandThenAndNow, which: str, palette: Palette) -> dict[str, Any]:
    """Shares of the requests by source (rows) and destination (columns); ``which``: ``then`` or ``now``.

    Both have the same scale, so that colours compare.
    """
    shares = {
        name: [[cell / max(sum(map(sum, matrix)), 1) for cell in row] for row in matrix]
        for name, matrix in (("then", demand.then), ("now", demand.now))
    }
    most = max((cell for matrix in shares.values() for row in matrix for cell in row), default=0.0)
    text, names = _text(palette), demand.node_names
    data = [
        {
            "value": [column, row, 100 * shares[which][row][column]],
            "tooltip": {
                "formatter": card(
                    f"{names[row]} → {names[column]}",
                    [
                        f"now {100 * shares['now'][row][column]:.2f} % of the requests",
                        f"then {100 * shares['then'][row][column]:.2f} %",
                    ],
                )
            },
        }
        for row in range(len(names))
        for column in range(len(names))
        if row != column
    ]
    axis: dict[str, Any] = {
        "type": "category",
        "data": list(names),
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "axisLabel": {**text, "hideOverlap": True, "fontSize": 10},
        "splitArea": {"show": False},
    }
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "tooltip": tooltip(palette),
        "grid": {"left": 44, "right": 6, "top": 8, "bottom": 28},
        "xAxis": axis,
        "yAxis": {**axis, "inverse": True},
        "visualMap": {
            "show": False,
            "min": 0,
            "max": 100 * most or 1.0,
            "inRange": {"color": [palette.raised, *palette.use[1:]]},
        },
        "series": [
            {"type": "heatmap", "data": data, "itemStyle": {"borderColor": palette.line, "borderWidth": 1}}
        ],
    }


def evidence_path(looks: tuple[ShownLook, ...], palette: Palette) -> dict[str, Any]:
    """The test's path: evidence of every look, all columns together, against what an alarm takes."""
    text = _text(palette)
    threshold = next(
        (look.threshold_log_e for look in reversed(looks) if look.threshold_log_e is not None), None
    )
    highest = max([threshold or 0.0, *(look.log_e for look in looks)], default=1.0)
    data = [
        {
            "value": [1000 * look.time_s, look.log_e],
            "itemStyle": {"color": palette.bad if look.drifted else palette.accent},
            "tooltip": {"formatter": card(f"evidence {look.log_e:+.1f}", [f"{look.requests:,} requests"])},
        }
        for look in looks
    ]
    # around a look that is the only one ECharts would draw two days
    span_s = max(looks[-1].time_s - looks[0].time_s, SHORTEST_S) if looks else SHORTEST_S
    lines = [] if threshold is None else [{"yAxis": threshold, "name": f"alarm at {threshold:.1f}"}]
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "tooltip": tooltip(palette),
        "grid": {"left": 52, "right": 16, "top": 14, "bottom": 24},
        "xAxis": {
            "type": "time",
            "min": 1000 * (looks[-1].time_s - span_s) if looks else None,
            "axisLabel": {**text, "hideOverlap": True},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "name": "log e",
            "nameLocation": "middle",
            "nameGap": 36,
            "nameTextStyle": text,
            "max": round(1.1 * highest, 1),
            "axisLabel": text,
            "splitLine": {"lineStyle": {"color": palette.graticule}},
        },
        "series": [
            {
                "type": "line",
                "symbol": "circle",
                "symbolSize": 7,
                "lineStyle": {"color": palette.accent, "width": 1.4},
                "data": data,
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "lineStyle": {"color": palette.bad, "type": "dashed"},
                    "label": {"formatter": "{b}", "position": "insideStartTop", "color": palette.bad},
                    "data": lines,
                },
            }
        ],
    }


def _line(name: str, data: list[list[float]], colour: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "symbol": "none",
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 1.8, "type": kind},
        "data": data,
    }


def _text(palette: Palette) -> dict[str, Any]:
    return {"color": palette.soft, "fontSize": 11, "fontFamily": FONT}
