"""One request for a lightpath. Many of them, stored: ``trace.py``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Request:
    """One arrival. Nodes are indices of the topology; an infinite bound is no bound.

    ``told_end_s``: when its service ends, as its client tells it, on the clock of ``arrival_s``; infinite:
    that is not told.
    """

    source: int
    destination: int
    bit_rate_gbps: float
    max_latency_ms: float = math.inf
    arrival_s: float = 0.0
    told_end_s: float = math.inf
    service_class: str = ""


class KnownLife(NamedTuple):
    """What is known of how long a lightpath stands, on the clock that requests arrive on."""

    began_s: float
    told_end_s: float  # infinite: not told
    row: int | np.integer  # of its class in the forecast's table of lives; -1: none


class Asked(NamedTuple):
    """One request as a kernel sees it."""

    pair: int | np.integer
    service_class: int | np.integer
    bit_rate_gbps: float | np.floating
    max_latency_ms: float | np.floating  # infinite without a bound
    now_s: float
    holding_s: float
    told_end_s: float  # infinite: not told
    life_row: int | np.integer  # of ``KnownLife``
