"""The map and the decision times as ECharts options. Pure. Not here: what they show, the spectrum grid.

Each keeps the same series in the same order whatever it shows, because ECharts merges new options into old.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any

from controlplane.console import viewmodel
from controlplane.console.network import NetworkCopy, ShownLightpath
from controlplane.console.palette import FONT, Palette
from controlplane.console.viewmodel import Decision
from controlplane.console.why import Drawn
from topologies.model import Topology

MAP_ASPECT = 1.93  # width over height that the map is drawn for


@dataclass(frozen=True)
class Frame:
    """Where a topology lies on the map: projected places and the window around them."""

    places: dict[str, tuple[float, float]]
    labels: dict[str, str]  # side of each node on which its name is least in the way
    left: float
    right: float
    bottom: float
    top: float


def frame(topology: Topology, aspect: float = MAP_ASPECT) -> Frame:
    """Places of the nodes and a window of the stated width over height, with room for labels.

    The projection is equirectangular, true at the mean latitude.
    """
    latitudes = [node.latitude_deg for node in topology.nodes]
    squeeze = math.cos(math.radians(sum(latitudes) / len(latitudes)))
    places = {node.name: (node.longitude_deg * squeeze, node.latitude_deg) for node in topology.nodes}
    xs, ys = zip(*places.values(), strict=True)
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    height = max(height, width / aspect, 1e-3) * 1.34  # names have room in a low panel too
    width = height * aspect
    if (needed := (max(xs) - min(xs)) * 1.12) > width:
        width, height = needed, needed / aspect
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return Frame(
        places, _label_sides(topology, places), x - width / 2, x + width / 2, y - height / 2, y + height / 2
    )


def network_map(
    state: NetworkCopy,
    selected: str | None,
    palette: Palette,
    window: Frame,
    pointed: Drawn | None = None,
) -> dict[str, Any]:
    """Nodes, fibre pairs coloured by spectrum use, the lightpath in focus, the route that is pointed at."""
    path = viewmodel.focus(state, selected)
    route = [list(window.places[node]) for node in path.nodes] if path else []
    fibres = _fibre_lines(state, palette, window)
    return {
        "animationDuration": 200,
        "animationDurationUpdate": 200,
        "textStyle": {"fontFamily": FONT},
        "tooltip": tooltip(palette),
        "grid": {"left": 0, "right": 0, "top": 0, "bottom": 0},
        "xAxis": _graticule(palette, window.left, window.right),
        "yAxis": _graticule(palette, window.bottom, window.top),
        "dataZoom": [
            {"type": "inside", "xAxisIndex": 0, "filterMode": "none"},
            {"type": "inside", "yAxisIndex": 0, "filterMode": "none"},
        ],
        "series": [
            {
                "id": "fibres",
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "z": 2,
                "silent": True,  # the pointer takes it by its grip
                "lineStyle": {"width": 2.5, "opacity": 1},
                "data": [line for line, _ in fibres],
            },
            {
                "id": "lightpath",
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "polyline": True,
                "silent": True,
                "zlevel": 1,  # a canvas of its own: its arrow moves, and a canvas is drawn anew as a whole
                "lineStyle": {
                    "color": palette.accent,
                    "width": 4.5,
                    "opacity": 0.9,
                    "cap": "round",
                    "join": "round",
                },
                "effect": {
                    "show": True,
                    "constantSpeed": 55,
                    "symbol": "arrow",
                    "symbolSize": 12,
                    "color": palette.accent,
                    "trailLength": 0,
                },
                "data": [{"name": path.service_uuid, "coords": route}] if path else [],
            },
            {
                "id": "nodes",
                "type": "scatter",
                "zlevel": 2,
                "cursor": "pointer",
                "labelLayout": {"hideOverlap": True},
                "label": {
                    "show": True,
                    "formatter": "{b}",
                    "distance": 6,
                    "fontSize": 11.5,
                    "fontFamily": FONT,
                    "textBorderColor": palette.surface,
                    "textBorderWidth": 3,
                },
                "data": _node_points(state, path, palette, window),
            },
            pointed_route(pointed, palette, window),
            {
                "id": "grips",  # what a pointer can take a fibre by
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "z": 1,
                "lineStyle": {"width": 16, "opacity": 0.01},
                "data": [grip for _, grip in fibres],
            },
        ],
    }


def pointed_route(pointed: Drawn | None, palette: Palette, window: Frame) -> dict[str, Any]:
    """The map's series with the route that is pointed at, which is not lit."""
    coords = [list(window.places[node]) for node in pointed.nodes] if pointed else []
    return {
        "id": "pointed",
        "type": "lines",
        "coordinateSystem": "cartesian2d",
        "polyline": True,
        "silent": True,
        "zlevel": 1,
        "z": 4,
        "lineStyle": {"color": palette.warn, "width": 3.5, "type": [7, 4], "opacity": 1},
        "data": [{"coords": coords}] if coords else [],
    }


def decision_times(decisions: Sequence[Decision], palette: Palette) -> dict[str, Any]:
    """One bar per decision, the oldest first: its height is the time it took, its colour who decided."""
    colours = {"model": palette.accent, "fallback": palette.warn}
    times_ms = [decision.total_ms for decision in decisions] or [1.0]
    # one slow decision must not flatten all the others; its bar is cut, its tooltip says how slow
    highest_ms = min(max(times_ms), 5 * median(times_ms) or max(times_ms)) or 1.0
    step_ms = round_step(highest_ms / 3)
    highest_ms = step_ms * math.ceil(highest_ms / step_ms)
    return {
        "animation": False,
        "tooltip": tooltip(palette),
        "grid": {"left": 58, "right": 14, "top": 8, "bottom": 10},
        "xAxis": {"type": "category", "show": False},
        "yAxis": {
            "type": "value",
            "min": 0,
            "max": highest_ms,
            "interval": step_ms,
            "axisLabel": {
                "color": palette.soft,
                "fontSize": 11,
                "fontFamily": FONT,
                "hideOverlap": True,
                # the panel may be low: the ends of the scale only
                ":formatter": f"value => value % {highest_ms:g} ? '' : +value.toPrecision(3) + ' ms'",
            },
            "splitLine": {"lineStyle": {"color": palette.graticule}},
        },
        "series": [
            {
                "id": "times",
                "type": "bar",
                "barCategoryGap": "25%",
                "barMaxWidth": 9,
                "barMinHeight": 1,
                "clip": True,
                "data": [
                    {
                        "name": key,
                        "value": decision.total_ms,
                        "itemStyle": {
                            "color": colours.get(decision.decided_by, palette.faint),
                            "borderRadius": [2, 2, 0, 0],
                            "opacity": 0.72,
                        },
                        "tooltip": {
                            "formatter": card(
                                f"{decision.total_ms:.1f} ms",
                                [f"{decision.source} → {decision.destination}", f"by {decision.decided_by}"],
                            )
                        },
                    }
                    for key, decision in reversed(
                        [*zip(viewmodel.decision_keys(decisions), decisions, strict=True)]
                    )
                ],
            }
        ],
    }


def card(title: str, lines: list[str]) -> str:
    """The HTML of a tooltip: a title and lines below it."""
    body = "".join(f"<div style='opacity:.78'>{escape(line)}</div>" for line in lines)
    return f"<div style='font-weight:600;margin-bottom:2px'>{escape(title)}</div>{body}"


def tooltip(palette: Palette) -> dict[str, Any]:
    """How tooltips look."""
    return {
        "trigger": "item",
        "confine": True,
        "backgroundColor": palette.surface,
        "borderColor": palette.line,
        "padding": [8, 11],
        "textStyle": {"color": palette.ink, "fontSize": 12, "fontFamily": FONT},
        "extraCssText": "box-shadow:0 6px 24px rgba(2,8,23,.16);border-radius:8px;",
    }


def round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below ``step``."""
    power = 10.0 ** math.floor(math.log10(max(step, 1e-6)))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * (1 - 1e-9))


def _label_sides(topology: Topology, places: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    sides = {"top": (0.0, 1.0), "bottom": (0.0, -1.0), "right": (1.0, 0.0), "left": (-1.0, 0.0)}
    graph = topology.graph()
    spread = max(max(v) - min(v) for v in zip(*places.values(), strict=True)) or 1.0
    chosen = {}
    for name, (x, y) in places.items():
        cost = dict.fromkeys(sides, 0.0)
        for other, (other_x, other_y) in places.items():
            distance = math.hypot(other_x - x, other_y - y)
            if other == name or distance == 0:
                continue
            # a link leaving on that side is in the way, and so is a node close by
            weight = 1.0 * graph.has_edge(name, other) + 2.0 * math.exp(-distance / (0.04 * spread))
            for side, (side_x, side_y) in sides.items():
                facing = ((other_x - x) * side_x + (other_y - y) * side_y) / distance
                cost[side] += weight * max(facing, 0.0) ** 2
        chosen[name] = min(cost, key=lambda side: cost[side] + (0.0 if side == "top" else 0.15))
    return chosen


def _fibre_lines(
    state: NetworkCopy, palette: Palette, window: Frame
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Of each fibre pair its line, and its grip, which tells of it."""
    use = viewmodel.fibre_use(state)
    lines = []
    for index, fibre in enumerate(state.topology.fibres):
        ends = frozenset((fibre.node_a, fibre.node_b))
        cut, drained = ends in state.failed, ends in state.drained
        label = f"{fibre.node_a} – {fibre.node_b}"
        said = "cut" if cut else f"{use[index]:.0%} of slots in use"
        said += ", drained" if drained and not cut else ""
        place = {
            "name": label,
            "coords": [list(window.places[fibre.node_a]), list(window.places[fibre.node_b])],
        }
        style = {
            "color": palette.bad if cut else palette.use_colour(float(use[index])),
            "type": "dashed" if cut else "dotted" if drained else "solid",
        }
        told = {
            "formatter": card(label, [said, f"{fibre.length_km:,.0f} km", "click to cut, repair or drain it"])
        }
        lines.append(({**place, "value": float(use[index]), "lineStyle": style}, {**place, "tooltip": told}))
    return lines


def _node_points(
    state: NetworkCopy, path: ShownLightpath | None, palette: Palette, window: Frame
) -> list[dict[str, Any]]:
    starting: dict[str, int] = {}
    for each in state.lightpaths.values():
        for end in (each.nodes[0], each.nodes[-1]):
            starting[end] = starting.get(end, 0) + 1
    on_route = set(path.nodes) if path else set()
    ends = {path.nodes[0], path.nodes[-1]} if path else set()
    size = 11 if len(window.places) <= 30 else 7  # pixels
    points = []
    for name, place in window.places.items():
        is_end, passed, is_drained = name in ends, name in on_route, frozenset((name,)) in state.drained
        said = [f"{starting.get(name, 0)} services begin or end here", *(["drained"] if is_drained else [])]
        said.append("click to ask for a service from here, or to drain it")
        points.append(
            {
                "name": name,
                "value": list(place),
                "symbolSize": size * 1.35 if is_end else size,
                "itemStyle": {
                    "color": palette.accent if is_end else palette.surface,
                    "borderColor": palette.accent if passed else palette.soft,
                    "borderWidth": 2.5 if passed or is_drained else 1.75,
                    "borderType": "dotted" if is_drained else "solid",
                },
                "label": {
                    "position": window.labels[name],
                    "color": palette.ink if passed else palette.soft,
                    "fontWeight": 600 if passed else 500,
                },
                "tooltip": {"formatter": card(name, said)},
            }
        )
    return points


def _graticule(palette: Palette, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "value",
        "min": low,
        "max": high,
        "interval": round_step((high - low) / 12),
        "axisLine": {"show": False},
        "axisTick": {"show": False},
        "axisLabel": {"show": False},
        "splitLine": {"show": True, "lineStyle": {"color": palette.graticule, "width": 1}},
    }
