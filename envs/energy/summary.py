"""Power of a policy over independent runs, with intervals. Those of one run: ``figures.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.evaluation import Interval, interval

if TYPE_CHECKING:
    from envs.energy.figures import PowerResult


@dataclass(frozen=True)
class PowerSummary:
    """Means over runs, as arrivals see it; intervals at 95 %."""

    mean_power_w: Interval
    energy_per_bit_pj: Interval
    sleeping_share: Interval  # of fibre pairs, dark in both directions
    transponders_w: float
    amplifiers_w: float
    nodes_w: float
    lit_gbps: float  # bit rate carried
    held_w: float  # of ``amplifiers_w``: dark amplifiers that are still awake
    waiting_share: Interval  # of the lightpaths set up, over amplifiers that slept or were still waking
    mean_wait_s: float  # of those that waited

    def row(self) -> dict[str, Any]:
        """For JSON: means by name, and beside each its interval as ``..._ci95``; watts by part."""
        figures: dict[str, Any] = {}
        for name in ("mean_power_w", "energy_per_bit_pj", "sleeping_share", "waiting_share"):
            one: Interval = getattr(self, name)
            figures |= {name: one.mean, f"{name}_ci95": [one.low, one.high]}
        parts = {"transponders": self.transponders_w, "amplifiers": self.amplifiers_w, "nodes": self.nodes_w}
        figures |= {"held_w": self.held_w, "mean_wait_s": self.mean_wait_s}
        return figures | {"mean_power_by_part_w": parts, "carried_gbps": self.lit_gbps}


def power_summary(runs: Sequence[PowerResult | None]) -> PowerSummary | None:
    """The summary of runs; None where there is no power model."""
    known = [run for run in runs if run is not None]
    if not known:
        return None
    return PowerSummary(
        mean_power_w=interval([run.mean_power_w for run in known]),
        energy_per_bit_pj=interval([run.energy_per_bit_pj for run in known]),
        sleeping_share=interval([run.sleeping_share for run in known]),
        transponders_w=float(np.mean([run.transponders_w for run in known])),
        amplifiers_w=float(np.mean([run.amplifiers_w for run in known])),
        nodes_w=float(np.mean([run.nodes_w for run in known])),
        lit_gbps=float(np.mean([run.lit_gbps for run in known])),
        held_w=float(np.mean([run.held_w for run in known])),
        waiting_share=interval([run.waiting_share for run in known]),
        mean_wait_s=float(np.mean([run.mean_wait_s for run in known])),
    )
