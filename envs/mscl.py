"""Minimum slot-capacity loss: place a block where the network loses the fewest ways to place later ones.

The capacity of a path is the number of (start, size) pairs that fit its free runs, sizes weighted by how
often a request needs them with the path's format. The loss of a block is the capacity lost by all paths
that share a link with it. KSP-MSCL takes the best path that fits and its start of least loss; MSCL-KSP the
least loss over all paths. Ties fall to the better path, then to the lower slot.

A free run [a, b) of an interfering path loses cap(b - a) - cap(s - a) - cap(b - s - n) to a block [s, s +
n) (remainders below zero count as zero), so a path costs a few table look-ups per free run that the block
can touch, not one per slot and size.

The criterion is that of Barry and Subramaniam for wavelengths ("The MAX SUM wavelength assignment algorithm
for WDM ring networks", OFC 1997), with slots and sizes in the place of wavelengths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import next_clear, next_set, run_begin, starts_inplace
from envs.compiled import inlined, kernel
from envs.describe import path_words
from envs.energy.meter import charge, is_metered, read_power
from envs.first_fit import slots_needed
from envs.plant import Plant
from envs.state import admit, depart_until
from envs.tally import count
from envs.traffic import PoissonTraffic

KSP_MSCL = 0
MSCL_KSP = 1


class LossArrays(NamedTuple):
    """What the loss of a block is computed from."""

    first_on_unit: np.ndarray  # (num_units + 1,) int32
    path_on_unit: np.ndarray  # paths that cross each unit, in compressed rows, int32
    capacity: (
        np.ndarray
    )  # (num_formats, 2 num_slots + 1) float32; entry num_slots + L: capacity of a run of L


def loss_arrays(plant: Plant, traffic: PoissonTraffic) -> LossArrays:
    """Interference lists and capacities of a plant under a traffic's bit rates."""
    num_paths = plant.path_table.num_paths
    hops = plant.arrays.path_hops
    units = plant.arrays.path_units
    path_of_hop = np.repeat(np.arange(num_paths, dtype=np.int32), hops)
    unit_of_hop = units[units >= 0]
    order = np.argsort(unit_of_hop, kind="stable")
    first = np.searchsorted(unit_of_hop[order], np.arange(plant.num_units + 1)).astype(np.int32)
    weights = np.array(traffic.bit_rate_weights or (1.0,) * len(traffic.bit_rates_gbps), np.float64)
    num_slots = plant.spec.num_slots
    lengths = np.arange(-num_slots, num_slots + 1)
    capacity = np.zeros((len(plant.formats), len(lengths)), np.float64)
    for index, per_gbps in enumerate(plant.arrays.slots_per_gbps):
        for rate_gbps, weight in zip(traffic.bit_rates_gbps, weights / weights.sum(), strict=True):
            size = int(np.ceil(rate_gbps * per_gbps - 1e-9)) + plant.spec.guard_slots
            capacity[index] += weight * np.maximum(lengths - size + 1, 0)
    return LossArrays(first, path_of_hop[order].astype(np.int32), capacity.astype(np.float32))


@inlined
def add_loss_of_path(words, row, own_begin, own_end, num_slots, size, capacity, loss):
    """Add to ``loss[s]`` what one path loses to a block of ``size`` at each start of one free run.

    Args:
        words: (num_paths, num_words) uint64, slots free on each path.
        row: the path that loses.
        own_begin: first slot of the free run that the block is placed in.
        own_end: end of that run.
        num_slots: slots of the band.
        size: slots of the block.
        capacity: (2 num_slots + 1,) float32 of the losing path's format.
        loss: (num_slots,) float32, updated.
    """
    start = next_set(words[row], own_begin)
    if start == own_begin:
        start = run_begin(words[row], own_begin)
    while 0 <= start < own_end:
        end = next_clear(words[row], max(start, own_begin))
        whole = capacity[num_slots + end - start]
        if whole > 0.0:
            for s in range(max(own_begin, start - size + 1), min(own_end - size + 1, end)):
                below = capacity[num_slots + s - start]
                loss[s] += whole - below - capacity[num_slots + end - s - size]
        start = next_set(words[row], end)


@kernel
def serve_mscl(plant, states, requests, n, policy, losses, warmup, tally):
    """Serve all requests of row ``n`` by least slot-capacity loss; the first ``warmup`` are not counted."""
    path_units, path_hops, first_path = plant.path_units, plant.path_hops, plant.first_path
    path_latency_ms, path_format, slots_per_gbps = (
        plant.path_latency_ms,
        plant.path_format,
        plant.slots_per_gbps,
    )
    free, wheel, lightpaths, book = (
        states.free[n],
        states.wheel[n],
        states.lightpaths[n],
        states.book[n : n + 1],
    )
    arrival_s, holding_s, pairs = requests.arrival_s[n], requests.holding_s[n], requests.pair[n]
    bit_rate_gbps, max_latency_ms = requests.bit_rate_gbps[n], requests.max_latency_ms[n]
    service_class = requests.service_class[n]
    offered, blocked, carried = tally.offered[n], tally.blocked[n], tally.carried[n]
    bounds, sums = tally.bounds[n], tally.sums[n : n + 1]
    first_on_unit, path_on_unit, capacity = losses.first_on_unit, losses.path_on_unit, losses.capacity
    num_slots = plant.num_slots
    stamps = np.full(len(path_hops), -1)
    stamp = 0
    own = np.empty(plant.num_words, np.uint64)
    starts = np.empty(plant.num_words, np.uint64)
    words = np.empty((len(path_hops), plant.num_words), np.uint64)  # of the paths that are fresh
    fresh = np.full(len(path_hops), -1)
    run_begins = np.empty(num_slots, np.int64)
    run_ends = np.empty(num_slots, np.int64)
    loss = np.empty(num_slots, np.float32)
    power, metered = plant.power, is_metered(plant.power)
    readings = tally.power[n : n + 1]
    for t in range(len(arrival_s)):
        depart_until(free, wheel, lightpaths, book, path_units, path_hops, power, arrival_s[t])
        if metered and t >= warmup:
            read_power(power, free, book, True, readings)
        used_before = book[0].used_slots
        best_path = -1
        best_slot = -1
        best_num = 0
        best_loss = np.float32(np.inf)
        for path in range(first_path[pairs[t]], first_path[pairs[t] + 1]):
            if path_latency_ms[path] > max_latency_ms[t]:
                continue
            size = slots_needed(slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps[t])
            path_words(free, path_units, path, path_hops[path], own)
            for w in range(len(own)):
                starts[w] = own[w]
            starts_inplace(starts, size)
            slot = next_set(starts, 0)
            if slot < 0:
                continue
            stamp += 1
            num_runs = 0
            while slot >= 0:  # the free runs of the path that are long enough
                end = next_clear(own, slot)
                run_begins[num_runs] = slot
                run_ends[num_runs] = end
                num_runs += 1
                for s in range(slot, end):
                    loss[s] = 0.0
                slot = next_set(starts, end)
            for h in range(path_hops[path]):
                unit = path_units[path, h]
                for index in range(first_on_unit[unit], first_on_unit[unit + 1]):
                    other = path_on_unit[index]
                    if stamps[other] != stamp:
                        stamps[other] = stamp
                        if fresh[other] != t:
                            fresh[other] = t
                            path_words(free, path_units, other, path_hops[other], words[other])
                        losing = capacity[path_format[other]]
                        for run in range(num_runs):
                            add_loss_of_path(
                                words, other, run_begins[run], run_ends[run], num_slots, size, losing, loss
                            )
            slot = next_set(starts, 0)
            while slot >= 0:
                if loss[slot] < best_loss:
                    best_loss = loss[slot]
                    best_path = path
                    best_slot = slot
                    best_num = size
                slot = next_set(starts, slot + 1)
            if policy == KSP_MSCL:
                break
        if best_path >= 0:
            departure_s = arrival_s[t] + holding_s[t]
            hops = path_hops[best_path]
            if metered:
                charge(power, lightpaths, book, book[0].vacant, path_format[best_path], bit_rate_gbps[t])
            admit(
                free, wheel, lightpaths, book, path_units, best_path, hops, best_slot, best_num, departure_s
            )
        if t >= warmup:
            count(
                offered,
                blocked,
                carried,
                bounds,
                sums,
                service_class[t],
                bit_rate_gbps[t],
                max_latency_ms[t],
                used_before,
                best_path,
                path_latency_ms,
            )
