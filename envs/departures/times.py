"""How long what is lit still stands, as far as that is known, and the features that it gives.

A block is best put beside one that ends with it, or later: what ends first leaves a gap beside what stays.
Where a plant has ``departures_known``, each lightpath and each request has a rest of life: up to the end that
its client told; where none was told, as long as lives of its class and age are expected to go on by the
forecast; unknown where there is neither. Beside an unknown one a block counts as beside free slots, and the
columns of an unknown request are 0, as they are on every other plant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.bits import is_set
from envs.compiled import inlined
from envs.features import COLUMN
from envs.request import KnownLife

if TYPE_CHECKING:
    from envs.blueprint import Room

EDGE_STAYS = 1.0  # beyond the last slot nothing ever becomes free
LEAST_S = 1e-9  # rest of a life whose told end has come, though it still stands
UNKNOWN_S = -1.0


class SlotLives(NamedTuple):
    """The lives that last took the slots of N networks; empty where the plant does not look at departures."""

    began_s: np.ndarray  # (N, num_units, num_slots) float64
    told_end_s: np.ndarray  # (N, num_units, num_slots) float64; infinite: not told
    row: np.ndarray  # (N, num_units, num_slots) int16, of the forecast's classes; -1: not among them


def new_slot_lives(known: bool, room: Room) -> SlotLives:
    """N networks without an entry."""
    shape = (room.num_networks, room.num_units, room.num_slots) if known else (room.num_networks, 0, 0)
    return SlotLives(np.zeros(shape), np.full(shape, np.inf), np.full(shape, -1, np.int16))


@inlined
def note_life(lives, n, block, life):
    """Enter the life of a block of network ``n`` on each of its units."""
    for h in range(len(block.units)):
        unit = block.units[h]
        for slot in range(block.first_slot, block.first_slot + block.num_slots):
            lives.began_s[n, unit, slot] = life.began_s
            lives.told_end_s[n, unit, slot] = life.told_end_s
            lives.row[n, unit, slot] = life.row


@inlined
def rest_of_life(rests, life, now_s):
    """Seconds that a life still lasts: told, else expected; ``UNKNOWN_S`` where neither is known.

    Between two ages of the table the expected rest is interpolated.
    """
    if life.told_end_s < np.inf:
        return max(life.told_end_s - now_s, LEAST_S)
    if life.row < 0:
        return UNKNOWN_S
    ages_s, rest_s = rests.ages_s[life.row], rests.rest_s[life.row]
    age_s = now_s - life.began_s
    for k in range(1, len(ages_s)):
        if age_s < ages_s[k]:
            share = max(age_s - ages_s[k - 1], 0.0) / (ages_s[k] - ages_s[k - 1])
            return rest_s[k - 1] + share * (rest_s[k] - rest_s[k - 1])
    return rest_s[len(ages_s) - 1]


@inlined
def describe_departures(rests, lives, n, paths, free, asked, listed, features):
    """Fill the two columns about the neighbours of each candidate.

    Both are means over the path's links and the two sides of the block. With a the time that the block has to
    live and b the time that the lightpath beside it has: min(b / a, 1), and (min(a, b) / max(a, b))^2. A free
    slot, and one whose rest of life is unknown, counts 0; the edge of the spectrum ``EDGE_STAYS`` and 0.
    """
    path_units, path_hops, now_s = paths.units, paths.hops, asked.now_s
    began_s, told_end_s, row = lives.began_s[n], lives.told_end_s[n], lives.row[n]
    own_s = rest_of_life(rests, KnownLife(now_s, asked.told_end_s, np.int64(asked.life_row)), now_s)
    num_listed = listed.in_use if own_s > 0.0 else 0
    for c in range(num_listed):
        path = np.int64(listed.path[c])
        first_slot = np.int64(listed.first_slot[c])
        after = first_slot + np.int64(listed.num_slots[c])
        stays = 0.0
        alike = 0.0
        for h in range(path_hops[path]):
            unit = path_units[path, h]
            for side in range(2):
                slot = first_slot - 1 if side == 0 else after
                if slot < 0 or slot == began_s.shape[1]:
                    stays += EDGE_STAYS
                elif is_set(free[unit], slot) == 0:
                    beside = KnownLife(began_s[unit, slot], told_end_s[unit, slot], np.int64(row[unit, slot]))
                    other_s = rest_of_life(rests, beside, now_s)
                    if other_s > 0.0:
                        share = min(own_s, other_s) / max(own_s, other_s)
                        stays += share if other_s < own_s else 1.0
                        alike += share * share
        features[c, COLUMN.neighbours_stay] = stays / (2 * path_hops[path])
        features[c, COLUMN.neighbours_alike] = alike / (2 * path_hops[path])
