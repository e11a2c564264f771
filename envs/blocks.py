"""A block of slots side by side on the units of a path: whether it is free, taking it and giving it back.

Compiled helpers on the free slots of one network. Where they go, policies decide; for how long: ``state.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import block_mask
from envs.compiled import inlined

Index = int | np.int64


class Block(NamedTuple):
    """Slots ``first_slot`` to ``first_slot + num_slots - 1``, on every unit of a path."""

    units: np.ndarray  # (hops,) int32 spectrum units
    first_slot: Index
    num_slots: Index


class Paths(NamedTuple):
    """The path table of a plant. Small, as every helper that takes it unpacks it: see docs/adr/0002."""

    first: np.ndarray  # (num_nodes**2 + 1,) int32, the paths of each ordered node pair
    units: np.ndarray  # (num_paths, max_hops) int32
    hops: np.ndarray  # (num_paths,) int32
    format: np.ndarray  # (num_paths,) int32


@inlined
def path_words(free, units, words):
    """AND of the free slots over the units of a path, into ``words``."""
    for w in range(len(words)):
        word = free[units[0], w]
        for h in range(1, len(units)):
            word &= free[units[h], w]
        words[w] = word


@inlined
def is_free(free, block):
    """Whether a block is free on all its units."""
    units, first_slot, num_slots = block.units, block.first_slot, block.num_slots
    for w in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        mask = block_mask(first_slot, num_slots, w)
        for h in range(len(units)):
            if free[units[h], w] & mask != mask:
                return False
    return True


@inlined
def allocate(free, block):
    """Mark a block as taken on its units."""
    units, first_slot, num_slots = block.units, block.first_slot, block.num_slots
    for w in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        keep = ~block_mask(first_slot, num_slots, w)
        for h in range(len(units)):
            free[units[h], w] &= keep


@inlined
def release(free, block):
    """Mark a block as free again on its units."""
    units, first_slot, num_slots = block.units, block.first_slot, block.num_slots
    for w in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        mask = block_mask(first_slot, num_slots, w)
        for h in range(len(units)):
            free[units[h], w] |= mask
