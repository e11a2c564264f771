"""Lines that no policy crosses, against load: the linear bound, the optimistic reference, the cut set.

Beside it stands what is no bound: the re-placing estimate of ``envs/defragmentation.py``, which ``policy.py``
measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from benchmarks.carried import load_at
from benchmarks.stored_rows import Row, StoredRows, origin_of
from envs.cutset import cut_set_bound
from envs.evaluation import Interval
from envs.linear_bound import LinearBound, linear_bound
from envs.plant import Plant
from envs.settings import Setting
from envs.traffic import PoissonTraffic

TARGET = 1e-3
SNAPSHOTS = 1000  # of a stored row, per load
BOUND_PATHS = 50  # K of a published setting
CONTENT = "linear bound and optimistic reference"
LEAST_BLOCKING = 1e-6  # stands for none where a logarithm is taken
Line = Literal["proven", "optimistic"]
LINES: tuple[Line, ...] = ("optimistic", "proven")


@dataclass
class BoundCurve:
    """The linear bound of a plant against load; every load that was looked at is kept.

    Attributes:
        plant: the network.
        traffic: what arrives; its load is set anew for every point.
        num_snapshots: drawn per load.
        on_progress: told what is measured next.
        points: so far, by load in Erlang.
    """

    plant: Plant
    traffic: PoissonTraffic
    num_snapshots: int
    on_progress: Callable[[str], None]
    points: dict[float, LinearBound] = field(default_factory=dict)

    def at(self, load_erlang: float) -> LinearBound:
        """The bound at a load."""
        load_erlang = round(load_erlang, 2)
        if load_erlang not in self.points:
            self.on_progress(f"{self.num_snapshots} snapshots at {load_erlang:g} Erlang")
            traffic = replace(self.traffic, load_erlang=load_erlang)
            self.points[load_erlang] = linear_bound(self.plant, traffic, self.num_snapshots)
        return self.points[load_erlang]

    def carried_erlang(self, line: Line, guess_erlang: float) -> float:
        """Load at which a line is at 0.1 %."""

        def log_blocking(load_erlang: float) -> float:
            mean = getattr(self.at(load_erlang), line).mean
            return 0.0 if math.isnan(mean) else math.log(max(mean, LEAST_BLOCKING))

        return load_at(log_blocking, TARGET, guess_erlang, refinements=1)

    def rows(self, line: Line) -> list[dict[str, Any]]:
        """The points of a line, as ``benchmarks.policy`` has those of a policy."""
        return [
            {"load_erlang": load, **_row(getattr(point, line))} for load, point in sorted(self.points.items())
        ]


def carried_rows(curve: BoundCurve, guess_erlang: float) -> dict[str, dict[str, Any]]:
    """Per line its points, and the load at which it is at 0.1 %."""
    carried = {}
    for line in LINES:
        guess_erlang = carried[line] = curve.carried_erlang(line, guess_erlang)
    return {line: {"carried_at_0.1pct_erlang": carried[line], "points": curve.rows(line)} for line in LINES}


def stored_lines(setting: Setting, curve: BoundCurve, rows: StoredRows, guess_erlang: float) -> Row:
    """``carried_rows`` of a published setting; drawn only if ``rows`` has none of as many snapshots."""
    origin = origin_of(setting, curve.plant, curve.plant.spec, CONTENT)
    return rows.row({**origin, "snapshots": curve.num_snapshots}, partial(carried_rows, curve, guess_erlang))


def lines_at(curve: BoundCurve, loads_erlang: list[float]) -> dict[str, dict[str, Any]]:
    """Per line its points at some loads."""
    for load in loads_erlang:
        curve.at(load)
    return {line: {"points": curve.rows(line)} for line in LINES}


def by_load(
    lines: Mapping[str, Mapping[str, Any]], plant: Plant, traffic: PoissonTraffic
) -> list[dict[str, Any]]:
    """Every line at each load that was looked at, the cut set beside them."""
    rows: dict[float, dict[str, Any]] = {}
    for line in LINES:
        for point in lines[line]["points"]:
            load = point["load_erlang"]
            rows.setdefault(load, {"load_erlang": load})[line] = {
                "request_blocking": point["request_blocking"],
                "ci95": point["ci95"],
            }
    for load, row in rows.items():
        cut = cut_set_bound(plant, replace(traffic, load_erlang=load))
        row["cut_set"] = {"request_blocking": cut.request_blocking}
    return [rows[load] for load in sorted(rows)]


def _row(blocking: Interval) -> dict[str, Any]:
    if math.isnan(blocking.mean):
        return {"request_blocking": None, "ci95": None}
    return {"request_blocking": blocking.mean, "ci95": [blocking.low, blocking.high]}
