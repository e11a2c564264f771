"""Features of a path and of a block on it, for every way of listing candidates. Names: ``features.py``.

Compiled helpers that fill columns of one row; which rows there are is decided in ``candidates.py`` and, with
quality of transmission, in ``gsnr/listing.py``.
"""

from __future__ import annotations

import numpy as np

from envs.bits import count_set, next_clear, next_set, population
from envs.compiled import inlined
from envs.features import COLUMN


@inlined
def path_words(free, path_units, path, hops, words):
    """AND of the free slots over the units of a path, into ``words``."""
    for w in range(len(words)):
        word = free[path_units[path, 0], w]
        for h in range(1, hops):
            word &= free[path_units[path, h], w]
        words[w] = word


@inlined
def describe_route(path, begin, end, hops, least_hops, latency_ms, least_ms, max_latency_ms, row):
    """Fill the features that follow from the route alone into ``row``."""
    row[COLUMN.path_rank] = (path - begin) / (end - begin)
    row[COLUMN.hops] = hops / 8.0
    row[COLUMN.extra_hops] = (hops - least_hops) / 4.0
    row[COLUMN.detour] = latency_ms / least_ms - 1.0
    row[COLUMN.latency_slack] = 1.0 if max_latency_ms == np.inf else 1.0 - latency_ms / max_latency_ms


@inlined
def describe_size(hops, num_slots, least_spend, bits_per_symbol, row):
    """Fill the features that follow from the size of the block and its format into ``row``."""
    row[COLUMN.slots] = num_slots / 16.0
    row[COLUMN.spend] = (num_slots * hops) / least_spend - 1.0
    row[COLUMN.spend_total] = (num_slots * hops) / 32.0
    row[COLUMN.bits_per_symbol] = bits_per_symbol / 6.0


@inlined
def runs_on_path(words):
    """(free runs, slots of the longest) of a path whose free slots are ``words``."""
    runs, longest = 0, 0
    start = next_set(words, 0)
    while start >= 0:
        end = next_clear(words, start)
        longest = max(longest, end - start)
        runs += 1
        start = next_set(words, end)
    return runs, longest


@inlined
def describe_path(free, path_units, path, hops, words, runs, longest, num_band_slots, row):
    """Fill the features of what is free on a path into ``row``.

    ``words`` holds the slots free on it all, in ``runs`` free runs, the longest of ``longest`` slots.
    """
    free_on_path = count_set(words)
    load_sum = 0.0
    load_max = 0.0
    for h in range(hops):
        unit = path_units[path, h]
        free_slots = 0
        for w in range(len(words)):
            free_slots += population(free[unit, w])
        load = 1.0 - free_slots / num_band_slots
        load_sum += load
        load_max = max(load_max, load)
    row[COLUMN.path_free] = free_on_path / num_band_slots
    row[COLUMN.path_longest_run] = longest / num_band_slots
    row[COLUMN.path_runs] = runs / 8.0
    row[COLUMN.mean_load] = load_sum / hops
    row[COLUMN.max_load] = load_max


@inlined
def describe_block(start, length, first_slot, num_slots, low, high, positions, step, row):
    """Fill the features of a block in its free run into ``row``.

    Args:
        start: first slot of the free run, of ``length`` slots.
        length: see ``start``.
        first_slot: of the block.
        num_slots: of the block.
        low: first slot of the band.
        high: slot after the band.
        positions: starting positions for such a block on the path (in the band), at least 1.
        step: slots from one starting position to the next: 1, or a channel.
        row: (F,) float32.
    """
    left = first_slot - start
    right = length - num_slots - left
    row[COLUMN.first_slot] = (first_slot - low) / (high - low)
    row[COLUMN.leftover] = min(length - num_slots, 32) / 16.0
    row[COLUMN.exact_fit] = 1.0 if length == num_slots else 0.0
    kept = max((left - num_slots) // step + 1, 0) + max((right - num_slots) // step + 1, 0)
    row[COLUMN.starts_lost] = ((length - num_slots) // step + 1 - kept) / positions


@inlined
def describe_edges(free, path_units, path, hops, first_slot, num_slots, low, high, row):
    """Fill the features about the block's neighbours in its band, on every unit of the path, into ``row``."""
    low_taken = 0
    high_taken = 0
    splits = 0
    fills = 0
    after = first_slot + num_slots
    for h in range(hops):
        unit = path_units[path, h]
        low_free = (
            first_slot > low
            and ((free[unit, (first_slot - 1) >> 6] >> np.uint64((first_slot - 1) & 63)) & 1) == 1
        )
        high_free = after < high and ((free[unit, after >> 6] >> np.uint64(after & 63)) & 1) == 1
        low_taken += not low_free
        high_taken += not high_free
        splits += low_free and high_free
        fills += not low_free and not high_free
    row[COLUMN.touches_low] = low_taken / hops
    row[COLUMN.touches_high] = high_taken / hops
    row[COLUMN.splits] = splits / hops
    row[COLUMN.fills] = fills / hops
