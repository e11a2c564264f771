"""Bitmaps of starting positions per path and bit rate, brought up to date from the spectrum itself.

Unit by unit where the spectrum has changed since the last look, path by path that crosses such a unit, word
by word where the path's own free slots have changed. Which paths and sizes: ``after_state.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import U1, narrow, population, trailing_zeros
from envs.blocks import path_words
from envs.compiled import inlined

RATES = 4  # bit rates looked at; fewer are padded with shares of zero
U63 = np.uint64(63)


class Kept(NamedTuple):
    """What is kept of one network; rows of ``AfterStates``."""

    seen: np.ndarray  # (num_units, W) uint64
    path_free: np.ndarray  # (Q, W) uint64
    starts: np.ndarray  # (Q, W, RATES) uint64
    num_starts: np.ndarray  # (D, RATES) int32
    num_runs: np.ndarray  # (D, RATES) int32


@inlined
def run_starts(word, below):
    """How many runs of set bits begin in a word; ``below`` is the last bit of the word before."""
    return population(word & ~((word << U1) | below))


@inlined
def note_changes(unit_paths, free, seen, stale_paths, changed_units):
    """Bring ``seen`` up to date; set the bits of the units that have changed, and of the paths over them."""
    for x in range(len(stale_paths)):
        stale_paths[x] = np.uint64(0)
    for y in range(len(changed_units)):
        changed_units[y] = np.uint64(0)
    for unit in range(free.shape[0]):
        changed = np.uint64(0)
        for w in range(free.shape[1]):
            changed |= free[unit, w] ^ seen[unit, w]
            seen[unit, w] = free[unit, w]
        if changed != 0:
            changed_units[unit >> 6] |= U1 << np.uint64(unit & 63)
            for x in range(len(stale_paths)):
                stale_paths[x] |= unit_paths[unit, x]


@inlined
def refresh_paths(after, kept, free, scratch):
    """Bring bitmaps and counts of a network up to date with ``free``.

    Args:
        after: AfterArrays.
        kept: Kept.
        free: (num_units, num_words) uint64 of the network.
        scratch: AfterScratch; the bits of the units that have changed are set in ``changed_units``.
    """
    path_units, path_hops, path_format = after.path_units, after.path_hops, after.path_format
    path_free, words, sizes = kept.path_free, scratch.words, after.sizes
    num_words = free.shape[1]
    note_changes(after.unit_paths, free, kept.seen, scratch.stale_paths, scratch.changed_units)
    for x in range(len(scratch.stale_paths)):
        bits = scratch.stale_paths[x]
        while bits != 0:
            q = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            path_words(free, path_units[q, : path_hops[q]], words)
            low, high = num_words, -1  # words that changed
            for w in range(num_words):
                if words[w] != path_free[q, w]:
                    path_free[q, w] = words[w]
                    low, high = min(low, w), w
            if high < 0:
                continue
            # A start sees as many slots ahead as its size, so words below those that changed change too.
            reach = (np.int64(sizes[path_format[q], RATES - 1]) + 62) // 64
            low = max(low - reach, 0)
            if high - low <= 1 and reach <= 1:
                update_two_words(kept, sizes[path_format[q]], q, after.path_pair[q], low, high)
            else:
                update_words(kept, sizes[path_format[q]], q, after.path_pair[q], low, high, words)


@inlined
def update_two_words(kept, sizes, q, pair, low, high):
    """Path ``q`` where only words ``low`` to ``high``, at most two, have changed: all in registers.

    ``sizes``: (RATES,) of its format; ``pair``: the pair that it belongs to.
    """
    path_free, starts, num_starts, num_runs = kept.path_free, kept.starts, kept.num_starts, kept.num_runs
    num_words, zero = path_free.shape[1], np.uint64(0)
    first = path_free[q, low]
    second = path_free[q, low + 1] if low + 1 < num_words else zero
    third = path_free[q, low + 2] if low + 2 < num_words else zero  # its low bits stay right, and suffice
    have = 1
    for r in range(RATES):  # sizes ascend: the starts of one are a subset of those of the one before
        while have < sizes[r]:
            step = min(have, sizes[r] - have, 63)
            down, up = np.uint64(step), np.uint64(64 - step)
            first &= (first >> down) | (second << up)
            second &= (second >> down) | (third << up)
            third &= third >> down
            have += step
        below = starts[q, low - 1, r] >> U63 if low > 0 else zero
        then = starts[q, low, r]
        starts[q, low, r] = first
        starts_gained = population(first) - population(then)
        runs_gained = run_starts(first, below) - run_starts(then, below)
        top_now, top_then = first >> U63, then >> U63
        if high > low:
            then = starts[q, high, r]
            starts[q, high, r] = second
            starts_gained += population(second) - population(then)
            runs_gained += run_starts(second, top_now) - run_starts(then, top_then)
            top_now, top_then = second >> U63, then >> U63
        if high + 1 < num_words:
            runs_gained += np.int64(starts[q, high + 1, r] & U1) * (np.int64(top_then) - np.int64(top_now))
        num_starts[pair, r] += starts_gained
        num_runs[pair, r] += runs_gained


@inlined
def update_words(kept, sizes, q, pair, low, high, words):
    """Path ``q`` where words ``low`` to ``high`` have changed, and those above that sizes reach into.

    ``words`` holds what is free on the path, and is used up; else as ``update_two_words``.
    """
    path_free, starts, num_starts, num_runs = kept.path_free, kept.starts, kept.num_starts, kept.num_runs
    reach = (np.int64(sizes[RATES - 1]) + 62) // 64
    last = min(high + reach, path_free.shape[1] - 1)
    have = np.int64(1)
    for r in range(RATES):
        size = np.int64(sizes[r])
        narrow(words, low, last, have, size)
        have = size
        starts_gained, runs_gained = np.int64(0), np.int64(0)
        top_now = starts[q, low - 1, r] >> U63 if low > 0 else np.uint64(0)
        top_then = top_now
        for w in range(low, high + 1):
            now, then = words[w], starts[q, w, r]
            starts[q, w, r] = now
            starts_gained += population(now) - population(then)
            runs_gained += run_starts(now, top_now) - run_starts(then, top_then)
            top_now, top_then = now >> U63, then >> U63
        if high + 1 < path_free.shape[1]:
            runs_gained += np.int64(starts[q, high + 1, r] & U1) * (np.int64(top_then) - np.int64(top_now))
        num_starts[pair, r] += starts_gained
        num_runs[pair, r] += runs_gained
