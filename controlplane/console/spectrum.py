"""The spectrum grid as ECharts options: bands drawn to scale in frequency. Pure. Not here: what it shows.

It keeps the same series in the same order whatever it shows, because ECharts merges new options into old.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Any

from controlplane.console import viewmodel
from controlplane.console.charts import card, round_step, tooltip
from controlplane.console.network import NetworkCopy, ShownLightpath
from controlplane.console.palette import FONT, SERVICES, Palette
from controlplane.console.why import Drawn
from topologies.grid import SpectrumBand, band_of

_NAMED_ROWS = 24  # more rows than this: names of some only
_SLOT_MHZ = 12_500

# One rectangle per lightpath and link, from (first column, row, number of slots, opacity, colour); ECharts
# has no such series. Whatever else an item says costs a network of thousands of blocks at each change.
_DRAW_BLOCK = """(params, api) => {
  const corner = api.coord([api.value(0), api.value(1)]);
  const size = api.size([api.value(2), 1]);
  const height = Math.max(size[1] * 0.74, 2);
  const inset = Math.min(0.75, size[0] / 8);
  return {
    type: 'rect',
    shape: {x: corner[0] + inset, y: corner[1] - height / 2, width: Math.max(size[0] - 2 * inset, 1), height,
      r: size[0] < 4 ? 0 : Math.min(2, size[0] / 4)},
    style: {fill: %s[api.value(4)], opacity: api.value(3)},
    emphasis: {style: {opacity: 1}},
    transition: [],
  };
}"""
# What the sixth value of an item says, with the name of its row.
_TELL_BLOCK = "params => params.value[5].replace('{row}', () => %s[params.value[1]])"

# The outline of a block that is not lit.
_DRAW_OUTLINE = """(params, api) => {
  const corner = api.coord([api.value(0), api.value(1)]);
  const size = api.size([api.value(2), 1]);
  const height = Math.max(size[1] * 0.86, 3);
  return {
    type: 'rect',
    shape: {x: corner[0], y: corner[1] - height / 2, width: Math.max(size[0], 2), height, r: 1},
    style: {fill: 'transparent', stroke: api.visual('color'), lineWidth: 2},
    transition: [],
  };
}"""


def column(bands: Sequence[SpectrumBand], slot: int) -> float:
    """Where a slot begins on the horizontal axis: 12.5 GHz columns from the lowest band's edge."""
    band = band_of(bands, slot, 1)
    offset_mhz = band.first_edge_mhz - bands[0].first_edge_mhz
    return offset_mhz / _SLOT_MHZ + slot - band.first_slot


def spectrum_grid(
    state: NetworkCopy, selected: str | None, palette: Palette, pointed: Drawn | None = None
) -> dict[str, Any]:
    """Rows are links, columns slots; every lightpath is a block on each link that it crosses."""
    chosen = state.lightpaths.get(selected or "")
    names = [state.unit_name(unit) for unit in range(state.num_units)]
    bands = state.bands
    lower_thz, upper_thz = bands[0].first_edge_mhz / 1e6, bands[-1].end_edge_mhz / 1e6
    width = (bands[-1].end_edge_mhz - bands[0].first_edge_mhz) / _SLOT_MHZ
    axis: dict[str, Any] = {"axisLine": {"show": False}, "axisTick": {"show": False}}
    text: dict[str, Any] = {"color": palette.faint, "fontSize": 10, "fontFamily": FONT}
    several = len(bands) > 1
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "tooltip": tooltip(palette),
        "grid": {"left": 66, "right": 14, "top": 20, "bottom": 22},
        "xAxis": [
            {
                **axis,
                "type": "value",
                "min": 0,
                "max": width,
                "interval": round_step(width / 10),
                "axisLabel": {**text, "show": not several},  # several bands carry their slots in their names
                "splitLine": {"show": not several, "lineStyle": {"color": palette.line}},
            },
            {
                **axis,
                "type": "value",
                "position": "top",
                "min": lower_thz,
                "max": upper_thz,
                "interval": (upper_thz - lower_thz) / 4,
                "axisLabel": {**text, ":formatter": "value => value.toFixed(3) + ' THz'", "margin": 6},
                "splitLine": {"show": False},
            },
        ],
        "yAxis": {
            **axis,
            "type": "category",
            "inverse": True,
            "data": names,
            "axisLabel": {**text, "interval": -(-len(names) // _NAMED_ROWS) - 1, "margin": 10},
            "splitLine": {"show": False},
            "splitArea": {"show": True, "areaStyle": {"color": [palette.raised, "transparent"]}},
        },
        "dataZoom": [
            {"type": "inside", "xAxisIndex": [0, 1], "filterMode": "weakFilter", "zoomOnMouseWheel": "ctrl"},
            {"type": "inside", "yAxisIndex": 0, "filterMode": "weakFilter", "zoomOnMouseWheel": "shift"},
        ],
        "series": [
            {
                "id": "blocks",
                "type": "custom",
                ":renderItem": _DRAW_BLOCK % json.dumps([*SERVICES, palette.accent]),
                "tooltip": {":formatter": _TELL_BLOCK % json.dumps([escape(name) for name in names])},
                "clip": True,
                "progressive": 0,  # else 400 blocks a frame are drawn, after all have gone
                "dimensions": ["first_column", "row", "num_slots", "opacity", "colour"],
                "encode": {"x": 0, "y": 1},
                "data": [
                    item
                    for path in state.lightpaths.values()
                    for item in _block_items(
                        path,
                        state.units(path.nodes),
                        column(bands, path.first_slot),
                        len(SERVICES) if path is chosen else path.colour % len(SERVICES),
                        0.28 if chosen and path is not chosen else 1.0,
                    )
                ],
            },
            {
                "id": "bands",
                "type": "scatter",
                "silent": True,
                "z": 1,
                "data": [],
                "markArea": {
                    "silent": True,
                    "data": [*_named_bands(bands, text), *_gaps(bands, palette, text)] if several else [],
                },
            },
            pointed_block(state, pointed, palette),
        ],
    }


def pointed_block(state: NetworkCopy, pointed: Drawn | None, palette: Palette) -> dict[str, Any]:
    """The grid's series with the block that is pointed at, which is not lit, on each link of its route."""
    units = state.units(pointed.nodes) if pointed else ()
    return {
        "id": "pointed",
        "type": "custom",
        ":renderItem": _DRAW_OUTLINE,
        "clip": True,
        "silent": True,
        "z": 5,
        "encode": {"x": 0, "y": 1},
        "itemStyle": {"color": palette.warn},
        "data": [
            [column(state.bands, pointed.first_slot), unit, pointed.num_slots] for unit in units if pointed
        ],
    }


def _named_bands(bands: Sequence[SpectrumBand], text: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "name": f"{band.name}  slots {viewmodel.slot_text(band.first_slot, band.num_slots)}",
                "xAxis": column(bands, band.first_slot),
                "itemStyle": {"color": "transparent"},
                "label": {**text, "position": "bottom"},
            },
            {"xAxis": column(bands, band.end_slot - 1) + 1},
        ]
        for band in bands
    ]


def _gaps(
    bands: Sequence[SpectrumBand], palette: Palette, text: dict[str, Any]
) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "name": f"{(high.first_edge_mhz - low.end_edge_mhz) / 1000:g} GHz guard",
                "xAxis": column(bands, low.end_slot - 1) + 1,
                "itemStyle": {"color": palette.line},
                "label": {**text, "position": "inside", "rotate": 90},
            },
            {"xAxis": column(bands, high.first_slot)},
        ]
        for low, high in pairwise(bands)
        if high.first_edge_mhz > low.end_edge_mhz
    ]


@lru_cache(maxsize=20_000)
def _block_items(
    path: ShownLightpath, rows: tuple[int, ...], column: float, colour: int, opacity: float
) -> tuple[dict[str, Any], ...]:
    """A lightpath's blocks, one a row; kept, because at a change of the network nearly all stay."""
    told = _service_tooltip(path)
    return tuple(
        {"name": path.service_uuid, "value": [column, row, path.num_slots, opacity, colour, told]}
        for row in rows
    )


def _service_tooltip(path: ShownLightpath) -> str:
    """What is said of a lightpath on a link, whose name stands as ``{row}``."""
    in_band = f", {path.band} band," if path.band else ""
    quality, power = viewmodel.quality_text(path), viewmodel.power_text(path)
    return card(
        path.label,
        [
            f"{path.bit_rate_gbps:g} Gb/s · {path.modulation_format}",
            f"slots {viewmodel.slot_text(path.first_slot, path.num_slots)}{in_band} on {{row}}",
            f"{path.latency_ms:.2f} ms over {', '.join(path.nodes)}",
            *([quality] if quality else []),
            *([power] if power else []),
            f"decided by {path.decided_by} · {path.service_uuid[:8]}",
        ],
    )
