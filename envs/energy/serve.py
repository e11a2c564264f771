"""Fused kernel of the policies that care for what is switched on, and the meter that reads the power.

Power is read as each request arrives, before it is served: Poisson arrivals see time averages [1], so the
mean over arrivals is the mean over time. Traffic whose rate varies would weigh busy hours more.

[1] Wolff 1982, "Poisson arrivals see time averages", Operations Research 30(2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import population
from envs.compiled import inlined, kernel
from envs.energy.model import DIRECTION, PowerModel
from envs.first_fit import first_fit_on_path, slots_needed
from envs.plant import Plant
from envs.state import NetworkStates, admit, depart_until
from envs.tally import count

KSP_FF = 0  # the first path that fits
LEAST_MARGINAL_POWER = 1  # fewest watts switched on, ties to the better path
MOST_USED = 2  # highest mean share of slots taken on its links, ties to the better path
ENERGY_POLICIES = {"ksp_ff": KSP_FF, "least_marginal_power": LEAST_MARGINAL_POWER, "most_used": MOST_USED}

LEVEL = np.dtype(
    [
        ("lit_gbps", np.float64),  # bit rate of all active lightpaths
        ("lit_amplifiers_w", np.float64),  # above what they draw asleep
        ("busy_nodes_w", np.float64),  # above what they draw idle
        ("lit_fibres", np.int64),  # fibre pairs with a lightpath in either direction
    ]
)
ENERGY_SUMS = np.dtype(
    [
        ("samples", np.int64),
        ("transponders_w", np.float64),
        ("amplifiers_w", np.float64),
        ("nodes_w", np.float64),
        ("sleeping_fibres", np.float64),
        ("lit_gbps", np.float64),
        ("carried_gbit", np.float64),  # bit rate x holding time of the counted requests that were carried
        ("first_s", np.float64),  # of the counted arrivals
        ("last_s", np.float64),
    ]
)


class PowerArrays(NamedTuple):
    """The power model on a plant, for compiled code. A *switch* is what sleeps as a whole."""

    path_links: np.ndarray  # (num_paths, max_hops) int32 directed links
    path_nodes: np.ndarray  # (num_paths, max_hops + 1) int32
    switch_of_link: np.ndarray  # (num_links,) int32
    switch_w: np.ndarray  # (num_switches,) float64, on above asleep
    node_w: np.ndarray  # (num_nodes,) float64, busy above idle
    asleep_w: float  # all amplifiers asleep
    idle_w: float  # all nodes idle
    lightpath_w: float  # transponders of a lightpath, whatever its rate
    lightpath_w_per_gbps: float
    num_fibres: int


class Meter(NamedTuple):
    """What is lit in one network."""

    lit_switch: np.ndarray  # (num_switches,) int32 lightpaths that keep it on
    lit_fibre: np.ndarray  # (num_fibres,) int32 lightpaths in either direction
    busy_node: np.ndarray  # (num_nodes,) int32 lightpaths that end in it or pass through
    rate_of: np.ndarray  # (A,) float64 Gb/s of each entry of the state's lightpaths
    level: np.ndarray  # (1,) LEVEL


def power_arrays(plant: Plant, model: PowerModel) -> PowerArrays:
    """The model's watts on a plant."""
    topology, amplifier, node = plant.topology, model.amplifier, model.node
    links = np.arange(topology.num_links)
    site_w = amplifier.site_w * amplifier.sites(topology.link_length_km)
    if amplifier.switched_by == DIRECTION:
        switch_of_link, full_w = links, site_w / 2
    else:
        switch_of_link, full_w = links // 2, site_w[::2]
    node_w = node.node_w(np.bincount(topology.link_source, minlength=topology.num_nodes))
    transponder = model.transponder
    return PowerArrays(
        path_links=plant.path_table.path_links.astype(np.int32),
        path_nodes=plant.path_table.path_nodes.astype(np.int32),
        switch_of_link=switch_of_link.astype(np.int32),
        switch_w=full_w * (1 - amplifier.sleep_share),
        node_w=node_w * (1 - node.idle_share),
        asleep_w=float(full_w.sum() * amplifier.sleep_share),
        idle_w=float(node_w.sum() * node.idle_share),
        lightpath_w=float(transponder.ends * transponder.fixed_w),
        lightpath_w_per_gbps=float(transponder.ends * transponder.per_gbps_w),
        num_fibres=topology.num_links // 2,
    )


def new_meter(power: PowerArrays, states: NetworkStates) -> Meter:
    """The meter of an empty network of ``states``."""
    return Meter(
        lit_switch=np.zeros(len(power.switch_w), np.int32),
        lit_fibre=np.zeros(power.num_fibres, np.int32),
        busy_node=np.zeros(len(power.node_w), np.int32),
        rate_of=np.zeros(states.lightpaths.shape[1]),
        level=np.zeros(1, LEVEL),
    )


@inlined
def marginal_w(path_links, path_nodes, switch_of_link, switch_w, node_w, lit_switch, busy_node, path, hops):
    """Watts of amplifiers and nodes that a lightpath on ``path`` would switch on."""
    watts = 0.0
    for h in range(hops):
        switch = switch_of_link[path_links[path, h]]
        if lit_switch[switch] == 0:
            watts += switch_w[switch]
    for h in range(hops + 1):
        node = path_nodes[path, h]
        if busy_node[node] == 0:
            watts += node_w[node]
    return watts


@inlined
def used_slots_on(free, path_units, path, hops, num_slots):
    """Slots taken, summed over the units of a path."""
    used = hops * num_slots
    for h in range(hops):
        for w in range(free.shape[1]):
            used -= population(free[path_units[path, h], w])
    return used


@inlined
def light(
    path_links,
    path_nodes,
    switch_of_link,
    switch_w,
    node_w,
    lit_switch,
    lit_fibre,
    busy_node,
    level,
    path,
    hops,
):
    """Enter a lightpath on ``path`` into the meter."""
    for h in range(hops):
        link = path_links[path, h]
        switch = switch_of_link[link]
        if lit_switch[switch] == 0:
            level[0].lit_amplifiers_w += switch_w[switch]
        lit_switch[switch] += 1
        if lit_fibre[link >> 1] == 0:
            level[0].lit_fibres += 1
        lit_fibre[link >> 1] += 1
    for h in range(hops + 1):
        node = path_nodes[path, h]
        if busy_node[node] == 0:
            level[0].busy_nodes_w += node_w[node]
        busy_node[node] += 1


@inlined
def darken(
    path_links,
    path_nodes,
    switch_of_link,
    switch_w,
    node_w,
    lit_switch,
    lit_fibre,
    busy_node,
    level,
    path,
    hops,
):
    """Take a lightpath on ``path`` out of the meter."""
    for h in range(hops):
        link = path_links[path, h]
        switch = switch_of_link[link]
        lit_switch[switch] -= 1
        if lit_switch[switch] == 0:
            level[0].lit_amplifiers_w -= switch_w[switch]
        lit_fibre[link >> 1] -= 1
        if lit_fibre[link >> 1] == 0:
            level[0].lit_fibres -= 1
    for h in range(hops + 1):
        node = path_nodes[path, h]
        busy_node[node] -= 1
        if busy_node[node] == 0:
            level[0].busy_nodes_w -= node_w[node]


@kernel
def serve_energy(plant, power, states, meter, requests, n, policy, warmup, tally, energy_sums):
    """Serve all requests of row ``n`` and read the power at each; the first ``warmup`` are not counted.

    ``meter`` belongs to network ``n`` and must have seen all that its state has.
    """
    path_units, path_hops, first_path = plant.path_units, plant.path_hops, plant.first_path
    path_latency_ms, path_format, slots_per_gbps = (
        plant.path_latency_ms,
        plant.path_format,
        plant.slots_per_gbps,
    )
    path_links, path_nodes, switch_of_link = power.path_links, power.path_nodes, power.switch_of_link
    switch_w, node_w = power.switch_w, power.node_w
    lit_switch, lit_fibre, busy_node = meter.lit_switch, meter.lit_fibre, meter.busy_node
    rate_of, level = meter.rate_of, meter.level
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
    sums, read = tally.sums[n : n + 1], energy_sums[n : n + 1]
    scratch = np.empty(plant.num_words, np.uint64)
    last = len(wheel) - 1
    for t in range(len(arrival_s)):
        now_s = arrival_s[t]
        # The same buckets that ``depart_until`` is about to empty.
        target = np.int64(now_s * book[0].buckets_per_s)
        for index in range(max(book[0].cursor, target - last), target + 1):
            entry = wheel[index & last]
            while entry >= 0:
                if lightpaths[entry].departure_s <= now_s:
                    path = lightpaths[entry].path
                    level[0].lit_gbps -= rate_of[entry]
                    darken(
                        path_links,
                        path_nodes,
                        switch_of_link,
                        switch_w,
                        node_w,
                        lit_switch,
                        lit_fibre,
                        busy_node,
                        level,
                        path,
                        path_hops[path],
                    )
                entry = lightpaths[entry].next_entry
        depart_until(free, wheel, lightpaths, book, path_units, path_hops, now_s)
        if book[0].num_active == 0:  # rounding must not pile up into watts of nothing
            level[0].lit_gbps = 0.0
            level[0].lit_amplifiers_w = 0.0
            level[0].busy_nodes_w = 0.0
        used_before = book[0].used_slots
        if t >= warmup:
            if read[0].samples == 0:
                read[0].first_s = now_s
            read[0].last_s = now_s
            read[0].samples += 1
            read[0].transponders_w += (
                power.lightpath_w * book[0].num_active + power.lightpath_w_per_gbps * level[0].lit_gbps
            )
            read[0].amplifiers_w += power.asleep_w + level[0].lit_amplifiers_w
            read[0].nodes_w += power.idle_w + level[0].busy_nodes_w
            read[0].sleeping_fibres += power.num_fibres - level[0].lit_fibres
            read[0].lit_gbps += level[0].lit_gbps
        best_path = -1
        best_slot = 0
        best_num = 0
        best_w = 0.0
        best_used = 0
        for path in range(first_path[pairs[t]], first_path[pairs[t] + 1]):
            if path_latency_ms[path] > max_latency_ms[t]:
                continue
            hops = path_hops[path]
            num_slots = slots_needed(slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps[t])
            slot = first_fit_on_path(free, path_units, path, hops, num_slots, scratch)
            if slot < 0:
                continue
            better = best_path < 0
            if policy == LEAST_MARGINAL_POWER:
                watts = marginal_w(
                    path_links,
                    path_nodes,
                    switch_of_link,
                    switch_w,
                    node_w,
                    lit_switch,
                    busy_node,
                    path,
                    hops,
                )
                # A margin above rounding: the same watts in another order are the same watts.
                better = better or watts < best_w - 1e-6
                if better:
                    best_w = watts
            elif policy == MOST_USED:
                used = used_slots_on(free, path_units, path, hops, plant.num_slots)
                better = better or used * path_hops[best_path] > best_used * hops
                if better:
                    best_used = used
            if better:
                best_path = path
                best_slot = slot
                best_num = num_slots
            if policy == KSP_FF or (policy == LEAST_MARGINAL_POWER and best_w == 0.0):
                break
        if best_path >= 0:
            hops = path_hops[best_path]
            rate_of[book[0].vacant] = bit_rate_gbps[t]
            level[0].lit_gbps += bit_rate_gbps[t]
            light(
                path_links,
                path_nodes,
                switch_of_link,
                switch_w,
                node_w,
                lit_switch,
                lit_fibre,
                busy_node,
                level,
                best_path,
                hops,
            )
            departure_s = now_s + holding_s[t]
            admit(
                free, wheel, lightpaths, book, path_units, best_path, hops, best_slot, best_num, departure_s
            )
        if t >= warmup:
            if best_path >= 0:
                read[0].carried_gbit += bit_rate_gbps[t] * holding_s[t]
            count(
                offered,
                blocked,
                carried,
                tally.bounds[n],
                sums,
                service_class[t],
                bit_rate_gbps[t],
                max_latency_ms[t],
                used_before,
                best_path,
                path_latency_ms,
            )
