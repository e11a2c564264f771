"""Features of a path and of a block on it, for every way of listing candidates. Names: ``features.py``.

Compiled helpers that fill columns of one row; which rows there are is decided in ``candidates.py`` and, with
quality of transmission, in ``gsnr/listing.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import count_set, is_set, next_clear, next_set, population
from envs.blocks import Index
from envs.compiled import inlined
from envs.features import COLUMN


class Least(NamedTuple):
    """The least that any path of a request's node pair needs, each for itself."""

    hops: int
    spend: int  # slots times hops
    slots: int
    ms: float | np.floating


class Seen(NamedTuple):
    """The observation of one request."""

    features: np.ndarray  # (M, F) float32
    mask: np.ndarray  # (M,) bool
    context: np.ndarray  # (C,) float32


class SlotRange(NamedTuple):
    """The slots among which a block is placed."""

    low: int  # the first
    high: int  # the one after the last
    step: int  # from one starting position to the next: 1, or a channel


class Run(NamedTuple):
    """Free slots side by side on a path."""

    start: Index
    length: Index


@inlined
def describe_route(rank, hops, latency_ms, max_latency_ms, least, row):
    """Fill the features that follow from the route alone; ``rank``: place among the pair's paths, 0 to 1."""
    row[COLUMN.path_rank] = rank
    row[COLUMN.hops] = hops / 8.0
    row[COLUMN.extra_hops] = (hops - least.hops) / 4.0
    row[COLUMN.detour] = latency_ms / least.ms - 1.0
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
def describe_path(free, units, words, runs, num_band_slots, row):
    """Fill the features of what is free on a path; see ``path_words`` and ``runs_on_path``."""
    free_on_path = count_set(words)
    load_sum = 0.0
    load_max = 0.0
    for h in range(len(units)):
        free_slots = 0
        for w in range(len(words)):
            free_slots += population(free[units[h], w])
        load = 1.0 - free_slots / num_band_slots
        load_sum += load
        load_max = max(load_max, load)
    row[COLUMN.path_free] = free_on_path / num_band_slots
    row[COLUMN.path_longest_run] = runs[1] / num_band_slots
    row[COLUMN.path_runs] = runs[0] / 8.0
    row[COLUMN.mean_load] = load_sum / len(units)
    row[COLUMN.max_load] = load_max


@inlined
def describe_block(block, run, band, positions, row):
    """Fill the features of a block in its free run into ``row``.

    Args:
        block: Block.
        run: the free Run that it lies in.
        band: SlotRange.
        positions: starting positions for such a block on the path (in the band), at least 1.
        row: (F,) float32.
    """
    num_slots, step = block.num_slots, band.step
    left = block.first_slot - run.start
    right = run.length - num_slots - left
    row[COLUMN.first_slot] = (block.first_slot - band.low) / (band.high - band.low)
    row[COLUMN.leftover] = min(run.length - num_slots, 32) / 16.0
    row[COLUMN.exact_fit] = 1.0 if run.length == num_slots else 0.0
    kept = max((left - num_slots) // step + 1, 0) + max((right - num_slots) // step + 1, 0)
    row[COLUMN.starts_lost] = ((run.length - num_slots) // step + 1 - kept) / positions


@inlined
def describe_edges(free, block, band, row):
    """Fill the features about the block's neighbours in its band, on each of its units, into ``row``."""
    low_taken = 0
    high_taken = 0
    splits = 0
    fills = 0
    units, first_slot, hops = block.units, block.first_slot, len(block.units)
    after = first_slot + block.num_slots
    for h in range(hops):
        unit = units[h]
        low_free = first_slot > band.low and is_set(free[unit], first_slot - 1) == 1
        high_free = after < band.high and is_set(free[unit], after) == 1
        low_taken += not low_free
        high_taken += not high_free
        splits += low_free and high_free
        fills += not low_free and not high_free
    row[COLUMN.touches_low] = low_taken / hops
    row[COLUMN.touches_high] = high_taken / hops
    row[COLUMN.splits] = splits / hops
    row[COLUMN.fills] = fills / hops
