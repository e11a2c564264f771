"""How many slots a bit rate takes: the one place in the twin that says so.

The controller works it out in code of its own, on purpose: it checks what the twin has listed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.compiled import entered, plain

ROUNDING = 1e-9  # slots: a product that should be whole may come out a little above


@entered
def slots_needed(slots_per_gbps, guard_slots, bit_rate_gbps):
    """Slots, guard included, for a bit rate with a format."""
    return np.int64(np.ceil(np.float64(bit_rate_gbps) * slots_per_gbps - ROUNDING)) + guard_slots


def slots_needed_by(slots_per_gbps: Any, guard_slots: int, bit_rate_gbps: Any) -> Any:
    """``slots_needed`` of numbers or arrays that broadcast, int64."""
    return plain(slots_needed)(slots_per_gbps, guard_slots, bit_rate_gbps)
