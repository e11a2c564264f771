"""The re-placing estimate: about what blocking would be if lightpaths could be moved freely.

Requests are served by KSP-FF; where one would be blocked, everything active and the newcomer are placed anew
in an empty network, largest first (slots x hops on the pair's best path), each by KSP-FF, and where that
fails each by FF-KSP. If all fit, the new placement stands and nothing is blocked. It is no bound, as first
fit is not an optimal packing: a policy that cannot move lightpaths can pass it. Lines that none can cross
are in ``linear_bound.py`` and ``cutset.py``. After Doherty et al., "Reinforcement learning for dynamic
resource allocation in optical networks: hype or hope?", JOCN 2025, who re-place by KSP-FF.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.blocks import Block, allocate
from envs.compiled import inlined, kernel
from envs.first_fit import first_fit_on_path
from envs.parts import SetUp, set_up_parts, tear_down_parts
from envs.plant import Plant
from envs.request import KnownLife
from envs.serving import decided_by, placed
from envs.slots import slots_needed


class Defragmenting(NamedTuple):
    """KSP-FF that moves what stands where it would block; made by ``defragmenting_rule``."""

    request_of: np.ndarray  # (A, 3) float64, per lightpath entry the pair, bit rate and bound asked for
    scratch: np.ndarray  # (num_words,) uint64
    trial: np.ndarray  # (num_units, num_words) uint64, the network that is filled anew
    entries: np.ndarray  # (A + 1,) int64 what is placed anew; -1: the newcomer
    sizes: np.ndarray  # (A + 1,) float64, minus the slots x hops of each
    new_path: np.ndarray  # (A + 1,) int64
    new_slot: np.ndarray
    new_num: np.ndarray


def defragmenting_rule(plant: Plant, num_entries: int) -> Defragmenting:
    """The rule for one network whose state has room for ``num_entries`` lightpaths."""
    most = num_entries + 1  # with the newcomer
    return Defragmenting(
        request_of=np.zeros((num_entries, 3)),
        scratch=np.empty(plant.arrays.num_words, np.uint64),
        trial=np.empty((plant.num_units, plant.arrays.num_words), np.uint64),
        entries=np.empty(most, np.int64),
        sizes=np.empty(most, np.float64),
        new_path=np.empty(most, np.int64),
        new_slot=np.empty(most, np.int64),
        new_num=np.empty(most, np.int64),
    )


@inlined
def place(plant, free, scratch, pair, bit_rate_gbps, max_latency_ms):
    """KSP-FF for one request: ``(path, slot, num_slots)``, path -1 where nothing fits."""
    path_units, path_hops, path_format = plant.path_units, plant.path_hops, plant.path_format
    for path in range(plant.first_path[pair], plant.first_path[pair + 1]):
        if plant.path_latency_ms[path] > max_latency_ms:
            continue
        num_slots = slots_needed(plant.slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps)
        slot = first_fit_on_path(free, path_units[path, : path_hops[path]], num_slots, scratch)
        if slot >= 0:
            return path, slot, num_slots
    return -1, -1, 0


@inlined
def place_slot_first(plant, free, scratch, pair, bit_rate_gbps, max_latency_ms):
    """FF-KSP for one request: the lowest slot on any path; as ``place``."""
    path_units, path_hops, path_format = plant.path_units, plant.path_hops, plant.path_format
    best_path, best_slot, best_num = -1, -1, 0
    for path in range(plant.first_path[pair], plant.first_path[pair + 1]):
        if plant.path_latency_ms[path] > max_latency_ms:
            continue
        num_slots = slots_needed(plant.slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps)
        slot = first_fit_on_path(free, path_units[path, : path_hops[path]], num_slots, scratch)
        if slot >= 0 and (best_path < 0 or slot < best_slot):
            best_path, best_slot, best_num = path, slot, num_slots
            if slot == 0:
                break
    return best_path, best_slot, best_num


@inlined
def asked_for(policy, entry, asked):
    """(pair, bit rate, bound) of an entry, or of the newcomer where it is negative."""
    if entry < 0:
        return np.int64(asked.pair), np.float64(asked.bit_rate_gbps), np.float64(asked.max_latency_ms)
    request = policy.request_of[entry]
    return np.int64(request[0]), request[1], request[2]


@inlined
def list_standing(policy, plant, net, asked):
    """Fill ``entries`` and ``sizes`` with what stands, the newcomer last; returns how many stand."""
    entries, sizes, lightpaths = policy.entries, policy.sizes, net.lightpaths
    active = 0
    for bucket in range(len(net.wheel)):
        entry = np.int64(net.wheel[bucket])
        while entry >= 0:
            entries[active] = entry
            active += 1
            entry = np.int64(lightpaths[entry].next_entry)
    entries[active] = -1
    for index in range(active + 1):
        pair, rate_gbps, _ = asked_for(policy, entries[index], asked)
        best = plant.first_path[pair]
        per_gbps = plant.slots_per_gbps[plant.path_format[best]]
        sizes[index] = -slots_needed(per_gbps, plant.guard_slots, rate_gbps) * plant.path_hops[best]
    return active


@inlined
def place_anew(policy, plant, asked, order, slot_first):
    """Place all of ``entries`` in an empty network, in an order; False where one of them finds no place."""
    trial, entries = policy.trial, policy.entries
    for unit in range(trial.shape[0]):
        for w in range(trial.shape[1]):
            trial[unit, w] = plant.full[w]
    for index in order:
        pair, rate_gbps, bound_ms = asked_for(policy, entries[index], asked)
        if slot_first:
            path, slot, num_slots = place_slot_first(plant, trial, policy.scratch, pair, rate_gbps, bound_ms)
        else:
            path, slot, num_slots = place(plant, trial, policy.scratch, pair, rate_gbps, bound_ms)
        if path < 0:
            return False
        allocate(trial, Block(plant.path_units[path, : plant.path_hops[path]], slot, num_slots))
        policy.new_path[index], policy.new_slot[index], policy.new_num[index] = path, slot, num_slots
    return True


@inlined
def move_standing(policy, plant, states, net, n, active):
    """Move what stands to where ``place_anew`` has placed it."""
    free, lightpaths, parts, of_parts = net.free, net.lightpaths, plant.parts, states.parts
    for unit in range(free.shape[0]):
        for w in range(free.shape[1]):
            free[unit, w] = plant.full[w]
    used = 0
    for index in range(active):
        entry, path = policy.entries[index], policy.new_path[index]
        slot, num_slots, hops = policy.new_slot[index], policy.new_num[index], plant.path_hops[path]
        lightpaths[entry].path = path
        lightpaths[entry].first_slot = slot
        lightpaths[entry].num_slots = num_slots
        block = Block(plant.path_units[path, :hops], slot, num_slots)
        allocate(free, block)
        tear_down_parts(parts, of_parts, n, entry)
        life = KnownLife(0.0, np.inf, -1)  # nobody looks at it
        change = SetUp(entry, block, np.int64(plant.path_format[path]), policy.request_of[entry, 1], life)
        set_up_parts(parts, of_parts, n, change)
        used += hops * num_slots
    net.counters[0].used_slots = used


@kernel
def make_room(policy, plant, states, net, n, asked):
    """Place everything anew with the newcomer; ``(path, slot, num_slots)`` of it, path -1 where that fails.

    Compiled by itself: it sorts, which takes memory, and helpers take none.
    """
    active = list_standing(policy, plant, net, asked)
    order = np.argsort(policy.sizes[: active + 1], kind="mergesort")
    for slot_first in (False, True):
        if place_anew(policy, plant, asked, order, slot_first):
            move_standing(policy, plant, states, net, n, active)
            return policy.new_path[active], policy.new_slot[active], policy.new_num[active]
    return -1, -1, 0


@decided_by(Defragmenting)
@inlined
def decide_defragmenting(policy, plant, states, net, n, asked):
    """KSP-FF, after everything has been placed anew where it would block."""
    bit_rate_gbps, bound_ms = asked.bit_rate_gbps, asked.max_latency_ms
    path, slot, num_slots = place(plant, net.free, policy.scratch, asked.pair, bit_rate_gbps, bound_ms)
    if path < 0:
        path, slot, num_slots = make_room(policy, plant, states, net, n, asked)
    if path >= 0:
        entry = net.counters[0].vacant
        policy.request_of[entry, 0] = asked.pair
        policy.request_of[entry, 1] = bit_rate_gbps
        policy.request_of[entry, 2] = bound_ms
    return placed(plant, path, slot, num_slots)
