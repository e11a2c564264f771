"""The reconfigurable-routing bound: what blocking would be if lightpaths could be moved freely.

Requests are served by KSP-FF; where one would be blocked, everything active and the newcomer are placed anew
in an empty network, largest first (slots x hops on the pair's best path), each by KSP-FF. If all fit, the
new placement stands and nothing is blocked. It is an estimate, as first fit is not an optimal packing: a
policy that cannot move lightpaths is expected to stay below it and can pass it. After Doherty et al.,
"Reinforcement learning for dynamic resource allocation in optical networks: hype or hope?", JOCN 2025.
"""

from __future__ import annotations

import numpy as np

from envs.compiled import inlined, kernel
from envs.energy.meter import charge, discharge, is_metered, read_power
from envs.first_fit import first_fit_on_path, slots_needed
from envs.state import admit, depart_until, take
from envs.tally import count


@inlined
def place(
    free,
    first_path,
    path_units,
    path_hops,
    path_latency_ms,
    path_format,
    slots_per_gbps,
    guard_slots,
    scratch,
    pair,
    bit_rate_gbps,
    max_latency_ms,
):
    """KSP-FF for one request: ``(path, slot, num_slots)``, path -1 where nothing fits."""
    for path in range(first_path[pair], first_path[pair + 1]):
        if path_latency_ms[path] > max_latency_ms:
            continue
        num_slots = slots_needed(slots_per_gbps[path_format[path]], guard_slots, bit_rate_gbps)
        slot = first_fit_on_path(free, path_units, path, path_hops[path], num_slots, scratch)
        if slot >= 0:
            return path, slot, num_slots
    return -1, -1, 0


@kernel
def serve_defragmenting(plant, states, requests, n, warmup, request_of, tally):
    """Serve all requests of row ``n`` with re-placement on a would-be block.

    Args:
        plant: PlantArrays.
        states: NetworkStates.
        requests: Requests.
        n: network and row.
        warmup: requests not counted.
        request_of: (A, 3) float64, per lightpath entry the pair, bit rate and bound asked for.
        tally: Tally.
    """
    path_units, path_hops, first_path = plant.path_units, plant.path_hops, plant.first_path
    path_latency_ms, path_format, slots_per_gbps = (
        plant.path_latency_ms,
        plant.path_format,
        plant.slots_per_gbps,
    )
    guard_slots = plant.guard_slots
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
    scratch = np.empty(plant.num_words, np.uint64)
    trial = np.empty_like(free)
    most = len(lightpaths) + 1  # with the newcomer
    entries = np.empty(most, np.int64)
    sizes = np.empty(most, np.float64)
    new_path = np.empty(most, np.int64)
    new_slot = np.empty(most, np.int64)
    new_num = np.empty(most, np.int64)
    power, metered = plant.power, is_metered(plant.power)
    readings = tally.power[n : n + 1]
    for t in range(len(arrival_s)):
        depart_until(free, wheel, lightpaths, book, path_units, path_hops, power, arrival_s[t])
        if metered and t >= warmup:
            read_power(power, free, book, True, readings)
        used_before = book[0].used_slots
        path, slot, num_slots = place(
            free,
            first_path,
            path_units,
            path_hops,
            path_latency_ms,
            path_format,
            slots_per_gbps,
            guard_slots,
            scratch,
            pairs[t],
            bit_rate_gbps[t],
            max_latency_ms[t],
        )
        if path < 0:
            active = 0
            for bucket in range(len(wheel)):
                entry = wheel[bucket]
                while entry >= 0:
                    entries[active] = entry
                    active += 1
                    entry = lightpaths[entry].next_entry
            entries[active] = -1  # the newcomer
            for index in range(active + 1):
                entry = entries[index]
                pair = pairs[t] if entry < 0 else np.int64(request_of[entry, 0])
                rate = np.float64(bit_rate_gbps[t]) if entry < 0 else request_of[entry, 1]
                best = first_path[pair]
                per_gbps = slots_per_gbps[path_format[best]]
                sizes[index] = -slots_needed(per_gbps, guard_slots, rate) * path_hops[best]
            order = np.argsort(sizes[: active + 1], kind="mergesort")
            for unit in range(trial.shape[0]):
                for w in range(trial.shape[1]):
                    trial[unit, w] = plant.full[w]
            fits = True
            for index in order:
                entry = entries[index]
                pair = pairs[t] if entry < 0 else np.int64(request_of[entry, 0])
                rate = np.float64(bit_rate_gbps[t]) if entry < 0 else request_of[entry, 1]
                bound_ms = np.float64(max_latency_ms[t]) if entry < 0 else request_of[entry, 2]
                found, at, wide = place(
                    trial,
                    first_path,
                    path_units,
                    path_hops,
                    path_latency_ms,
                    path_format,
                    slots_per_gbps,
                    guard_slots,
                    scratch,
                    pair,
                    rate,
                    bound_ms,
                )
                if found < 0:
                    fits = False
                    break
                take(trial, path_units, found, path_hops[found], at, wide)
                new_path[index], new_slot[index], new_num[index] = found, at, wide
            if fits:
                free[:, :] = plant.full
                used = 0
                for index in range(active):
                    entry = entries[index]
                    lightpaths[entry].path = new_path[index]
                    if metered:
                        discharge(power, book, lightpaths[entry].load)
                        new_format = path_format[new_path[index]]
                        charge(power, lightpaths, book, entry, new_format, request_of[entry, 1])
                    lightpaths[entry].first_slot = new_slot[index]
                    lightpaths[entry].num_slots = new_num[index]
                    take(
                        free,
                        path_units,
                        new_path[index],
                        path_hops[new_path[index]],
                        new_slot[index],
                        new_num[index],
                    )
                    used += path_hops[new_path[index]] * new_num[index]
                book[0].used_slots = used
                path, slot, num_slots = new_path[active], new_slot[active], new_num[active]
        if path >= 0:
            request_of[book[0].vacant, 0] = pairs[t]
            request_of[book[0].vacant, 1] = bit_rate_gbps[t]
            request_of[book[0].vacant, 2] = max_latency_ms[t]
            departure_s = arrival_s[t] + holding_s[t]
            if metered:
                charge(power, lightpaths, book, book[0].vacant, path_format[path], bit_rate_gbps[t])
            admit(
                free, wheel, lightpaths, book, path_units, path, path_hops[path], slot, num_slots, departure_s
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
                path,
                path_latency_ms,
            )
