"""When what is lit departs, where that is known: the departure time of each slot, and the features it gives.

Services that are booked for a time say when they end. A block is best put beside one that ends with it, or
later: what ends first leaves a gap beside what stays. Departures are known where a plant's spec has
``departures_known``; elsewhere, and always on the online side, where requests come without an end, the
columns are 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.bits import is_set
from envs.compiled import inlined
from envs.features import COLUMN

if TYPE_CHECKING:
    from envs.blueprint import Room

EDGE_STAYS = 1.0  # beyond the last slot nothing ever becomes free


class DepartureTimes(NamedTuple):
    """When the slots of N networks were last due to become free; empty where departures are not known."""

    departure_s: np.ndarray  # (N, num_units, num_slots) float64; of a slot that is free, a time that is past


def new_departure_times(known: bool, room: Room) -> DepartureTimes:
    """N networks without an entry."""
    size = (room.num_units, room.num_slots) if known else (0, 0)
    return DepartureTimes(np.zeros((room.num_networks, *size)))


@inlined
def note_departure(times, block, departure_s):
    """Enter a block on each of its units; ``times``: (num_units, num_slots) of one network."""
    for h in range(len(block.units)):
        for slot in range(block.first_slot, block.first_slot + block.num_slots):
            times[block.units[h], slot] = departure_s


@inlined
def describe_departures(times, paths, free, asked, listed, features):
    """Fill the two columns about the neighbours of each candidate.

    Both are means over the path's links and the two sides of the block. With a the time that the block has to
    live and b the time that the lightpath beside it has: min(b / a, 1), and (min(a, b) / max(a, b))^2. A free
    slot counts 0; the edge of the spectrum ``EDGE_STAYS`` and 0.
    """
    path_units, path_hops, now_s = paths.units, paths.hops, asked.now_s
    own_s = (now_s + asked.holding_s) - now_s  # in the steps that the noted times have
    for c in range(listed.in_use):
        path = np.int64(listed.path[c])
        first_slot = np.int64(listed.first_slot[c])
        after = first_slot + np.int64(listed.num_slots[c])
        stays = 0.0
        alike = 0.0
        for h in range(path_hops[path]):
            unit = path_units[path, h]
            for side in range(2):
                slot = first_slot - 1 if side == 0 else after
                if slot < 0 or slot == times.shape[1]:
                    stays += EDGE_STAYS
                elif is_set(free[unit], slot) == 0:
                    other_s = times[unit, slot] - now_s
                    share = min(own_s, other_s) / max(own_s, other_s)
                    stays += share if other_s < own_s else 1.0
                    alike += share * share
        features[c, COLUMN.neighbours_stay] = stays / (2 * path_hops[path])
        features[c, COLUMN.neighbours_alike] = alike / (2 * path_hops[path])
