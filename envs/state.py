"""The state of networks in time: free slots as bits, active lightpaths in a timing wheel.

Releases within one instant commute, so departures need no order, only buckets: a wheel of B buckets, each
about one mean inter-arrival time wide, costs O(1) per lightpath where a heap costs O(log n). An entry whose
departure lies beyond the wheel's horizon stays in its bucket until its turn comes round.

Compiled helpers take the arrays of one network together, as ``OneNetwork``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import block_mask
from envs.calendar import Calendars, new_calendars
from envs.compiled import inlined
from envs.energy.meter import discharge, is_metered
from envs.gsnr.carriers import CarrierStates, clear_carriers, dark_carriers
from envs.plant import Plant

LIGHTPATH = np.dtype(
    [
        ("departure_s", np.float64),
        ("path", np.int32),
        ("next_entry", np.int32),  # in its bucket, or among the unused; -1 ends the list
        ("first_slot", np.int16),
        ("num_slots", np.int16),
        ("load", np.int32),  # format and Mb/s as ``energy.meter`` packs them; of no use without a power model
    ],
    align=True,
)
BOOK = np.dtype(
    [
        ("used_slots", np.int64),  # slots taken, summed over units
        ("cursor", np.int64),  # absolute index of the bucket reached
        ("buckets_per_s", np.float64),
        ("lit_mw", np.int64),  # transponders of all active lightpaths, and their bit rate
        ("lit_mbps", np.int64),
        ("num_active", np.int32),
        ("vacant", np.int32),  # first unused entry of ``lightpaths``
    ],
    align=True,
)


class NetworkStates(NamedTuple):
    """N independent networks on one plant."""

    free: np.ndarray  # (N, num_units, num_words) uint64, 1 = free
    wheel: np.ndarray  # (N, B) int32, first entry of each bucket or -1
    lightpaths: np.ndarray  # (N, A) LIGHTPATH
    book: np.ndarray  # (N,) BOOK
    carriers: CarrierStates  # noise of what is lit, where quality of transmission decides
    calendars: Calendars  # when what is lit ends, where that is known


class OneNetwork(NamedTuple):
    """The arrays of one of the networks; made at the top of a kernel and handed to helpers."""

    free: np.ndarray  # (num_units, num_words) uint64
    wheel: np.ndarray  # (B,) int32
    lightpaths: np.ndarray  # (A,) LIGHTPATH
    book: np.ndarray  # (1,) BOOK, a view


def wheel_size(load_erlang: float) -> int:
    """Buckets that hold about one departure each: a power of two above twice the load, 64 to 4096."""
    size = 64
    while size < 2.5 * load_erlang and size < 4096:
        size *= 2
    return size


def new_states(plant: Plant, num_networks: int, load_erlang: float, mean_holding_s: float) -> NetworkStates:
    """N empty networks.

    There is an entry for each lightpath that can be active at once (every unit filled with smallest blocks),
    so a run can never overflow. Load and holding time only set the pace of the wheel, not what happens.
    """
    most_active = plant.num_units * max(plant.spec.num_slots // plant.least_slots(), 1)
    states = NetworkStates(
        free=np.empty((num_networks, plant.num_units, plant.arrays.num_words), np.uint64),
        wheel=np.empty((num_networks, wheel_size(load_erlang)), np.int32),
        lightpaths=np.zeros((num_networks, most_active), LIGHTPATH),
        book=np.zeros(num_networks, BOOK),
        carriers=dark_carriers(plant.arrays.lit, num_networks, plant.num_units, plant.arrays.num_words),
        calendars=new_calendars(
            plant.arrays.ends_known, num_networks, plant.num_units, plant.arrays.num_slots
        ),
    )
    states.book["buckets_per_s"] = load_erlang / mean_holding_s
    for network in range(num_networks):
        clear(states, plant, network)
    return states


def clear(states: NetworkStates, plant: Plant, network: int) -> None:
    """Empty one network and set its clock to zero."""
    states.free[network] = plant.arrays.full
    states.wheel[network] = -1
    clear_carriers(states.carriers, plant.arrays.full, network)
    entries = states.lightpaths[network]
    entries["next_entry"] = np.arange(1, len(entries) + 1)
    entries["next_entry"][-1] = -1
    for name in ("used_slots", "cursor", "num_active", "vacant", "lit_mw", "lit_mbps"):
        states.book[name][network] = 0


def bytes_per_network(states: NetworkStates) -> int:
    """Memory of one network's state."""
    carriers = states.carriers[:5]
    return sum(array.nbytes for array in (*states[:4], *carriers)) // len(states.free)


def active_lightpaths(states: NetworkStates, network: int) -> np.ndarray:
    """(num_active,) LIGHTPATH of what stands in one network, in no order."""
    entries, found = states.lightpaths[network], []
    for entry in states.wheel[network]:
        while entry >= 0:
            found.append(entry)
            entry = entries["next_entry"][entry]
    return entries[np.array(found, np.int64)]


@inlined
def take(free, path_units, path, hops, first_slot, num_slots):
    """Mark a block as taken on every unit of a path."""
    for word in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        keep = ~block_mask(first_slot, num_slots, word)
        for h in range(hops):
            free[path_units[path, h], word] &= keep


@inlined
def give(free, path_units, path, hops, first_slot, num_slots):
    """Mark a block as free again on every unit of a path."""
    for word in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        mask = block_mask(first_slot, num_slots, word)
        for h in range(hops):
            free[path_units[path, h], word] |= mask


@inlined
def admit(net, path_units, path, hops, first_slot, num_slots, departure_s):
    """Set a lightpath up until ``departure_s``."""
    free, wheel, lightpaths, book = net.free, net.wheel, net.lightpaths, net.book
    take(free, path_units, path, hops, first_slot, num_slots)
    entry = book[0].vacant
    book[0].vacant = lightpaths[entry].next_entry
    bucket = np.int64(departure_s * book[0].buckets_per_s) & (len(wheel) - 1)
    lightpaths[entry].departure_s = departure_s
    lightpaths[entry].path = path
    lightpaths[entry].first_slot = first_slot
    lightpaths[entry].num_slots = num_slots
    lightpaths[entry].next_entry = wheel[bucket]
    wheel[bucket] = entry
    book[0].used_slots += hops * num_slots
    book[0].num_active += 1


@inlined
def depart_until(plant, net, now_s):
    """Release every lightpath of a network that departs at or before ``now_s``; ``plant``: PlantArrays."""
    free, wheel, lightpaths, book = net.free, net.wheel, net.lightpaths, net.book
    path_units, path_hops, power = plant.path_units, plant.path_hops, plant.power
    last = len(wheel) - 1
    target = np.int64(now_s * book[0].buckets_per_s)
    for index in range(max(book[0].cursor, target - last), target + 1):
        previous = np.int32(-1)
        entry = wheel[index & last]
        while entry >= 0:
            following = lightpaths[entry].next_entry
            if lightpaths[entry].departure_s <= now_s:
                path = lightpaths[entry].path
                hops = path_hops[path]
                first_slot = np.int64(lightpaths[entry].first_slot)
                num_slots = np.int64(lightpaths[entry].num_slots)
                give(free, path_units, path, hops, first_slot, num_slots)
                book[0].used_slots -= hops * num_slots
                if is_metered(power):
                    discharge(power, book, lightpaths[entry].load)
                book[0].num_active -= 1
                if previous < 0:
                    wheel[index & last] = following
                else:
                    lightpaths[previous].next_entry = following
                lightpaths[entry].next_entry = book[0].vacant
                book[0].vacant = entry
            else:
                previous = entry
            entry = following
    book[0].cursor = target
