"""One-way latency of a lightpath: fibre, nodes, transponders. The terms come from ``data/latency.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class LatencyModel:
    """Terms of the one-way latency, in microseconds (and per km).

    ``compensating_share`` is the dispersion-compensating fibre of a line over its own length: none on lines
    for coherent transponders, which compensate themselves.
    """

    propagation_us_per_km: float = 4.9
    node_us: float = 0.1
    transponder_us: float = 10.0
    compensating_share: float = 0.0

    @property
    def line_us_per_km(self) -> float:
        """Latency of a km of line: its fibre, the doped fibre of its amplifiers, compensating fibre."""
        return self.propagation_us_per_km * (1.0 + self.compensating_share)

    def path_latency_ms(self, length_km: np.ndarray, hops: np.ndarray) -> np.ndarray:
        """Latency in ms of paths of given lengths and hops.

        Every node along the path is crossed once (hops + 1 nodes) and there is a transponder at each end.
        """
        fibre_us = self.line_us_per_km * np.asarray(length_km, np.float64)
        nodes_us = self.node_us * (np.asarray(hops, np.float64) + 1)
        return (fibre_us + nodes_us + 2 * self.transponder_us) / 1000.0


def load_latency_model(file: Path | None = None) -> LatencyModel:
    """The latency model in a file; the one that ships by default."""
    document = json.loads((file or Path(__file__).parent / "data" / "latency.json").read_text())
    return LatencyModel(
        propagation_us_per_km=float(document["propagation_us_per_km"]),
        node_us=float(document["node_us"]),
        transponder_us=float(document["transponder_us"]),
        compensating_share=float(document["compensating_share"]),
    )
