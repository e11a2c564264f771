"""Figures of several independent runs where quality of transmission decides, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from envs.evaluation import Interval, interval
from envs.gsnr.figures import QotResult


@dataclass(frozen=True)
class QotSummary:
    """Means over independent runs with 95 % intervals."""

    throughput_gbps: Interval
    mean_channels: Interval
    margin_db: dict[float, Interval]
    lightpath_share: dict[str, Interval]
    spectrum_used: dict[str, Interval]

    def row(self) -> dict[str, Any]:
        """For JSON: means by name, and beside each its interval as ``..._ci95``; groups stay groups."""
        figures: dict[str, Any] = {}
        for name in ("throughput_gbps", "mean_channels"):
            one: Interval = getattr(self, name)
            figures |= {name: one.mean, f"{name}_ci95": [one.low, one.high]}
        for name in ("margin_db", "lightpath_share", "spectrum_used"):
            group: dict[Any, Interval] = getattr(self, name)
            figures[name] = {str(key): one.mean for key, one in group.items()}
            figures[f"{name}_ci95"] = {str(key): [one.low, one.high] for key, one in group.items()}
        return figures


def qot_summary(runs: Sequence[QotResult | None]) -> QotSummary | None:
    """Of independent runs; None where there is nothing to sum up."""
    found = [run for run in runs if run is not None]
    if not found:
        return None
    first = found[0]
    return QotSummary(
        throughput_gbps=interval([run.throughput_gbps for run in found]),
        mean_channels=interval([run.mean_channels for run in found]),
        margin_db={key: interval([run.margin_db[key] for run in found]) for key in first.margin_db},
        lightpath_share={
            key: interval([run.lightpath_share[key] for run in found]) for key in first.lightpath_share
        },
        spectrum_used={
            key: interval([run.spectrum_used[key] for run in found]) for key in first.spectrum_used
        },
    )
