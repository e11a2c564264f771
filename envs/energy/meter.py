"""Compiled helpers that read what is lit off the free slots, and charge lightpaths for their transponders.

A unit with all slots free is dark; a node is idle while every unit that touches it is dark. So amplifiers and
nodes need no state of their own. Transponders of what is active are summed up, in whole milliwatts and Mb/s,
which add and subtract without rounding. How many lightpaths a unit carries is read off the slots at which
they begin: a mark stays when its lightpath has gone, and counts only while its slot is taken. A unit out of
service after a fibre cut has no free slot and counts as lit: its amplifiers wait for the repair.

Power is read as each request arrives, before it is served: Poisson arrivals see time averages [1], so the
mean over arrivals is the mean over time. Traffic whose rate varies would weigh busy hours more.

[1] Wolff 1982, "Poisson arrivals see time averages", Operations Research 30(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.bits import U1, block_mask, population
from envs.compiled import entered, inlined, records
from envs.features import COLUMN
from envs.slots import slots_needed

if TYPE_CHECKING:
    from envs.blueprint import Room
    from envs.energy.arrays import PowerArrays

LIT = np.dtype([("mw", np.int64), ("mbps", np.int64)])  # transponders of what is active, and its bit rate
READINGS = np.dtype(
    [
        ("samples", np.int64),  # arrivals at which power was read
        ("transponders_w", np.float64),  # and these summed over them
        ("amplifiers_w", np.float64),
        ("nodes_w", np.float64),
        ("sleeping_fibres", np.float64),  # pairs dark in both directions and all bands
        ("lit_gbps", np.float64),  # bit rate of what is active
    ]
)


class PowerStates(NamedTuple):
    """What N networks draw for what is active; no loads without a power model."""

    load: np.ndarray  # (N, A) int32 of each entry of ``NetworkStates.lightpaths``: see ``packed_load``
    lit: np.ndarray  # (N,) LIT
    starts: np.ndarray  # (N, num_units, num_words) uint64, 1 where a lightpath begins, or began


class PowerCounts(NamedTuple):
    """Power read as requests arrived, in N networks."""

    readings: np.ndarray  # (N,) READINGS, zeros without a power model


def new_power_counts(num_networks: int) -> PowerCounts:
    """All zeros."""
    return PowerCounts(records(num_networks, READINGS))


def new_power_states(power: PowerArrays, room: Room) -> PowerStates:
    """N networks in which nothing is active."""
    entries = room.num_lightpaths if len(power.switch_w) else 0
    units = room.num_units if len(power.switch_w) else 0
    return PowerStates(
        np.zeros((room.num_networks, entries), np.int32),
        records(room.num_networks, LIT),
        np.zeros((room.num_networks, units, room.num_words), np.uint64),
    )


@inlined
def is_metered(power):
    """True where the plant has a power model."""
    return len(power.switch_w) > 0


@entered
def transponders_w(power, format_row, bit_rate_gbps):
    """Watts of the transponders of a lightpath, both ends."""
    subcarriers = slots_needed(power.slots_per_gbps[format_row], 0, bit_rate_gbps)
    return (
        power.lightpath_w[format_row]
        + power.per_gbps_w[format_row] * np.float64(bit_rate_gbps)
        + power.subcarrier_w[format_row] * subcarriers
    )


@inlined
def packed_load(format_row, bit_rate_gbps):
    """Format and bit rate of a lightpath in one number: the row above 24 bits of Mb/s."""
    mbps = np.int64(np.rint(1000.0 * np.float64(bit_rate_gbps)))
    return np.int64(format_row) * (1 << 24) + mbps


@inlined
def milliwatts_of(power, load):
    """Transponders of a packed load in whole milliwatts."""
    watts = transponders_w(power, load >> 24, (load & 0xFFFFFF) / 1000.0)
    return np.int64(np.rint(1000.0 * watts))


@inlined
def charge(power, states, n, entry, format_row, bit_rate_gbps):
    """Charge the lightpath that has ``entry`` for its transponders."""
    load = packed_load(format_row, bit_rate_gbps)
    states.load[n, entry] = load
    states.lit[n].mw += milliwatts_of(power, load)
    states.lit[n].mbps += load & 0xFFFFFF


@inlined
def discharge(power, states, n, entry):
    """Take back what ``charge`` added for a lightpath that leaves, or whose format changes."""
    load = np.int64(states.load[n, entry])
    states.lit[n].mw -= milliwatts_of(power, load)
    states.lit[n].mbps -= load & 0xFFFFFF


@entered
def mark_start(starts, n, block):
    """Note on each of its units where a new block begins."""
    for h in range(len(block.units)):
        unit = block.units[h]
        for w in range(starts.shape[2]):
            starts[n, unit, w] &= ~block_mask(block.first_slot, block.num_slots, w)
        starts[n, unit, block.first_slot >> 6] |= U1 << np.uint64(block.first_slot & 63)


@inlined
def lightpaths_on(starts, free, band_words, n, unit, band):
    """Lightpaths that cross a unit of network ``n`` in a band."""
    found = 0
    for w in range(free.shape[1]):
        found += population(starts[n, unit, w] & ~free[unit, w] & band_words[band, w])
    return found


@inlined
def is_dark(free, band_words, unit, band):
    """True where no slot of a band is taken on a unit."""
    taken = np.uint64(0)
    for w in range(free.shape[1]):
        taken |= band_words[band, w] & ~free[unit, w]
    return taken == 0


@inlined
def is_all_dark(free, band_words, unit):
    """True where nothing is lit on a unit in any band."""
    dark = True
    for band in range(len(band_words)):
        dark &= is_dark(free, band_words, unit, band)
    return dark


@inlined
def is_idle(free, band_words, first_of_node, node_units, node):
    """True where every unit that touches a node is dark."""
    for index in range(first_of_node[node], first_of_node[node + 1]):
        if not is_all_dark(free, band_words, node_units[index]):
            return False
    return True


@inlined
def amplifiers_lit_w(power, free):
    """Watts of all amplifiers."""
    switch_units, switch_w, band_words = power.switch_units, power.switch_w, power.band_words
    watts = power.asleep_w
    for switch in range(len(switch_w)):
        one, other = switch_units[switch, 0], switch_units[switch, 1]
        for band in range(len(band_words)):
            if not (is_dark(free, band_words, one, band) and is_dark(free, band_words, other, band)):
                watts += switch_w[switch]
    return watts


@inlined
def nodes_lit_w(power, free):
    """Watts of all nodes."""
    node_w, first_of_node, node_units = power.node_w, power.first_of_node, power.node_units
    band_words = power.band_words
    watts = power.idle_w
    for node in range(len(node_w)):
        if not is_idle(free, band_words, first_of_node, node_units, node):
            watts += node_w[node]
    return watts


@inlined
def read_power(power, states, free, n, readings, counted):
    """Watts of network ``n`` as it is; where ``counted``, added to its ``readings`` by part."""
    amplifiers_w, nodes_w = amplifiers_lit_w(power, free), nodes_lit_w(power, free)
    lit_w = states.lit[n].mw / 1000.0
    if counted:
        fibre_units, band_words = power.fibre_units, power.band_words
        asleep = 0
        for fibre in range(len(fibre_units)):
            asleep += is_all_dark(free, band_words, fibre_units[fibre, 0]) and is_all_dark(
                free, band_words, fibre_units[fibre, 1]
            )
        readings[n].samples += 1
        readings[n].transponders_w += lit_w
        readings[n].amplifiers_w += amplifiers_w
        readings[n].nodes_w += nodes_w
        readings[n].sleeping_fibres += asleep
        readings[n].lit_gbps += states.lit[n].mbps / 1000.0
    return lit_w + amplifiers_w + nodes_w


@inlined
def switched_on(power, free, units, path, band):
    """``(watts of amplifiers and nodes, dark links)`` that a lightpath on a path would switch on."""
    switch_of_unit, switch_units, switch_w = power.switch_of_unit, power.switch_units, power.switch_w
    first_of_node, node_units, node_w = power.first_of_node, power.node_units, power.node_w
    path_nodes, band_words = power.path_nodes, power.band_words
    watts = 0.0
    dark = 0
    for h in range(len(units)):
        unit = units[h]
        dark += is_all_dark(free, band_words, unit)
        switch = switch_of_unit[unit]
        one, other = switch_units[switch, 0], switch_units[switch, 1]
        if is_dark(free, band_words, one, band) and is_dark(free, band_words, other, band):
            watts += switch_w[switch]
    for h in range(len(units) + 1):
        node = path_nodes[path, h]
        if is_idle(free, band_words, first_of_node, node_units, node):
            watts += node_w[node]
    return watts, dark


@inlined
def slots_taken(power, free):
    """Slots taken in the whole network; those of a unit out of service are."""
    taken = 0
    for unit in range(free.shape[0]):
        for band in range(len(power.band_words)):
            for w in range(free.shape[1]):
                taken += population(power.band_words[band, w] & ~free[unit, w])
    return taken


@inlined
def shared_w(power, starts, free, n, units, band, taken):
    """Watts of the amplifiers of a path in a band, each over the lightpaths that it would then amplify.

    Of all of them, and of those outside the backbone of a network with that many slots taken.

    With exponential holding times of one mean, and nobody else to come, that is what a lightpath adds to the
    energy: it is the last of n + 1 to leave with probability 1 / (n + 1), and then keeps the amplifier on for
    a whole mean holding time.
    """
    switch_of_unit, switch_units, switch_w = power.switch_of_unit, power.switch_units, power.switch_w
    watts, outside_w = 0.0, 0.0
    for h in range(len(units)):
        switch = switch_of_unit[units[h]]
        one, other = switch_units[switch, 0], switch_units[switch, 1]
        there = lightpaths_on(starts, free, power.band_words, n, one, band)
        if other != one:
            there += lightpaths_on(starts, free, power.band_words, n, other, band)
        share_w = switch_w[switch] / (there + 1)
        watts += share_w
        if power.joins_from[switch] > taken:
            outside_w += share_w
    return watts, outside_w


@inlined
def band_of(power, slot):
    """The band that a slot belongs to."""
    band = 0
    while band + 1 < len(power.band_begin) and slot >= power.band_begin[band + 1]:
        band += 1
    return band


@inlined
def describe_power(power, states, n, paths, free, bit_rate_gbps, listed, features):
    """Fill ``marginal_kw`` and the features of energy for the candidates."""
    path_units, path_hops, marginal_kw = paths.units, paths.hops, listed.marginal_kw
    known_path, known_band, watts, dark = np.int64(-1), np.int64(-1), 0.0, 0
    share_w, outside_w, taken = 0.0, 0.0, slots_taken(power, free)
    for c in range(listed.in_use):
        path, band = np.int64(listed.path[c]), np.int64(band_of(power, listed.first_slot[c]))
        if path != known_path or band != known_band:
            units = path_units[path, : path_hops[path]]
            watts, dark = switched_on(power, free, units, path, band)
            share_w, outside_w = shared_w(power, states.starts, free, n, units, band, taken)
            known_path, known_band = path, band
        marginal_kw[c] = (watts + transponders_w(power, listed.format[c], bit_rate_gbps)) / 1000.0
        features[c, COLUMN.marginal_power] = marginal_kw[c]
        features[c, COLUMN.dark_links] = dark / path_hops[path]
        features[c, COLUMN.amplifier_share] = share_w / 1000.0
        features[c, COLUMN.off_backbone] = outside_w / 1000.0
