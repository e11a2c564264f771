"""What a candidate leaves behind: starting positions that every node pair keeps for its next requests.

For each node pair and up to four bit rates, n counts the starting slots that are free over the pair's best
paths, and m the free runs that hold them. A block takes some of them away, from every pair whose paths share
a spectrum unit with it. The columns that come out of that: the starts lost themselves (minimum slot-capacity
loss, see ``mscl.py``), and the rise of exp(-n / scale) and of exp(-m / scale), summed over pairs and averaged
over bit rates: a pair with little left weighs far more than one with much. A demand forecast
(``forecast.py``) says how much more one pair asks than another, and how often each bit rate is asked for;
without one all pairs count alike and the bit rates as ``PlantSpec.future_shares`` says. Small scales see only
pairs about to be blocked, large ones see all. The runs matter beside the starts because one block can end all
the starts of a run, but hardly those of two runs.

Per path, word and bit rate a bitmap of starting positions is kept, so the starts that a block takes are an
AND and a population count: no free run is walked. The bitmaps are brought up to date from the spectrum
itself, unit by unit where it has changed since the last look; whoever changed it need not say so, and the
columns depend on nothing but the spectrum and the forecast: training and the online side see the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.block_losses import fill_masks, sum_losses
from envs.cached_placements import (
    CachedPlacements,
    Search,
    blocking_rise,
    no_cached_placements,
    refresh_cached,
    unit_bits,
)
from envs.compiled import inlined, kernel
from envs.features import COLUMN
from envs.forecast import pair_rows
from envs.slots import slots_needed_by
from envs.start_bitmaps import RATES, Kept, refresh_paths

if TYPE_CHECKING:
    from envs.blueprint import Blueprint
    from envs.forecast import DemandForecast
    from envs.spec import PlantSpec

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
    shares: np.ndarray  # (D, RATES) float64, how often the pair asks for the bit rate; D over all pairs
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
    cached: CachedPlacements


def after_arrays(blueprint: Blueprint) -> AfterArrays:
    """The arrays of a path table; empty where ``shortlist`` is 0."""
    spec, path_units, path_hops = blueprint.spec, blueprint.path_units, blueprint.table.path_hops
    rates = _padded_rates(spec)
    slots_per_gbps = blueprint.slots_per_gbps[:, None]
    sizes = slots_needed_by(slots_per_gbps, spec.guard_slots, rates[None, :]).astype(np.int32)
    paths, pairs, rows = _paths_looked_at(blueprint)
    unit_paths = np.zeros((blueprint.num_units, -(-len(paths) // 64)), np.uint64)
    for q, path in enumerate(paths):
        for unit in path_units[path, : path_hops[path]]:
            unit_paths[unit, q >> 6] |= np.uint64(1 << (q & 63))
    counts = np.arange(spec.shortlist_paths * spec.num_slots + 1)[:, None]
    crossed = unit_bits(path_units, path_hops, blueprint.num_units) if spec.shortlist else None
    return AfterArrays(
        shortlist=spec.shortlist,
        path_units=np.ascontiguousarray(path_units[paths]),
        path_hops=path_hops[paths].astype(np.int32),
        path_pair=pairs,
        path_format=blueprint.path_format[paths].astype(np.int32),
        sizes=sizes,
        shares=pair_shares(spec, len(rows)),
        unit_paths=unit_paths,
        start_potential=np.exp(-counts / np.array(START_SCALES)),
        run_potential=np.exp(-counts / np.array(RUN_SCALES)),
        num_pairs=len(rows),
        pair_row=rows,
        crossed=np.zeros((0, 1), np.uint64) if crossed is None else crossed,
    )


def _padded_rates(spec: PlantSpec) -> np.ndarray:
    """(RATES,) bit rates that later requests ask for, ascending; the last repeated where there are fewer."""
    rates = np.sort(np.asarray(spec.future_rates_gbps, np.float64))
    return np.concatenate([rates, np.repeat(rates[-1:], RATES - len(rates))])


def pair_shares(spec: PlantSpec, num_pairs: int, forecast: DemandForecast | None = None) -> np.ndarray:
    """(D, RATES) float64, weight of the pair times share of the bit rate; ``AfterArrays.shares``.

    Without a forecast each pair weighs 1, and the shares are those of the plant's choices.
    """
    if forecast is None:
        order = np.argsort(spec.future_rates_gbps)
        shares = np.asarray(spec.future_shares, np.float64)[order] / np.sum(spec.future_shares)
        weights = np.ones(num_pairs)
    else:
        shares, weights = np.array(forecast.shares), np.array(forecast.weights)
    return np.outer(weights[:num_pairs], np.concatenate([shares, np.zeros(RATES - len(shares))]))


def _paths_looked_at(blueprint: Blueprint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Q,) paths and the pair of each; (D,) row of each pair in ``first_path``.

    None at all where ``shortlist`` is 0.
    """
    spec, first_path, num_nodes = blueprint.spec, blueprint.table.first_path, blueprint.topology.num_nodes
    rows = pair_rows(first_path, num_nodes, spec.shared_spectrum)[: None if spec.shortlist else 0]
    paths: list[int] = []
    pairs: list[int] = []
    for d, row in enumerate(rows):
        kept = range(first_path[row], min(first_path[row + 1], first_path[row] + spec.shortlist_paths))
        paths.extend(kept)
        pairs.extend([d] * len(kept))
    return np.array(paths, np.int64), np.array(pairs, np.int32), rows


def new_after_states(after: AfterArrays, num_networks: int, num_units: int, num_words: int) -> AfterStates:
    """N networks as if every slot were taken: the first look finds what is free."""
    num_paths, start_words = len(after.path_hops), max(num_words, 2)  # two words: see ``block_losses.taken``
    return AfterStates(
        seen=np.zeros((num_networks, num_units, num_words), np.uint64),
        path_free=np.zeros((num_networks, num_paths, num_words), np.uint64),
        starts=np.zeros((num_networks, num_paths, start_words, RATES), np.uint64),
        num_starts=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        num_runs=np.zeros((num_networks, after.num_pairs, RATES), np.int32),
        cached=no_cached_placements(num_networks, num_units, after.num_pairs),
    )


@inlined
def shortlist_score(row):
    """Rank of a candidate by what is cheap to know of it: the after-state of the highest is looked at."""
    spent = 0.5 * row[COLUMN.fills] - 0.5 * row[COLUMN.path_rank] - 3.0 * row[COLUMN.spend]
    return spent - row[COLUMN.first_slot] - row[COLUMN.splits] - row[COLUMN.starts_lost]


class AfterScratch(NamedTuple):
    """What a look ahead writes on the way."""

    words: np.ndarray  # (num_words,) uint64
    stale_paths: np.ndarray  # (ceil(Q / 64),) uint64
    changed_units: np.ndarray  # (ceil(num_units / 64),) uint64
    masks: np.ndarray  # (F, W, RATES) uint64
    rank: np.ndarray  # (listed,) float64


@inlined
def fill_columns(after, paths, free, states, n, listed, features, scratch):
    """``look_ahead`` with its scratch; ``listed``: Listed."""
    search = Search(after.sizes, after.shares, after.pair_row, after.crossed)
    num_listed, of_path, slots, nums = listed.in_use, listed.path, listed.first_slot, listed.num_slots
    rank, masks = scratch.rank, scratch.masks
    for c in range(num_listed):
        rank[c] = shortlist_score(features[c])
    kept = Kept(
        states.seen[n], states.path_free[n], states.starts[n], states.num_starts[n], states.num_runs[n]
    )
    refresh_paths(after, kept, free, scratch)
    refresh_cached(paths, search, free, scratch.changed_units, states.cached, n, scratch.words)
    for _ in range(min(after.shortlist, num_listed)):
        best = 0
        for c in range(1, num_listed):
            if rank[c] > rank[best]:
                best = c
        rank[best] = -np.inf
        path = np.int64(of_path[best])
        first_slot, num_slots = np.int64(slots[best]), np.int64(nums[best])
        units = paths.units[path, : paths.hops[path]]
        first_word = fill_masks(after.sizes, first_slot, num_slots, masks)
        sums = sum_losses(after, kept, units, masks, first_word, first_slot + num_slots)
        features[best, COLUMN.shortlisted] = SHORTLISTED
        features[best, COLUMN.capacity_loss] = sums[0] / LOSS_UNIT
        features[best, COLUMN.routability_loss_2] = sums[1]
        features[best, COLUMN.routability_loss_5] = sums[2]
        features[best, COLUMN.routability_loss_12] = sums[3]
        features[best, COLUMN.routability_loss_40] = sums[4]
        features[best, COLUMN.runs_loss_1] = sums[5]
        features[best, COLUMN.runs_loss_3] = sums[6]
        features[best, COLUMN.blocking_loss] = blocking_rise(
            paths, search, free, states.cached, n, (path, first_slot, num_slots), scratch.words
        )


@kernel
def look_ahead(after, paths, free, states, n, listed, features):
    """Fill the after-state columns of the candidates of best rank; those of the others stay as they are.

    Compiled once, by itself, and called: inlined into every kernel it would take most of their compilation.

    Args:
        after: AfterArrays.
        paths: Paths.
        free: (num_units, num_words) uint64 of one network.
        states: AfterStates; row ``n`` is brought up to date.
        n: the network's row.
        listed: Listed.
        features: (M, F) float32.
    """
    scratch = AfterScratch(
        words=np.empty(free.shape[1], np.uint64),
        stale_paths=np.empty(after.unit_paths.shape[1], np.uint64),
        changed_units=np.empty(after.crossed.shape[1], np.uint64),
        masks=np.empty((after.sizes.shape[0], states.starts.shape[2], RATES), np.uint64),
        rank=np.empty(listed.in_use),
    )
    fill_columns(after, paths, free, states, n, listed, features, scratch)
