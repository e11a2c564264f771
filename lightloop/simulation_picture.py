"""Picture of simulated figures: blocking against load; energy, margins and bands where the rows have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightloop.figures import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND_COLOURS = {"L": "#cc6677", "C": "#4477aa", "S": "#ddaa33"}
BLOCKING_FLOOR = 1e-5  # %: what an interval that reaches 0 is drawn down to
DASHED = ("defragmentation",)  # no policy: lightpaths are moved

Panel = Callable[["Axes", Sequence[Sequence[Row]]], None]


def draw_simulation(points: Sequence[Row], bound: Sequence[Row], title: str, picture: Path) -> None:
    """Draw rows of ``SimulationResult.row``, one line a policy with its 95 % interval; bounds dashed.

    Args:
        points: load by load, the same policies at each.
        bound: load and least request blocking of the cut-set bound; may be empty.
        title: above all panels.
        picture: where to; a name that ends in .png or .svg.
    """
    from matplotlib.figure import Figure

    per_load = len(points) // len({_load(row) for row in points})
    curves = [sorted(points[index::per_load], key=_load) for index in range(per_load)]
    panels: list[Panel] = [lambda axes, curves: _blocking(axes, curves, bound)]
    panels += [_energy, _asleep] if "energy_per_bit_pj" in points[0] else []
    panels += [_margins, _bands] if "margin_db" in points[0] else []
    figure = Figure(figsize=(7 if len(panels) == 1 else 4.4 * len(panels), 4.5), layout="constrained")
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        panel(axes, curves)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    figure.savefig(picture, dpi=150)


def _load(row: Row) -> float:
    return float(row["load_erlang"])


def _blocking(axes: Axes, curves: Sequence[Sequence[Row]], bound: Sequence[Row]) -> None:
    _against_load(axes, curves, "request_blocking", 100, BLOCKING_FLOOR)
    if bound:
        rows = sorted(bound, key=_load)
        axes.plot([*map(_load, rows)], [100 * row["request_blocking"] for row in rows], "k:", label="cut-set")
    axes.set(ylabel="requests blocked (%)", yscale="log")


def _energy(axes: Axes, curves: Sequence[Sequence[Row]]) -> None:
    _against_load(axes, curves, "energy_per_bit_pj")
    axes.set(ylabel="energy per bit (pJ/bit)", yscale="log")
    for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        set_formatter("{x:,.0f}")


def _asleep(axes: Axes, curves: Sequence[Sequence[Row]]) -> None:
    _against_load(axes, curves, "sleeping_share", 100)
    axes.set(ylabel="fibre pairs asleep (%)")


def _against_load(
    axes: Axes, curves: Sequence[Sequence[Row]], name: str, scale: float = 1.0, floor: float = -np.inf
) -> None:
    for rows in curves:
        loads = [_load(row) for row in rows]
        low, high = scale * np.array([row[f"{name}_ci95"] for row in rows]).T
        style = "--" if rows[0]["policy"] in DASHED else "-"
        means = [scale * row[name] for row in rows]
        (line,) = axes.plot(loads, means, style, marker="o", ms=3, label=rows[0]["policy"])
        axes.fill_between(loads, np.maximum(low, floor), high, color=line.get_color(), alpha=0.2)
    axes.set(xlabel="offered load (Erlang)")
    axes.grid(alpha=0.3, which="both")


def _margins(axes: Axes, curves: Sequence[Sequence[Row]]) -> None:
    """Quantiles of the margin at the highest load."""
    for rows in curves:
        quantiles = rows[-1]["margin_db"]
        axes.plot(list(quantiles.values()), [100 * float(key) for key in quantiles], marker="o", ms=3)
    axes.set(
        xlabel=f"GSNR over threshold at set-up (dB), {_load(curves[0][-1]):g} Erlang",
        ylabel="lightpaths below (%)",
    )
    axes.grid(alpha=0.3)


def _bands(axes: Axes, curves: Sequence[Sequence[Row]]) -> None:
    """Lightpaths by band at the highest load."""
    for index, rows in enumerate(curves):
        left = 0.0
        for band, share in rows[-1]["lightpath_share"].items():
            axes.barh(index, 100 * share, left=left, color=BAND_COLOURS.get(band, "grey"))
            middle = left + 50 * share
            axes.text(middle, index, f"{band} {100 * share:.0f} %", ha="center", va="center", fontsize=7)
            left += 100 * share
    axes.set_yticks(range(len(curves)), [rows[-1]["policy"] for rows in curves])
    axes.set(xlabel=f"lightpaths by band (%), {_load(curves[0][-1]):g} Erlang")
