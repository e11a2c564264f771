"""The spectrum grid: axes as ECharts options, bands drawn to scale in frequency, and its blocks. Pure.

It keeps the same series in the same order whatever it shows, because ECharts merges new options into old.
Not here: the page's part that holds and paints it (``blocks.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from controlplane.console import viewmodel
from controlplane.console.charts import card, round_step, tooltip
from controlplane.console.network import NetworkCopy, ShownLightpath
from controlplane.console.palette import FONT, Palette
from controlplane.console.why import Drawn
from topologies.grid import SpectrumBand, band_of

# Of a lightpath: first column, number of slots, number of its colour, rows, and what is told of it.
Block = tuple[float, int, int, tuple[int, ...], str]

_NAMED_ROWS = 24  # more rows than this: names of as many as there is room for
_SLOT_MHZ = 12_500

# The blocks are one picture, which the page's own part paints (``blocks.js``).
_PICTURE = "(params, api) => getElement(%d)?.picture(params, api)"

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


def spectrum_frame(
    state: NetworkCopy, palette: Palette, pointed: Drawn | None, painter: int
) -> dict[str, Any]:
    """Rows are links, columns slots. ``painter``: NiceGUI's number of the part that paints the blocks."""
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
            "axisLabel": {**text, "interval": 0 if len(names) <= _NAMED_ROWS else "auto", "margin": 10},
            "splitLine": {"show": False},
            "splitArea": {"show": True, "areaStyle": {"color": [palette.raised, "transparent"]}},
        },
        "dataZoom": [
            {"type": "inside", "xAxisIndex": [0, 1], "filterMode": "none", "zoomOnMouseWheel": "ctrl"},
            {"type": "inside", "yAxisIndex": 0, "filterMode": "none", "zoomOnMouseWheel": "shift"},
        ],
        "series": [
            {
                "id": "blocks",
                "type": "custom",
                ":renderItem": _PICTURE % painter,
                "clip": True,
                "silent": True,
                "encode": {"x": 0, "y": 1},
                "data": [[0, 0]],
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


def blocks_of(state: NetworkCopy) -> dict[str, Block]:
    """The blocks of every lightpath, by service."""
    return {
        service: _block(path, state.units(path.nodes), column(state.bands, path.first_slot))
        for service, path in state.lightpaths.items()
    }


@lru_cache(maxsize=20_000)
def _block(path: ShownLightpath, rows: tuple[int, ...], first_column: float) -> Block:
    """Kept, because at a change of the network nearly all stay."""
    return first_column, path.num_slots, path.colour, rows, _service_tooltip(path)


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
