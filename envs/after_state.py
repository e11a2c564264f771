"""What a candidate leaves behind: starting positions that every node pair keeps for its next requests.

For each node pair and up to four bit rates, n counts the starting slots that are free over the pair's best
paths, and m the free runs that hold them. A block takes some of them away, from every pair whose paths share
a spectrum unit with it. The columns that come out of that: the starts lost themselves (minimum slot-capacity
loss, see ``mscl.py``), and the rise of exp(-n / scale) and of exp(-m / scale), summed over pairs and averaged
over bit rates: a pair with little left weighs far more than one with much. Small scales see only pairs about
to be blocked, large ones see all. The runs matter beside the starts because one block can end all the starts
of a run, but hardly those of two runs.

Per path, word and bit rate a bitmap of starting positions is kept, so the starts that a block takes are an
AND and a population count: no free run is walked. The bitmaps are brought up to date from the spectrum
itself, unit by unit where it has changed since the last look; whoever changed it need not say so, and the
columns depend on nothing but the spectrum: training and the online side see the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from envs.bits import U1, block_mask, population, trailing_zeros
from envs.compiled import inlined, kernel

RATES = 4  # bit rates looked at; fewer are padded with shares of zero
START_SCALES = (2.0, 5.0, 12.0, 40.0)  # starting positions
RUN_SCALES = (1.0, 3.0)  # free runs
NUM_START_SCALES, NUM_RUN_SCALES = len(START_SCALES), len(RUN_SCALES)
SCALES = NUM_START_SCALES + NUM_RUN_SCALES
COLUMNS = 2 + SCALES  # shortlisted, capacity_loss, routability_loss_*, runs_loss_*
LOSS_UNIT = 256.0  # starting positions per unit of the capacity_loss column
SHORTLISTED = 1.0
U63 = np.uint64(63)


class AfterArrays(NamedTuple):
    """The paths looked at: the best few of every node pair. Q paths, D pairs, F formats."""

    shortlist: int  # candidates looked at per request; 0: none, the columns stay 0
    path_units: np.ndarray  # (Q, max_hops) int32 spectrum units
    path_hops: np.ndarray  # (Q,) int32
    path_pair: np.ndarray  # (Q,) int32
    path_format: np.ndarray  # (Q,) int32
    sizes: np.ndarray  # (F, RATES) int32 slots of each bit rate, ascending; guard included
    shares: np.ndarray  # (RATES,) float64, how often a request asks for the bit rate
    unit_paths: np.ndarray  # (num_units, ceil(Q / 64)) uint64, bit q: path q crosses the unit
    unit_pairs: np.ndarray  # (num_units, ceil(D / 64)) uint64, bit d: a path of pair d does
    start_potential: np.ndarray  # (most starts + 1, len(START_SCALES)) float64, exp(-n / scale)
    run_potential: np.ndarray  # (most runs + 1, len(RUN_SCALES)) float64, exp(-m / scale)
    num_pairs: int


class AfterStates(NamedTuple):
    """What N networks looked like at the last look: a cache of the spectrum, made of nothing else."""

    seen: np.ndarray  # (N, num_units, W) uint64 free slots
    path_free: np.ndarray  # (N, Q, W) uint64
    starts: np.ndarray  # (N, Q, W, RATES) uint64 starting positions
    num_starts: np.ndarray  # (N, D, RATES) int32 starting positions over the pair's paths
    num_runs: np.ndarray  # (N, D, RATES) int32 free runs that hold them
    level: np.ndarray  # (N, D, SCALES) float64 potentials of the counts, averaged over bit rates


def after_arrays(
    shortlist: int,
    paths_per_pair: int,
    rates_gbps: Sequence[float],
    rate_shares: Sequence[float],
    first_path: np.ndarray,
    path_units: np.ndarray,
    path_hops: np.ndarray,
    path_format: np.ndarray,
    slots_per_gbps: np.ndarray,
    guard_slots: int,
    num_slots: int,
    num_units: int,
    num_nodes: int,
    shared_spectrum: bool,
) -> AfterArrays:
    """The arrays of a path table; empty where ``shortlist`` is 0.

    Where both directions share one spectrum, a pair and its reverse ask for the same: one of them stands for
    both.
    """
    order = np.argsort(rates_gbps)
    rates = np.asarray(rates_gbps, np.float64)[order]
    shares = np.asarray(rate_shares, np.float64)[order] / np.sum(rate_shares)
    padding = RATES - len(rates)
    rates = np.concatenate([rates, np.repeat(rates[-1:], padding)])
    shares = np.concatenate([shares, np.zeros(padding)])
    sizes = np.ceil(rates[None, :] * slots_per_gbps[:, None] - 1e-9).astype(np.int32) + guard_slots
    looked_at: list[int] = []
    pair_of: list[int] = []
    num_pairs = 0
    for source in range(num_nodes if shortlist else 0):
        for destination in range(num_nodes):
            row = source * num_nodes + destination
            begin, end = int(first_path[row]), int(first_path[row + 1])
            if begin == end or (shared_spectrum and source > destination):
                continue
            kept = range(begin, min(end, begin + paths_per_pair))
            looked_at.extend(kept)
            pair_of.extend([num_pairs] * len(kept))
            num_pairs += 1
    paths = np.array(looked_at, np.int64)
    pairs = np.array(pair_of, np.int32)
    unit_paths = np.zeros((num_units, -(-len(paths) // 64)), np.uint64)
    unit_pairs = np.zeros((num_units, -(-num_pairs // 64)), np.uint64)
    for q, (path, pair) in enumerate(zip(paths, pairs, strict=True)):
        for unit in path_units[path, : path_hops[path]]:
            unit_paths[unit, q >> 6] |= np.uint64(1 << (q & 63))
            unit_pairs[unit, pair >> 6] |= np.uint64(1 << (int(pair) & 63))
    counts = np.arange(paths_per_pair * num_slots + 1)[:, None]
    return AfterArrays(
        shortlist=shortlist,
        path_units=np.ascontiguousarray(path_units[paths]),
        path_hops=path_hops[paths].astype(np.int32),
        path_pair=pairs,
        path_format=path_format[paths].astype(np.int32),
        sizes=sizes,
        shares=shares,
        unit_paths=unit_paths,
        unit_pairs=unit_pairs,
        start_potential=np.exp(-counts / np.array(START_SCALES)),
        run_potential=np.exp(-counts / np.array(RUN_SCALES)),
        num_pairs=num_pairs,
    )


def new_after_states(after: AfterArrays, num_networks: int, num_units: int, num_words: int) -> AfterStates:
    """N networks as if every slot were taken: the first look finds what is free."""
    num_paths = len(after.path_hops)
    return AfterStates(
        seen=np.zeros((num_networks, num_units, num_words), np.uint64),
        path_free=np.zeros((num_networks, num_paths, num_words), np.uint64),
        starts=np.zeros((num_networks, num_paths, num_words, RATES), np.uint64),
        num_starts=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        num_runs=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        level=np.ones((num_networks, after.num_pairs, SCALES)),
    )


@inlined
def refresh_paths(
    free, seen, path_free, starts, num_starts, num_runs, path_units, path_hops, path_pair, path_format, sizes,
    unit_paths, stale_paths, stale_pairs, scratch,
):  # fmt: skip
    """Bring bitmaps and counts up to date with ``free``; sets the bits of the changed pairs."""
    num_words = free.shape[1]
    for x in range(len(stale_paths)):
        stale_paths[x] = np.uint64(0)
    for unit in range(free.shape[0]):
        changed = np.uint64(0)
        for w in range(num_words):
            changed |= free[unit, w] ^ seen[unit, w]
            seen[unit, w] = free[unit, w]
        if changed != 0:
            for x in range(len(stale_paths)):
                stale_paths[x] |= unit_paths[unit, x]
    for x in range(len(stale_paths)):
        bits = stale_paths[x]
        while bits != 0:
            q = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            changed = np.uint64(0)
            for w in range(num_words):
                word = free[path_units[q, 0], w]
                for h in range(1, path_hops[q]):
                    word &= free[path_units[q, h], w]
                changed |= word ^ path_free[q, w]
                path_free[q, w] = word
                scratch[w] = word
            if changed == 0:
                continue
            pair = path_pair[q]
            stale_pairs[pair >> 6] |= U1 << np.uint64(pair & 63)
            have = 1
            for r in range(RATES):  # sizes ascend: the starts of one are a subset of those of the one before
                size = sizes[path_format[q], r]
                while have < size:
                    step = min(have, size - have, 63)
                    down, up = np.uint64(step), np.uint64(64 - step)
                    for w in range(num_words - 1):
                        scratch[w] &= (scratch[w] >> down) | (scratch[w + 1] << up)
                    scratch[num_words - 1] &= scratch[num_words - 1] >> down
                    have += step
                starts_gained, runs_gained = 0, 0
                below_now, below_then = np.uint64(0), np.uint64(0)  # the last slot of the word before
                for w in range(num_words):
                    now, then = scratch[w], starts[q, w, r]
                    starts_gained += population(now) - population(then)
                    runs_gained += population(now & ~((now << U1) | below_now))
                    runs_gained -= population(then & ~((then << U1) | below_then))
                    below_now, below_then = now >> U63, then >> U63
                    starts[q, w, r] = now
                num_starts[pair, r] += starts_gained
                num_runs[pair, r] += runs_gained


@inlined
def average(table, counts, d, less, s, shares):
    """The potential of pair ``d`` in column ``s`` with ``less`` taken off its counts, over bit rates."""
    return (
        shares[0] * table[counts[d, 0] - less[d, 0], s]
        + shares[1] * table[counts[d, 1] - less[d, 1], s]
        + shares[2] * table[counts[d, 2] - less[d, 2], s]
        + shares[3] * table[counts[d, 3] - less[d, 3], s]
    )


@inlined
def refresh_levels(num_starts, num_runs, level, shares, start_potential, run_potential, nothing, stale_pairs):
    """Recompute the potentials of the changed pairs; clears their bits. ``nothing`` is all zero."""
    for x in range(len(stale_pairs)):
        bits = stale_pairs[x]
        stale_pairs[x] = np.uint64(0)
        while bits != 0:
            d = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            for s in range(NUM_START_SCALES):
                level[d, s] = average(start_potential, num_starts, d, nothing, s, shares)
            for s in range(NUM_RUN_SCALES):
                level[d, NUM_START_SCALES + s] = average(run_potential, num_runs, d, nothing, s, shares)


@inlined
def fill_masks(sizes, first_slot, num_slots, masks):
    """The starting positions that a block takes, per format, word and bit rate."""
    for f in range(sizes.shape[0]):
        for r in range(RATES):
            begin = max(first_slot - sizes[f, r] + 1, 0)
            for w in range(masks.shape[1]):
                masks[f, w, r] = block_mask(begin, first_slot + num_slots - begin, w)


@inlined
def count_lost(
    starts, masks, unit_paths, path_pair, path_format, path_units, path, hops, starts_lost, runs_lost
):
    """Add to the losses the starting positions and runs that a block on ``path`` takes from every pair."""
    num_words = starts.shape[1]
    for x in range(unit_paths.shape[1]):
        bits = unit_paths[path_units[path, 0], x]
        for h in range(1, hops):
            bits |= unit_paths[path_units[path, h], x]
        while bits != 0:
            q = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            pair, f = path_pair[q], path_format[q]
            touched = np.uint64(0)  # a block that takes no start of the smallest size takes none of a larger
            for w in range(num_words):
                touched |= starts[q, w, 0] & masks[f, w, 0]
            if touched == 0:
                continue
            for r in range(RATES):
                num_starts, num_runs = 0, 0
                below_now, below_then = np.uint64(0), np.uint64(0)
                for w in range(num_words):
                    now = starts[q, w, r]
                    then = now & ~masks[f, w, r]
                    num_starts += population(now & masks[f, w, r])
                    num_runs += population(now & ~((now << U1) | below_now))
                    num_runs -= population(then & ~((then << U1) | below_then))
                    below_now, below_then = now >> U63, then >> U63
                starts_lost[pair, r] += num_starts
                runs_lost[pair, r] += num_runs


@inlined
def sum_losses(
    starts_lost, runs_lost, num_starts, num_runs, level, shares, start_potential, run_potential, unit_pairs,
    path_units, path, hops, row,
):  # fmt: skip
    """Fill ``row`` with capacity loss and the rises of the potentials; leaves the losses all zero."""
    for s in range(1 + SCALES):
        row[s] = 0.0
    for x in range(unit_pairs.shape[1]):
        bits = unit_pairs[path_units[path, 0], x]
        for h in range(1, hops):
            bits |= unit_pairs[path_units[path, h], x]
        while bits != 0:
            d = 64 * x + trailing_zeros(bits)
            bits &= bits - U1
            if (starts_lost[d, 0] | starts_lost[d, 1] | starts_lost[d, 2] | starts_lost[d, 3]) == 0:
                continue
            for s in range(NUM_START_SCALES):
                row[1 + s] += average(start_potential, num_starts, d, starts_lost, s, shares) - level[d, s]
            for s in range(NUM_RUN_SCALES):
                row[1 + NUM_START_SCALES + s] += (
                    average(run_potential, num_runs, d, runs_lost, s, shares) - level[d, NUM_START_SCALES + s]
                )
            for r in range(RATES):
                row[0] += shares[r] * starts_lost[d, r]
                starts_lost[d, r] = 0
                runs_lost[d, r] = 0


@inlined
def worth_a_look(row):
    """Rank of a candidate by what is cheap to know of it: the after-state of the highest is looked at."""
    return 0.5 * row[13] - 0.5 * row[0] - 3.0 * row[5] - row[7] - row[12] - row[17]


@kernel
def look_ahead(plant, free, n, num_listed, candidates, column, features):
    """Fill the after-state columns of the candidates of best rank; those of the others stay as they are.

    Compiled once, by itself, and called: inlined into every kernel it would take most of their compilation.

    Args:
        plant: PlantArrays.
        free: (num_units, num_words) uint64 of network ``n``.
        n: row of ``candidates``.
        num_listed: candidates in use.
        candidates: CandidateArrays; the cache of row ``n`` is brought up to date.
        column: where the columns begin in ``features``.
        features: (M, F) float32.
    """
    after, states = plant.after, candidates.after
    sizes, shares = after.sizes, after.shares
    start_potential, run_potential = after.start_potential, after.run_potential
    path_pair, path_format = after.path_pair, after.path_format
    unit_paths, unit_pairs = after.unit_paths, after.unit_pairs
    starts, num_starts, num_runs = states.starts[n], states.num_starts[n], states.num_runs[n]
    level = states.level[n]
    paths, slots, nums = candidates.path[n], candidates.first_slot[n], candidates.num_slots[n]
    path_units, path_hops = plant.path_units, plant.path_hops
    num_words = free.shape[1]
    scratch = np.empty(num_words, np.uint64)
    stale_paths = np.empty(unit_paths.shape[1], np.uint64)
    stale_pairs = np.zeros(unit_pairs.shape[1], np.uint64)
    masks = np.empty((sizes.shape[0], num_words, RATES), np.uint64)
    starts_lost = np.zeros((num_starts.shape[0], RATES), np.int32)
    runs_lost = np.zeros((num_starts.shape[0], RATES), np.int32)
    row = np.empty(1 + SCALES)
    rank = np.empty(num_listed)
    for c in range(num_listed):
        rank[c] = worth_a_look(features[c])
    refresh_paths(
        free, states.seen[n], states.path_free[n], starts, num_starts, num_runs, after.path_units,
        after.path_hops, path_pair, path_format, sizes, unit_paths, stale_paths, stale_pairs, scratch,
    )  # fmt: skip
    refresh_levels(
        num_starts, num_runs, level, shares, start_potential, run_potential, starts_lost, stale_pairs
    )
    for _ in range(min(after.shortlist, num_listed)):
        best = 0
        for c in range(1, num_listed):
            if rank[c] > rank[best]:
                best = c
        rank[best] = -np.inf
        path, hops = paths[best], path_hops[paths[best]]
        fill_masks(sizes, np.int64(slots[best]), np.int64(nums[best]), masks)
        count_lost(
            starts, masks, unit_paths, path_pair, path_format, path_units, path, hops, starts_lost, runs_lost
        )
        sum_losses(
            starts_lost, runs_lost, num_starts, num_runs, level, shares, start_potential, run_potential,
            unit_pairs, path_units, path, hops, row,
        )  # fmt: skip
        features[best, column] = SHORTLISTED
        features[best, column + 1] = row[0] / LOSS_UNIT
        for s in range(SCALES):
            features[best, column + 2 + s] = row[1 + s]
