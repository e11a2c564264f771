"""What a network draws: figures of one run, and of several with intervals. What is counted: ``meter.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envs.energy.meter import PowerCounts

if TYPE_CHECKING:
    from envs.plant import Plant


@dataclass(frozen=True)
class PowerResult:
    """What a network draws, mean as arrivals see it."""

    transponders_w: float
    amplifiers_w: float
    nodes_w: float
    lit_gbps: float  # bit rate carried
    sleeping_share: float  # of fibre pairs, dark in both directions
    held_w: float = 0.0  # of ``amplifiers_w``: dark amplifiers that are still awake
    waiting_share: float = 0.0  # of the lightpaths set up, over amplifiers that slept or were still waking
    mean_wait_s: float = 0.0  # of those that waited

    @property
    def mean_power_w(self) -> float:
        """Of all parts together."""
        return self.transponders_w + self.amplifiers_w + self.nodes_w

    @property
    def energy_per_bit_pj(self) -> float:
        """Power over the bit rate carried, pJ/bit; not a number where nothing was carried."""
        return 1000.0 * self.mean_power_w / self.lit_gbps if self.lit_gbps > 0 else float("nan")


def power_result(counts: PowerCounts, n: int, plant: Plant) -> PowerResult | None:
    """The figures of row ``n``; None without a power model, or where nothing was counted."""
    read = counts.readings[n]
    samples = int(read["samples"])
    if plant.power is None or not samples:
        return None
    return PowerResult(
        transponders_w=float(read["transponders_w"]) / samples,
        amplifiers_w=float(read["amplifiers_w"]) / samples,
        nodes_w=float(read["nodes_w"]) / samples,
        lit_gbps=float(read["lit_gbps"]) / samples,
        sleeping_share=float(read["sleeping_fibres"]) / samples / len(plant.topology.fibres),
    )
