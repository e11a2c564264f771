"""Fused kernel of the first-fit policies: departures, search and allocation in one compiled pass.

A request costs about K x hops x words reads until a path fits (mostly the first), plus a constant for being
drawn, released and booked. Policies that look at every candidate: ``search.py``.
"""

from __future__ import annotations

import numpy as np

from envs.bits import first_run_128, first_set, starts_inplace
from envs.compiled import inlined, kernel
from envs.energy.meter import charge, is_metered, read_power
from envs.state import admit, depart_until
from envs.tally import count

KSP_FF = 0  # paths in order, the first that fits, lowest slot
FF_KSP = 1  # the lowest slot over all paths, ties to the better path


@inlined
def slots_needed(slots_per_gbps, guard_slots, bit_rate_gbps):
    """Slots, guard included, for a bit rate with a format."""
    return np.int64(np.ceil(np.float64(bit_rate_gbps) * slots_per_gbps - 1e-9)) + guard_slots


@inlined
def first_fit_on_path(free, path_units, path, hops, num_slots, scratch):
    """Lowest slot where ``num_slots`` are free on all units of a path, or -1."""
    if len(scratch) == 2:
        unit = path_units[path, 0]
        low = free[unit, 0]
        high = free[unit, 1]
        for h in range(1, hops):
            unit = path_units[path, h]
            low &= free[unit, 0]
            high &= free[unit, 1]
        return first_run_128(low, high, num_slots)
    for w in range(len(scratch)):
        word = free[path_units[path, 0], w]
        for h in range(1, hops):
            word &= free[path_units[path, h], w]
        scratch[w] = word
    starts_inplace(scratch, num_slots)
    return first_set(scratch)


@kernel
def serve_first_fit(plant, states, requests, n, policy, warmup, tally):
    """Serve all requests of row ``n`` by a first-fit policy; the first ``warmup`` are not counted."""
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
    power, metered = plant.power, is_metered(plant.power)
    readings = tally.power[n : n + 1]
    scratch = np.empty(plant.num_words, np.uint64)
    for t in range(len(arrival_s)):
        depart_until(free, wheel, lightpaths, book, path_units, path_hops, power, arrival_s[t])
        if metered and t >= warmup:
            read_power(power, free, book, True, readings)
        used_before = book[0].used_slots
        best_path = -1
        best_slot = 1 << 30
        best_num = 0
        for path in range(first_path[pairs[t]], first_path[pairs[t] + 1]):
            if path_latency_ms[path] > max_latency_ms[t]:
                continue
            num_slots = slots_needed(slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps[t])
            slot = first_fit_on_path(free, path_units, path, path_hops[path], num_slots, scratch)
            if slot >= 0 and slot < best_slot:
                best_path = path
                best_slot = slot
                best_num = num_slots
                if policy == KSP_FF or slot == 0:
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
