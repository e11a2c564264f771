"""When what is lit ends, where that is known: a calendar of the slots, and the features it gives.

Services that are booked for a time say when they end. A block is best put beside one that ends with it, or
later: what ends first leaves a gap beside what stays. A plant knows the ends where ``PlantSpec.ends_known``;
elsewhere, and always on the online side, where requests come without an end, the columns are 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.compiled import inlined
from envs.features import COLUMN

EDGE_STAYS = 1.0  # beyond the last slot nothing ever becomes free


class Calendars(NamedTuple):
    """When the slots of N networks were last due to become free; empty where the ends are not known."""

    end_s: np.ndarray  # (N, num_units, num_slots) float64; of a slot that is free, a time that is past


def new_calendars(ends_known: bool, num_networks: int, num_units: int, num_slots: int) -> Calendars:
    """N calendars without an entry."""
    return Calendars(np.zeros((num_networks, num_units, num_slots) if ends_known else (num_networks, 0, 0)))


@inlined
def note_end(calendar, path_units, path, hops, first_slot, num_slots, end_s):
    """Enter a block on every unit of a path; ``calendar``: (num_units, num_slots) of one network."""
    for h in range(hops):
        unit = path_units[path, h]
        for slot in range(first_slot, first_slot + num_slots):
            calendar[unit, slot] = end_s


@inlined
def describe_ends(
    calendar, free, path_units, path_hops, paths, slots, nums, num_listed, now_s, end_s, features
):
    """Fill the two columns about the neighbours of each candidate, of a block that would end at ``end_s``.

    Both are means over the path's links and the two sides of the block. With a the time that the block has to
    live and b the time that the lightpath beside it has: min(b / a, 1), and (min(a, b) / max(a, b))^2. A free
    slot counts 0; the edge of the spectrum ``EDGE_STAYS`` and 0.
    """
    own_s = end_s - now_s
    for c in range(num_listed):
        path = np.int64(paths[c])
        first_slot = np.int64(slots[c])
        after = first_slot + np.int64(nums[c])
        stays = 0.0
        alike = 0.0
        for h in range(path_hops[path]):
            unit = path_units[path, h]
            for side in range(2):
                slot = first_slot - 1 if side == 0 else after
                if slot < 0 or slot == calendar.shape[1]:
                    stays += EDGE_STAYS
                elif ((free[unit, slot >> 6] >> np.uint64(slot & 63)) & 1) == 0:
                    other_s = calendar[unit, slot] - now_s
                    share = min(own_s, other_s) / max(own_s, other_s)
                    stays += share if other_s < own_s else 1.0
                    alike += share * share
        features[c, COLUMN.neighbours_stay] = stays / (2 * path_hops[path])
        features[c, COLUMN.neighbours_alike] = alike / (2 * path_hops[path])
