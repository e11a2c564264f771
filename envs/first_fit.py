"""First fit by slots alone, without a list of candidates: the fastest rules.

A request costs about K x hops x words reads until a path fits (mostly the first), plus a constant for being
drawn, released and counted. Policies that look at every candidate: ``search.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import first_run_128, first_set, starts_inplace
from envs.blocks import path_words
from envs.compiled import inlined
from envs.plant import Plant
from envs.serving import decided_by, placed
from envs.slots import slots_needed

KSP_FF = 0  # paths in order, the first that fits, lowest slot
FF_KSP = 1  # the lowest slot over all paths, ties to the better path


@inlined
def first_fit_on_path(free, units, num_slots, scratch):
    """Lowest slot where ``num_slots`` are free on all units of a path, or -1."""
    if len(scratch) == 2:
        unit = units[0]
        low = free[unit, 0]
        high = free[unit, 1]
        for h in range(1, len(units)):
            unit = units[h]
            low &= free[unit, 0]
            high &= free[unit, 1]
        return first_run_128(low, high, num_slots)
    path_words(free, units, scratch)
    starts_inplace(scratch, num_slots)
    return first_set(scratch)


class FirstFit(NamedTuple):
    """First fit by slots alone; made by ``first_fit_rule``."""

    order: int  # KSP_FF or FF_KSP
    scratch: np.ndarray  # (num_words,) uint64


def first_fit_rule(plant: Plant, order: int) -> FirstFit:
    """The rule for one network of a plant."""
    return FirstFit(order, np.empty(plant.arrays.num_words, np.uint64))


@decided_by(FirstFit)
@inlined
def decide_first_fit(policy, plant, states, net, n, asked):
    """The first path that fits, or the lowest slot over all paths."""
    free, path_units, path_hops = net.free, plant.path_units, plant.path_hops
    path_format, slots_per_gbps = plant.path_format, plant.slots_per_gbps
    best_path, best_slot, best_num = -1, 1 << 30, 0
    for path in range(plant.first_path[asked.pair], plant.first_path[asked.pair + 1]):
        if plant.path_latency_ms[path] > asked.max_latency_ms:
            continue
        per_gbps = slots_per_gbps[path_format[path]]
        num_slots = slots_needed(per_gbps, plant.guard_slots, asked.bit_rate_gbps)
        slot = first_fit_on_path(free, path_units[path, : path_hops[path]], num_slots, policy.scratch)
        if slot >= 0 and slot < best_slot:
            best_path, best_slot, best_num = path, slot, num_slots
            if policy.order == KSP_FF or slot == 0:
                break
    return placed(plant, best_path, best_slot, best_num)
