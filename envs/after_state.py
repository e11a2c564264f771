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

from envs.block_losses import fill_masks, sum_losses
from envs.compiled import inlined, kernel
from envs.features import COLUMN
from envs.slots import slots_needed_by
from envs.start_bitmaps import RATES, refresh_paths
from envs.witness import Witnesses, blocking_rise, no_witnesses, refresh_witnesses, unit_bits

START_SCALES = (2.0, 5.0, 12.0, 40.0)  # starting positions
RUN_SCALES = (1.0, 3.0)  # free runs
LOSS_UNIT = 256.0  # starting positions per unit of the capacity_loss column
SHORTLISTED = 1.0


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
    start_potential: np.ndarray  # (most starts + 1, len(START_SCALES)) float64, exp(-n / scale)
    run_potential: np.ndarray  # (most runs + 1, len(RUN_SCALES)) float64, exp(-m / scale)
    num_pairs: int
    pair_row: np.ndarray  # (D,) int32 row of the pair in ``first_path`` of the plant
    crossed: np.ndarray  # (num_paths, ceil(num_units / 64)) uint64, ``unit_bits`` of all paths of the plant


class AfterStates(NamedTuple):
    """What N networks looked like at the last look: a cache of the spectrum, made of nothing else."""

    seen: np.ndarray  # (N, num_units, W) uint64 free slots
    path_free: np.ndarray  # (N, Q, W) uint64
    starts: np.ndarray  # (N, Q, W, RATES) uint64 starting positions
    num_starts: np.ndarray  # (N, D, RATES) int32 starting positions over the pair's paths
    num_runs: np.ndarray  # (N, D, RATES) int32 free runs that hold them
    witnesses: Witnesses


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
    sizes = slots_needed_by(slots_per_gbps[:, None], guard_slots, rates[None, :]).astype(np.int32)
    looked_at: list[int] = []
    pair_of: list[int] = []
    rows: list[int] = []
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
            rows.append(row)
            num_pairs += 1
    paths = np.array(looked_at, np.int64)
    pairs = np.array(pair_of, np.int32)
    unit_paths = np.zeros((num_units, -(-len(paths) // 64)), np.uint64)
    for q, path in enumerate(paths):
        for unit in path_units[path, : path_hops[path]]:
            unit_paths[unit, q >> 6] |= np.uint64(1 << (q & 63))
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
        start_potential=np.exp(-counts / np.array(START_SCALES)),
        run_potential=np.exp(-counts / np.array(RUN_SCALES)),
        num_pairs=num_pairs,
        pair_row=np.array(rows, np.int32),
        crossed=unit_bits(path_units, path_hops, num_units) if shortlist else np.zeros((0, 1), np.uint64),
    )


def new_after_states(after: AfterArrays, num_networks: int, num_units: int, num_words: int) -> AfterStates:
    """N networks as if every slot were taken: the first look finds what is free."""
    num_paths, start_words = len(after.path_hops), max(num_words, 2)  # two words: see ``block_losses.taken``
    return AfterStates(
        seen=np.zeros((num_networks, num_units, num_words), np.uint64),
        path_free=np.zeros((num_networks, num_paths, num_words), np.uint64),
        starts=np.zeros((num_networks, num_paths, start_words, RATES), np.uint64),
        num_starts=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        num_runs=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        witnesses=no_witnesses(num_networks, num_units, after.num_pairs),
    )


@inlined
def shortlist_score(row):
    """Rank of a candidate by what is cheap to know of it: the after-state of the highest is looked at."""
    spent = 0.5 * row[COLUMN.fills] - 0.5 * row[COLUMN.path_rank] - 3.0 * row[COLUMN.spend]
    return spent - row[COLUMN.first_slot] - row[COLUMN.splits] - row[COLUMN.starts_lost]


@inlined
def fill_columns(
    after, first_path, path_units, path_hops, plant_format, free, states, n, num_listed, paths, slots, nums,
    features, words, stale_paths, changed_units, masks, rank,
):  # fmt: skip
    """``look_ahead`` with its scratch."""
    sizes, shares = after.sizes, after.shares
    start_potential, run_potential = after.start_potential, after.run_potential
    path_pair, path_format = after.path_pair, after.path_format
    unit_paths, pair_row, crossed = after.unit_paths, after.pair_row, after.crossed
    starts, num_starts, num_runs = states.starts[n], states.num_starts[n], states.num_runs[n]
    found = states.witnesses
    of_path, of_first_slot, of_num_slots = found.path[n], found.first_slot[n], found.num_slots[n]
    of_rates, on_unit, short = found.rates[n], found.on_unit[n], found.short[n]
    for c in range(num_listed):
        rank[c] = shortlist_score(features[c])
    refresh_paths(
        free, states.seen[n], states.path_free[n], starts, num_starts, num_runs, after.path_units,
        after.path_hops, path_pair, path_format, sizes, unit_paths, stale_paths, changed_units, words,
    )  # fmt: skip
    refresh_witnesses(
        free, changed_units, pair_row, first_path, path_units, path_hops, plant_format, sizes, crossed,
        of_path, of_first_slot, of_num_slots, of_rates, on_unit, short, words,
    )  # fmt: skip
    for _ in range(min(after.shortlist, num_listed)):
        best = 0
        for c in range(1, num_listed):
            if rank[c] > rank[best]:
                best = c
        rank[best] = -np.inf
        path = np.int64(paths[best])
        hops = path_hops[path]
        first_slot, num_slots = np.int64(slots[best]), np.int64(nums[best])
        first_word = fill_masks(sizes, first_slot, num_slots, masks)
        sums = sum_losses(
            starts, num_starts, num_runs, masks, shares, start_potential, run_potential, unit_paths,
            path_pair, path_format, path_units, path, hops, first_word, first_slot + num_slots,
        )  # fmt: skip
        features[best, COLUMN.shortlisted] = SHORTLISTED
        features[best, COLUMN.capacity_loss] = sums[0] / LOSS_UNIT
        features[best, COLUMN.routability_loss_2] = sums[1]
        features[best, COLUMN.routability_loss_5] = sums[2]
        features[best, COLUMN.routability_loss_12] = sums[3]
        features[best, COLUMN.routability_loss_40] = sums[4]
        features[best, COLUMN.runs_loss_1] = sums[5]
        features[best, COLUMN.runs_loss_3] = sums[6]
        features[best, COLUMN.blocking_loss] = blocking_rise(
            free, pair_row, first_path, path_units, path_hops, plant_format, sizes, shares, crossed, of_path,
            of_first_slot, of_num_slots, of_rates, on_unit, path, hops, first_slot, num_slots, words,
        )  # fmt: skip


@kernel
def look_ahead(
    after, first_path, path_units, path_hops, path_format, free, states, n, num_listed, paths, slots, nums,
    features,
):  # fmt: skip
    """Fill the after-state columns of the candidates of best rank; those of the others stay as they are.

    Compiled once, by itself, and called: inlined into every kernel it would take most of their compilation.

    Args:
        after: AfterArrays.
        first_path: (num_nodes^2 + 1,) int32 of the plant: the paths of each ordered node pair.
        path_units: (num_paths, max_hops) int32 of the plant, as the candidates count paths.
        path_hops: (num_paths,) int32.
        path_format: (num_paths,) int32.
        free: (num_units, num_words) uint64 of one network.
        states: AfterStates; row ``n`` is brought up to date.
        n: the network's row.
        num_listed: candidates in use.
        paths: (M,) int32 of the candidates.
        slots: (M,) int32 first slots.
        nums: (M,) int32 numbers of slots.
        features: (M, F) float32.
    """
    fill_columns(
        after, first_path, path_units, path_hops, path_format, free, states, n, num_listed, paths, slots,
        nums, features, np.empty(free.shape[1], np.uint64),
        np.empty(after.unit_paths.shape[1], np.uint64), np.empty(after.crossed.shape[1], np.uint64),
        np.empty((after.sizes.shape[0], states.starts.shape[2], RATES), np.uint64), np.empty(num_listed),
    )  # fmt: skip
