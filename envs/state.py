"""The state of networks in time: free slots as bits, active lightpaths in a timing wheel.

Releases within one instant commute, so departures need no order, only buckets: a wheel of B buckets, each
about one mean inter-arrival time wide, costs O(1) per lightpath where a heap costs O(log n). An entry whose
departure lies beyond the wheel's horizon stays in its bucket until its turn comes round.

Compiled helpers take the arrays of one network together, as ``OneNetwork``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.blocks import Block, allocate, release
from envs.blueprint import Room
from envs.compiled import inlined, records
from envs.parts import PartStates, clear_parts, new_part_states, tear_down_parts
from envs.plant import Plant

LIGHTPATH = np.dtype(
    [
        ("departure_s", np.float64),
        ("path", np.int32),
        ("next_entry", np.int32),  # in its bucket, or among the unused; -1 ends the list
        ("first_slot", np.int16),
        ("num_slots", np.int16),
    ],
    align=True,
)
COUNTERS = np.dtype(
    [
        ("used_slots", np.int64),  # slots taken, summed over units
        ("cursor", np.int64),  # absolute index of the bucket reached
        ("buckets_per_s", np.float64),
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
    counters: np.ndarray  # (N,) COUNTERS
    parts: PartStates


class OneNetwork(NamedTuple):
    """The arrays of one of the networks; made at the top of a kernel and handed to helpers."""

    free: np.ndarray  # (num_units, num_words) uint64
    wheel: np.ndarray  # (B,) int32
    lightpaths: np.ndarray  # (A,) LIGHTPATH
    counters: np.ndarray  # (1,) COUNTERS, a view


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
    num_words = plant.arrays.num_words
    room = Room(num_networks, plant.num_units, plant.spec.num_slots, num_words, most_active)
    states = NetworkStates(
        free=np.empty((num_networks, plant.num_units, num_words), np.uint64),
        wheel=np.empty((num_networks, wheel_size(load_erlang)), np.int32),
        lightpaths=records((num_networks, most_active), LIGHTPATH),
        counters=records(num_networks, COUNTERS),
        parts=new_part_states(plant.arrays.parts, room),
    )
    states.counters["buckets_per_s"] = load_erlang / mean_holding_s
    for network in range(num_networks):
        clear(states, plant, network)
    return states


def clear(states: NetworkStates, plant: Plant, network: int) -> None:
    """Empty one network and set its clock to zero."""
    states.free[network] = plant.arrays.full
    states.wheel[network] = -1
    clear_parts(states.parts, plant.arrays.full, network)
    entries = states.lightpaths[network]
    entries["next_entry"] = np.arange(1, len(entries) + 1)
    entries["next_entry"][-1] = -1
    for name in ("used_slots", "cursor", "num_active", "vacant"):
        states.counters[name][network] = 0


def bytes_per_network(states: NetworkStates) -> int:
    """Memory of one network's state."""
    own = [array for array in states.parts.qot if isinstance(array, np.ndarray)][:5]  # the rest is shared
    return sum(array.nbytes for array in (*states[:4], *own, *states.parts.energy)) // len(states.free)


def active_lightpaths(states: NetworkStates, network: int) -> np.ndarray:
    """(num_active,) LIGHTPATH of what stands in one network, in no order."""
    entries, found = states.lightpaths[network], []
    for entry in states.wheel[network]:
        while entry >= 0:
            found.append(entry)
            entry = entries["next_entry"][entry]
    return entries[np.array(found, np.int64)]


@inlined
def admit(net, path, block, departure_s):
    """Set a lightpath up until ``departure_s``, as ``block`` on the units of ``path``."""
    wheel, lightpaths, counters = net.wheel, net.lightpaths, net.counters
    allocate(net.free, block)
    entry = counters[0].vacant
    counters[0].vacant = lightpaths[entry].next_entry
    bucket = np.int64(departure_s * counters[0].buckets_per_s) & (len(wheel) - 1)
    lightpaths[entry].departure_s = departure_s
    lightpaths[entry].path = path
    lightpaths[entry].first_slot = block.first_slot
    lightpaths[entry].num_slots = block.num_slots
    lightpaths[entry].next_entry = wheel[bucket]
    wheel[bucket] = entry
    counters[0].used_slots += len(block.units) * block.num_slots
    counters[0].num_active += 1


@inlined
def remove(net, block, bucket, previous, entry):
    """Give back the block of the lightpath ``entry`` and take it out of its bucket: what ``admit`` did.

    ``previous`` is the entry before it in the bucket; negative: it is the first.
    """
    wheel, lightpaths, counters = net.wheel, net.lightpaths, net.counters
    release(net.free, block)
    counters[0].used_slots -= len(block.units) * block.num_slots
    counters[0].num_active -= 1
    if previous < 0:
        wheel[bucket] = lightpaths[entry].next_entry
    else:
        lightpaths[previous].next_entry = lightpaths[entry].next_entry
    lightpaths[entry].next_entry = counters[0].vacant
    counters[0].vacant = entry


@inlined
def depart_until(plant, states, net, n, now_s):
    """Release every lightpath of network ``n`` that departs at or before ``now_s``."""
    wheel, lightpaths, counters = net.wheel, net.lightpaths, net.counters
    path_units, path_hops, parts = plant.path_units, plant.path_hops, plant.parts
    last = len(wheel) - 1
    target = np.int64(now_s * counters[0].buckets_per_s)
    for index in range(max(counters[0].cursor, target - last), target + 1):
        previous = np.int32(-1)
        entry = wheel[index & last]
        while entry >= 0:
            following = lightpaths[entry].next_entry
            if lightpaths[entry].departure_s <= now_s:
                path = lightpaths[entry].path
                first_slot = np.int64(lightpaths[entry].first_slot)
                num_slots = np.int64(lightpaths[entry].num_slots)
                block = Block(path_units[path, : path_hops[path]], first_slot, num_slots)
                tear_down_parts(parts, states.parts, n, entry)
                remove(net, block, index & last, previous, entry)
            else:
                previous = entry
            entry = following
    counters[0].cursor = target
