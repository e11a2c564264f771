"""Picture of simulations with quality of transmission: blocking, margins and bands, policy beside policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightloop.output import Refusal

BAND_COLOURS = {"L": "#cc6677", "C": "#4477aa", "S": "#ddaa33"}


def draw_simulation(points: list[dict[str, Any]], bands: list[str], picture: Path) -> None:
    """Draw the points of ``lightloop gsnr simulate``.

    Blocking over load; at the last load the quantiles of the margin and what each band carries.

    Args:
        points: one for each load: ``{"load_erlang": ..., "policies": [row, ...]}``.
        bands: in order of frequency.
        picture: where to; a name that ends in .png or .svg.

    Raises:
        Refusal: the file cannot be written.
    """
    from matplotlib.figure import Figure

    loads = [point["load_erlang"] for point in points]
    names = [row["policy"] for row in points[0]["policies"]]
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    blocking, margin, share = figure.subplots(1, 3)
    for index, name in enumerate(names):
        rows = [point["policies"][index] for point in points]
        means = [100 * row["request_blocking"] for row in rows]
        low, high = zip(*(row["request_blocking_ci95"] for row in rows), strict=True)
        (line,) = blocking.plot(loads, means, marker="o", ms=3, label=name)
        blocking.fill_between(
            loads,
            [max(100 * value, 1e-3) for value in low],
            [100 * value for value in high],
            color=line.get_color(),
            alpha=0.2,
        )
        quantiles = rows[-1]["margin_db"]
        margin.plot(
            list(quantiles.values()),
            [100 * float(key) for key in quantiles],
            marker="o",
            ms=3,
            color=line.get_color(),
            label=name,
        )
        left = 0.0
        for band in bands:
            width = 100 * rows[-1]["lightpath_share"][band]
            share.barh(name, width, left=left, color=BAND_COLOURS.get(band, "grey"))
            share.text(left + width / 2, index, f"{band} {width:.0f} %", ha="center", va="center", fontsize=7)
            left += width
    blocking.set(xlabel="offered load (Erlang)", ylabel="requests blocked %", yscale="log")
    margin.set(
        xlabel=f"GSNR over threshold at set-up (dB), {loads[-1]:g} Erlang", ylabel="lightpaths below %"
    )
    share.set(xlabel=f"lightpaths by band %, {loads[-1]:g} Erlang")
    for axes in (blocking, margin):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
    try:
        figure.savefig(picture, dpi=130)
    except (OSError, ValueError) as error:
        raise Refusal(
            f"cannot draw into {picture}: {error}; name a .png or .svg in a folder that exists"
        ) from None
