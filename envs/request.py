"""One request for a lightpath. Many of them, stored: ``trace.py``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Request:
    """One arrival. Nodes are indices of the topology; an infinite bound is no bound."""

    source: int
    destination: int
    bit_rate_gbps: float
    max_latency_ms: float = math.inf
    arrival_s: float = 0.0
    holding_s: float = math.inf


class Asked(NamedTuple):
    """One request as a kernel sees it."""

    pair: int
    service_class: int
    bit_rate_gbps: float | np.floating
    max_latency_ms: float | np.floating  # infinite without a bound
    now_s: float
    holding_s: float
