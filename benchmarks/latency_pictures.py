"""Pictures of ``latency.py``: latency against blocking, and what each policy does to each service class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.latency import AGENT, KSP_FF, SHORTEST_PATH, Curve
from envs.class_figures import ClassFigures
from envs.evaluation import Interval
from envs.simulation import SimulationResult

LEAST_BLOCKING = 1e-6  # what a point without a blocked request is drawn at
STYLES = {AGENT: "-", SHORTEST_PATH: ":", KSP_FF: "--"}


def draw_latency_against_blocking(curves: Sequence[Curve], title: str, file: Path) -> None:
    """Mean and 95th percentile latency against request blocking, one line a policy, one dot a load."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    panels: tuple[tuple[str, Callable[[SimulationResult], Interval]], ...] = (
        ("mean latency (ms)", lambda point: point.mean_latency_ms),
        ("95th percentile latency (ms)", lambda point: point.p95_latency_ms),
    )
    for axes, (label, latency) in zip(figure.subplots(1, 2), panels, strict=True):
        for curve in curves:
            blocking = [max(point.request_blocking.mean, LEAST_BLOCKING) for point in curve.points]
            values = [latency(point) for point in curve.points]
            axes.errorbar(
                blocking,
                [value.mean for value in values],
                yerr=[value.half_width for value in values],
                marker="o",
                ms=3,
                lw=2 if curve.name == AGENT else 1.2,
                ls=STYLES.get(curve.name, "-"),
                label=curve.name,
            )
        for point in curves[0].points:
            at = (max(point.request_blocking.mean, LEAST_BLOCKING), latency(point).mean)
            axes.annotate(
                f"{point.load_erlang:g}", at, (0, 6), textcoords="offset points", ha="center", fontsize=7
            )
        axes.set(xscale="log", xlabel="request blocking", ylabel=label)
        axes.grid(alpha=0.3, which="both")
    figure.axes[0].legend(frameon=False)
    figure.suptitle(f"{title}; small numbers: Erlang, at the line of {curves[0].name}")
    figure.savefig(file, dpi=130)


def draw_behaviour(curves: Sequence[Curve], title: str, file: Path) -> None:
    """Blocking, detour and hops of every service class against load, one line a policy.

    A detour is the latency over the least of the node pair, minus 1.
    """
    names = [item.name for item in curves[0].points[0].classes]
    figure = Figure(figsize=(3.4 * len(names), 8), layout="constrained")
    grid = figure.subplots(3, len(names), sharex=True, sharey="row", squeeze=False)
    rows: tuple[tuple[str, Callable[[ClassFigures], Interval], float], ...] = (
        ("blocked (%)", lambda item: item.request_blocking, 100),
        ("detour (%)", lambda item: item.mean_detour, 100),
        ("hops", lambda item: item.mean_hops, 1),
    )
    for (label, figure_of, scale), panels in zip(rows, grid, strict=True):
        panels[0].set_ylabel(label)
        for c, axes in enumerate(panels):
            for curve in curves:
                _against_load(axes, curve, [figure_of(point.classes[c]) for point in curve.points], scale)
            axes.grid(alpha=0.3)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.01)
    for axes in grid[-1]:
        axes.set_xlabel("offered load (Erlang)")
    grid[0][0].legend(frameon=False, fontsize=8)
    figure.suptitle(title)
    figure.savefig(file, dpi=130)


def _against_load(axes: Axes, curve: Curve, values: Sequence[Interval], scale: float) -> None:
    loads = [point.load_erlang for point in curve.points]
    means = scale * np.array([value.mean for value in values])
    half = scale * np.array([value.half_width for value in values])
    (line,) = axes.plot(
        loads,
        np.where(means > 0, means, np.nan),
        marker="o",
        ms=3,
        lw=2 if curve.name == AGENT else 1.2,
        ls=STYLES.get(curve.name, "-"),
        label=curve.name,
    )
    low = np.maximum(means - half, means / 10)
    axes.fill_between(loads, low, means + half, color=line.get_color(), alpha=0.15, lw=0)
