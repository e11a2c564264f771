"""Which bit rates a block would leave a node pair without any path for: exact, over the whole path table.

For every pair a feasible placement is cached: a block, still free, of the widest bit rate that the pair can
be given. A candidate that leaves it alone takes nothing from the pair; only where it does not, the pair's
paths are searched. Per unit a bitmap says whose placement lies there, so most pairs are not even looked at,
whatever K is. Any free block of the widest rate will do, so which one it is leaves no trace in the result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import U1, block_mask, first_set, leading_zeros, narrow, starts_inplace, trailing_zeros
from envs.blocks import Block, is_free, path_words
from envs.compiled import inlined
from envs.start_bitmaps import RATES

NOTHING = (-1, 0, 0)  # for ``free_on``


class Search(NamedTuple):
    """What the pairs are searched for; arrays of ``AfterArrays``."""

    sizes: np.ndarray
    shares: np.ndarray
    pair_row: np.ndarray
    crossed: np.ndarray


class CachedPlacements(NamedTuple):
    """Of D pairs of N networks."""

    path: np.ndarray  # (N, D) int32 row of the plant's paths
    first_slot: np.ndarray  # (N, D) int32
    num_slots: np.ndarray  # (N, D) int32, 0 where the pair can be given nothing
    rates: np.ndarray  # (N, D) int32, how many of the bit rates the pair can be given, from the least on
    on_unit: np.ndarray  # (N, num_units, ceil(D / 64)) uint64, bit d: that of pair d lies on the unit
    short: np.ndarray  # (N, ceil(D / 64)) uint64, bit d: pair d cannot be given every bit rate


def no_cached_placements(num_networks: int, num_units: int, num_pairs: int) -> CachedPlacements:
    """None found yet: every pair is short."""
    of_pairs, words = (num_networks, num_pairs), -(-num_pairs // 64)
    short = np.zeros((num_networks, words), np.uint64)
    for d in range(num_pairs):
        short[:, d >> 6] |= np.uint64(1 << (d & 63))
    return CachedPlacements(
        path=np.zeros(of_pairs, np.int32),
        first_slot=np.zeros(of_pairs, np.int32),
        num_slots=np.zeros(of_pairs, np.int32),
        rates=np.zeros(of_pairs, np.int32),
        on_unit=np.zeros((num_networks, num_units, words), np.uint64),
        short=short,
    )


def unit_bits(path_units: np.ndarray, path_hops: np.ndarray, num_units: int) -> np.ndarray:
    """(num_paths, ceil(num_units / 64)) uint64, bit u: the path crosses unit u."""
    bits = np.zeros((len(path_hops), -(-num_units // 64)), np.uint64)
    for h in range(path_units.shape[1]):
        rows = np.flatnonzero(h < path_hops)
        units = path_units[rows, h].astype(np.uint64)
        bits[rows, units >> np.uint64(6)] |= U1 << (units & np.uint64(63))
    return bits


@inlined
def cross(crossed, path, other):
    """Whether two paths share a unit; ``crossed`` from ``unit_bits``."""
    common = np.uint64(0)
    for x in range(crossed.shape[1]):
        common |= crossed[path, x] & crossed[other, x]
    return common != 0


@inlined
def free_on(paths, crossed, free, path, without, words):
    """The slots free on a path, into ``words``, those of the placement ``without`` taken off.

    ``without`` is (path, first slot, number of slots); path -1: none.
    """
    path_words(free, paths.units[path, : paths.hops[path]], words)
    other, first_slot, num_slots = without
    if other >= 0 and cross(crossed, path, other):
        for w in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
            words[w] &= ~block_mask(first_slot, num_slots, w)


@inlined
def find_widest(paths, search, free, begin, end, without, words):
    """The widest bit rate that paths ``begin`` to ``end - 1`` can carry; ``without``: see ``free_on``.

    Returns:
        How many of the bit rates can be carried; path, first slot and number of slots of a block of the last.
    """
    sizes = search.sizes
    best, best_path, best_slot, best_slots = 0, np.int64(begin), np.int64(0), np.int64(0)
    for path in range(begin, end):
        free_on(paths, search.crossed, free, path, without, words)
        have = np.int64(1)
        for r in range(RATES):
            size = np.int64(sizes[paths.format[path], r])
            narrow(words, 0, len(words) - 1, have, size)
            have = size
            highest = -1  # far from where first fit puts things, so that it stays free for long
            for w in range(len(words)):
                if words[w] != 0:
                    highest = 64 * w + 63 - leading_zeros(words[w])
            if highest < 0:
                break
            if r >= best:
                best, best_path, best_slot, best_slots = r + 1, np.int64(path), np.int64(highest), size
        if best == RATES:
            break
    return best, best_path, best_slot, best_slots


@inlined
def carries_all(paths, search, free, begin, end, without, words):
    """Whether one of the paths ``begin`` to ``end - 1`` can carry the highest bit rate: quicker to say."""
    sizes = search.sizes
    for path in range(begin, end):
        free_on(paths, search.crossed, free, path, without, words)
        starts_inplace(words, np.int64(sizes[paths.format[path], RATES - 1]))
        if first_set(words) >= 0:
            return True
    return False


@inlined
def mark_units(on_unit, units, x, bit, lies_there):
    """Say of a pair's placement that it lies on some units, or no longer."""
    for h in range(len(units)):
        if lies_there:
            on_unit[units[h], x] |= bit
        else:
            on_unit[units[h], x] &= ~bit


@inlined
def refresh_cached(paths, search, free, changed, cached, n, words):
    """Bring the placements of network ``n`` up to date; ``changed``: bit u, unit u has changed since."""
    on_unit, short = cached.on_unit[n], cached.short[n]
    of_path, of_first_slot = cached.path[n], cached.first_slot[n]
    of_num_slots, of_rates = cached.num_slots[n], cached.rates[n]
    for x in range(len(short)):
        bits = short[x]
        for y in range(len(changed)):
            units = changed[y]
            while units != 0:
                bits |= on_unit[64 * y + trailing_zeros(units), x]
                units &= units - U1
        while bits != 0:
            d = 64 * x + trailing_zeros(bits)
            bit = bits & (~bits + U1)
            bits ^= bit
            path, rates = np.int64(of_path[d]), of_rates[d]
            on_path = paths.units[path, : paths.hops[path]]
            block = Block(on_path, np.int64(of_first_slot[d]), np.int64(of_num_slots[d]))
            if rates == RATES and is_free(free, block):
                continue
            if rates > 0:
                mark_units(on_unit, on_path, x, bit, False)
            begin, end = paths.first[search.pair_row[d]], paths.first[search.pair_row[d] + 1]
            rates, path, slot, slots = find_widest(paths, search, free, begin, end, NOTHING, words)
            of_path[d], of_first_slot[d], of_num_slots[d], of_rates[d] = path, slot, slots, rates
            if rates > 0:
                mark_units(on_unit, paths.units[path, : paths.hops[path]], x, bit, True)
            if rates == RATES:
                short[x] &= ~bit
            else:
                short[x] |= bit


@inlined
def blocking_rise(paths, search, free, cached, n, placed, words):
    """Share of the next requests that a placement would leave without any path, weighted, summed over pairs.

    ``placed`` is (path, first slot, number of slots).
    """
    on_unit, of_rates = cached.on_unit[n], cached.rates[n]
    of_path, of_first_slot, of_num_slots = cached.path[n], cached.first_slot[n], cached.num_slots[n]
    path, first_slot, num_slots = placed
    rise = 0.0
    for x in range(on_unit.shape[1]):
        bits = np.uint64(0)
        for h in range(paths.hops[path]):
            bits |= on_unit[paths.units[path, h], x]
        while bits != 0:
            d = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            slot = of_first_slot[d]
            if slot >= first_slot + num_slots or slot + of_num_slots[d] <= first_slot:
                continue
            begin, end = paths.first[search.pair_row[d]], paths.first[search.pair_row[d] + 1]
            # The paths before its own were too full when it was found, and mostly still are.
            if of_rates[d] == RATES and carries_all(
                paths, search, free, np.int64(of_path[d]), end, placed, words
            ):
                continue
            rates, _, _, _ = find_widest(paths, search, free, begin, end, placed, words)
            for r in range(rates, of_rates[d]):
                rise += search.shares[d, r]
    return rise
