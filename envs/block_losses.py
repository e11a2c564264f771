"""What a block takes from every node pair: starting positions, free runs, and what potentials rise by.

Per path the starts that a block takes are an AND and a population count with a mask of the block. Which
paths, sizes and potentials: ``after_state.py``; where the bitmaps come from: ``start_bitmaps.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import U1, block_mask, population, trailing_zeros
from envs.compiled import inlined
from envs.start_bitmaps import RATES, U63


@inlined
def fill_masks(sizes, first_slot, num_slots, masks):
    """The starting positions that a block takes, per format, word and bit rate, from the word returned on.

    At least that word and the next are filled; ``masks`` has two words or more.
    """
    longest = 0
    for f in range(sizes.shape[0]):
        longest = max(longest, sizes[f, RATES - 1])
    first_word = min(max(first_slot - longest + 1, 0) >> 6, masks.shape[1] - 2)
    last_word = max((first_slot + num_slots - 1) >> 6, first_word + 1)
    for f in range(sizes.shape[0]):
        for r in range(RATES):
            begin = max(first_slot - sizes[f, r] + 1, 0)
            for w in range(first_word, last_word + 1):
                masks[f, w, r] = block_mask(begin, first_slot + num_slots - begin, w)
    return first_word


class Reach(NamedTuple):
    """The words that a block's masks lie in, and the first starting position behind the block."""

    first_word: int
    last_word: int
    last_bit: np.uint64
    next_word: int
    next_bit: np.uint64
    has_next: np.uint64  # 0 where the block ends with the spectrum


@inlined
def taken(starts, masks, q, f, r, reach):
    """(starting positions, free runs) that a block takes from path ``q`` at bit rate ``r``.

    Nearly always the masks lie in two words; these are written out.
    """
    first_word = reach.first_word
    low, high = starts[q, first_word, r], starts[q, first_word + 1, r]
    below = starts[q, first_word - 1, r] >> U63 if first_word > 0 else np.uint64(0)
    low_hit, high_hit = low & masks[f, first_word, r], high & masks[f, first_word + 1, r]
    lost = population(low_hit) + population(high_hit)
    runs = population(low_hit & ~((low << U1) | below)) + population(
        high_hit & ~((high << U1) | (low >> U63))
    )
    for w in range(first_word + 2, reach.last_word + 1):
        now, below = starts[q, w, r], starts[q, w - 1, r] >> U63
        hit = now & masks[f, w, r]
        lost += population(hit)
        runs += population(hit & ~((now << U1) | below))
    # What goes on behind the block begins a run of its own there.
    inside = starts[q, reach.last_word, r] >> reach.last_bit
    behind = starts[q, reach.next_word, r] >> reach.next_bit
    return lost, runs - np.int64(inside & behind & reach.has_next)


@inlined
def rise(table, s, shares, counts, d, less):
    """What potential ``s`` of pair ``d`` rises by; counts fall by ``less``. ``shares``: of its bit rates."""
    return (
        shares[0] * (table[counts[d, 0] - less[0], s] - table[counts[d, 0], s])
        + shares[1] * (table[counts[d, 1] - less[1], s] - table[counts[d, 1], s])
        + shares[2] * (table[counts[d, 2] - less[2], s] - table[counts[d, 2], s])
        + shares[3] * (table[counts[d, 3] - less[3], s] - table[counts[d, 3], s])
    )


@inlined
def with_pair(sums, potentials, num_starts, num_runs, d, lost, runs):
    """The sums of ``sum_losses`` with those of one more pair."""
    of_pairs, of_starts, of_runs = potentials
    shares = (of_pairs[d, 0], of_pairs[d, 1], of_pairs[d, 2], of_pairs[d, 3])
    return (
        sums[0] + (shares[0] * lost[0] + shares[1] * lost[1] + shares[2] * lost[2] + shares[3] * lost[3]),
        sums[1] + rise(of_starts, 0, shares, num_starts, d, lost),
        sums[2] + rise(of_starts, 1, shares, num_starts, d, lost),
        sums[3] + rise(of_starts, 2, shares, num_starts, d, lost),
        sums[4] + rise(of_starts, 3, shares, num_starts, d, lost),
        sums[5] + rise(of_runs, 0, shares, num_runs, d, runs),
        sums[6] + rise(of_runs, 1, shares, num_runs, d, runs),
    )


@inlined
def reach_of(starts, first_word, end):
    """The ``Reach`` of a block whose masks begin in ``first_word``; ``end`` is the slot behind it."""
    last_word, next_word, has_next = (end - 1) >> 6, end >> 6, U1
    if next_word == starts.shape[1]:
        next_word, has_next = last_word, np.uint64(0)
    return Reach(first_word, last_word, np.uint64((end - 1) & 63), next_word, np.uint64(end & 63), has_next)


@inlined
def sum_losses(after, kept, units, masks, first_word, end):
    """Capacity loss and the rises of four potentials of starts and two of runs when a block is taken.

    The block is on ``units``, its masks begin in word ``first_word``; ``end`` is the slot behind it. Tuples
    for four bit rates and seven sums, not arrays: those would go through memory at every step.
    """
    starts, num_starts, num_runs = kept.starts, kept.num_starts, kept.num_runs
    potentials = (after.shares, after.start_potential, after.run_potential)
    unit_paths, path_pair, path_format = after.unit_paths, after.path_pair, after.path_format
    reach = reach_of(starts, first_word, end)
    sums = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    lost, runs = (0, 0, 0, 0), (0, 0, 0, 0)
    pair = np.int64(-1)  # paths come in the order of their pairs: what a pair loses is summed, then counted
    for x in range(unit_paths.shape[1]):
        bits = unit_paths[units[0], x]
        for h in range(1, len(units)):
            bits |= unit_paths[units[h], x]
        while bits != 0:
            q = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            f = np.int64(path_format[q])
            touched = starts[q, first_word, 0] & masks[f, first_word, 0]
            touched |= starts[q, first_word + 1, 0] & masks[f, first_word + 1, 0]
            for w in range(first_word + 2, reach.last_word + 1):
                touched |= starts[q, w, 0] & masks[f, w, 0]
            if touched == 0:  # a block that takes no start of the smallest size takes none of a larger
                continue
            if path_pair[q] != pair:
                if pair >= 0:
                    sums = with_pair(sums, potentials, num_starts, num_runs, pair, lost, runs)
                    lost, runs = (0, 0, 0, 0), (0, 0, 0, 0)
                pair = np.int64(path_pair[q])
            n_0, m_0 = taken(starts, masks, q, f, 0, reach)
            n_1, m_1 = taken(starts, masks, q, f, 1, reach)
            n_2, m_2 = taken(starts, masks, q, f, 2, reach)
            n_3, m_3 = taken(starts, masks, q, f, 3, reach)
            lost = (lost[0] + n_0, lost[1] + n_1, lost[2] + n_2, lost[3] + n_3)
            runs = (runs[0] + m_0, runs[1] + m_1, runs[2] + m_2, runs[3] + m_3)
    if pair >= 0:
        sums = with_pair(sums, potentials, num_starts, num_runs, pair, lost, runs)
    return sums
