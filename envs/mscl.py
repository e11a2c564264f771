"""Minimum slot-capacity loss: place a block where the network loses the fewest ways to place later ones.

The capacity of a path is the number of (start, size) pairs that fit its free runs, sizes weighted by how
often a request needs them with the path's format. The loss of a block is the capacity lost by all paths
that share a link with it. KSP-MSCL takes the best path that fits and its start of least loss; MSCL-KSP the
least loss over all paths. Ties fall to the better path, then to the lower slot.

A block [s, s + n) takes from a path that crosses it the starts t of size m with s - m < t < s + n. Kept is,
for every slot t and size, the set of paths that can start there, as bits. How many of those that share a link
with the block's path can is then one AND and one population count for 64 paths, and the sum over t a
difference of running sums. An admission or a departure changes the sets of the slots near it.

The criterion is that of Barry and Subramaniam for wavelengths ("The MAX SUM wavelength assignment algorithm
for WDM ring networks", OFC 1997), with slots and sizes in the place of wavelengths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.bits import ALL, is_set, next_clear, next_set, population, starts_inplace
from envs.blocks import path_words
from envs.compiled import inlined
from envs.plant import WORD_BITS, Plant
from envs.serving import decided_by, placed
from envs.slots import slots_needed, slots_needed_by
from envs.traffic import PoissonTraffic

KSP_MSCL = 0
MSCL_KSP = 1


class LossArrays(NamedTuple):
    """What the loss of a block is computed from.

    Paths are bits of P words, those of a format side by side, each format beginning with a word of its own.
    """

    unit_paths: np.ndarray  # (num_units, P) uint64, the paths that cross each unit
    first_word: np.ndarray  # (num_formats + 1,) int32, the words of each format
    sizes: (
        np.ndarray
    )  # (num_formats, S) int32 ascending, slots that a request may need; 0 where there are fewer
    weights: np.ndarray  # (num_formats, S) float64, how often it needs them


class PathSets(NamedTuple):
    """Which paths can start where; brought up to date from the spectrum itself."""

    seen: np.ndarray  # (num_units, num_words) uint64, the free slots that the sets were made of
    blocked: np.ndarray  # (num_slots, P) uint64, the paths on which the slot is taken
    starts: np.ndarray  # (S, num_slots, P) uint64, the paths on which a block of the size can start there


def loss_arrays(plant: Plant, traffic: PoissonTraffic) -> LossArrays:
    """Path sets and sizes of a plant under a traffic's bit rates."""
    # Detours, which a plant may know besides, are no capacity while the network is whole.
    formats, units = plant.arrays.path_format[: plant.path_table.num_stored], plant.arrays.path_units
    words_of_format = -(-np.bincount(formats, minlength=len(plant.formats)) // WORD_BITS)
    first_word = np.concatenate([[0], np.cumsum(words_of_format)]).astype(np.int32)
    unit_paths = np.zeros((plant.num_units, int(first_word[-1])), np.uint64)
    for index in range(len(plant.formats)):
        for place, path in enumerate(np.flatnonzero(formats == index)):
            word, bit = int(first_word[index]) + place // WORD_BITS, np.uint64(1 << place % WORD_BITS)
            unit_paths[units[path, : plant.arrays.path_hops[path]], word] |= bit
    rates_gbps = np.array(traffic.bit_rates_gbps)
    shares = np.array(traffic.bit_rate_weights or (1.0,) * len(rates_gbps), np.float64)
    needed = [
        slots_needed_by(per_gbps, plant.spec.guard_slots, rates_gbps)
        for per_gbps in plant.arrays.slots_per_gbps
    ]
    most = max(len(set(row.tolist())) for row in needed)
    sizes, weights = np.zeros((len(needed), most), np.int32), np.zeros((len(needed), most))
    for index, row in enumerate(needed):
        for k, size in enumerate(np.unique(row)):
            sizes[index, k], weights[index, k] = size, shares[row == size].sum()
    return LossArrays(unit_paths, first_word, sizes, weights)


@inlined
def refresh_sets(free, losses, sets, changed, stale, cover):
    """Bring ``sets`` up to date with ``free``: where a slot has changed, and as far below as a block reaches.

    Args:
        free: (num_units, num_words) uint64 of one network.
        losses: LossArrays.
        sets: PathSets, updated.
        changed: (num_words,) uint64 scratch.
        stale: (num_slots,) bool scratch.
        cover: (P,) uint64 scratch.
    """
    unit_paths, first_word, sizes = losses.unit_paths, losses.first_word, losses.sizes
    seen, blocked, starts = sets.seen, sets.blocked, sets.starts
    num_slots = len(stale)
    longest = 0
    for f in range(sizes.shape[0]):
        for k in range(sizes.shape[1]):
            longest = max(longest, sizes[f, k])
    for w in range(len(changed)):
        changed[w] = np.uint64(0)
    for unit in range(free.shape[0]):
        for w in range(free.shape[1]):
            changed[w] |= free[unit, w] ^ seen[unit, w]
            seen[unit, w] = free[unit, w]
    stale[:] = False
    slot = next_set(changed, 0)
    while slot >= 0:
        blocked[slot, :] = np.uint64(0)
        for unit in range(free.shape[0]):
            if is_set(free[unit], slot) == 0:
                for x in range(unit_paths.shape[1]):
                    blocked[slot, x] |= unit_paths[unit, x]
        for t in range(max(slot - longest + 1, 0), slot + 1):
            stale[t] = True
        slot = next_set(changed, slot + 1)
    for t in range(num_slots):
        if not stale[t]:
            continue
        for f in range(sizes.shape[0]):
            begin, end = first_word[f], first_word[f + 1]
            for x in range(begin, end):
                cover[x] = np.uint64(0)
            have = 0
            for k in range(sizes.shape[1]):
                for further in range(t + have, min(t + sizes[f, k], num_slots)):
                    for x in range(begin, end):
                        cover[x] |= blocked[further, x]
                have = sizes[f, k]
                if t + have <= num_slots:
                    for x in range(begin, end):
                        starts[k, t, x] = ~cover[x]
                else:
                    for x in range(begin, end):
                        starts[k, t, x] = np.uint64(0)


@inlined
def add_losses(losses, starts, crossing, fits, size, sums, loss):
    """``loss[s]`` of a block of ``size`` slots at every start ``s`` of ``fits``.

    Args:
        losses: LossArrays.
        starts: (S, num_slots, P) uint64 of ``PathSets``.
        crossing: (P,) uint64, the paths that share a link with the block's.
        fits: (num_words,) uint64, the starts asked for.
        size: slots of the block.
        sums: (num_slots + 1,) int64 scratch.
        loss: (num_slots,) float64, written.
    """
    first_word, sizes, weights = losses.first_word, losses.sizes, losses.weights
    loss[:] = 0.0
    for f in range(sizes.shape[0]):
        begin, end = first_word[f], first_word[f + 1]
        touched = crossing[begin:end]
        for k in range(sizes.shape[1] if end > begin else 0):
            other = sizes[f, k]
            if other == 0:
                continue
            done = -1  # starts below are counted, or taken by no block asked for
            start = next_set(fits, 0)
            while start >= 0:
                behind = next_clear(fits, start)  # starts from here up to there
                first = max(start - other + 1, 0)
                if first > done:
                    done = first
                    sums[done] = 0
                for t in range(done, behind - 1 + size):
                    able, can = 0, starts[k, t, begin:end]
                    for x in range(len(can)):
                        able += population(can[x] & touched[x])
                    sums[t + 1] = sums[t] + able
                done = max(done, behind - 1 + size)
                for s in range(start, behind):
                    loss[s] += weights[f, k] * (sums[s + size] - sums[max(s - other + 1, 0)])
                start = next_set(fits, behind)


class LeastCapacityLoss(NamedTuple):
    """Minimum slot-capacity loss over all starts; made by ``capacity_loss_rule``."""

    order: int  # KSP_MSCL or MSCL_KSP
    losses: LossArrays
    sets: PathSets
    changed: np.ndarray  # scratch from here on; shapes: ``refresh_sets``, ``add_losses``
    stale: np.ndarray
    crossing: np.ndarray
    fits: np.ndarray
    sums: np.ndarray
    loss: np.ndarray


def capacity_loss_rule(plant: Plant, traffic: PoissonTraffic, order: int) -> LeastCapacityLoss:
    """The rule for one network of a plant under a traffic's bit rates."""
    losses, num_slots, num_words = loss_arrays(plant, traffic), plant.arrays.num_slots, plant.arrays.num_words
    num_sizes, num_sets = losses.sizes.shape[1], losses.unit_paths.shape[1]
    sets = PathSets(
        np.zeros((plant.num_units, num_words), np.uint64),  # nothing is free yet: every path is blocked
        np.full((num_slots, num_sets), ALL),
        np.zeros((num_sizes, num_slots, num_sets), np.uint64),
    )
    return LeastCapacityLoss(
        order=order,
        losses=losses,
        sets=sets,
        changed=np.empty(num_words, np.uint64),
        stale=np.empty(num_slots, np.bool_),
        crossing=np.empty(num_sets, np.uint64),
        fits=np.empty(num_words, np.uint64),
        sums=np.empty(num_slots + 1, np.int64),
        loss=np.empty(num_slots, np.float64),
    )


@decided_by(LeastCapacityLoss)
@inlined
def decide_by_capacity_loss(policy, plant, states, net, n, asked):
    """The start of least loss on the first path that fits, or over all paths."""
    free, losses, sets, starts = net.free, policy.losses, policy.sets, policy.sets.starts
    crossing, fits, loss, unit_paths = policy.crossing, policy.fits, policy.loss, policy.losses.unit_paths
    num_sets = unit_paths.shape[1]
    path_units, path_hops, path_format = plant.path_units, plant.path_hops, plant.path_format
    best_path, best_slot, best_num, best_loss = -1, -1, 0, np.inf
    refresh_sets(free, losses, sets, policy.changed, policy.stale, crossing)
    for path in range(plant.first_path[asked.pair], plant.first_path[asked.pair + 1]):
        if plant.path_latency_ms[path] > asked.max_latency_ms:
            continue
        per_gbps = plant.slots_per_gbps[path_format[path]]
        size = slots_needed(per_gbps, plant.guard_slots, asked.bit_rate_gbps)
        path_words(free, path_units[path, : path_hops[path]], fits)
        starts_inplace(fits, size)
        if next_set(fits, 0) < 0:
            continue
        for x in range(num_sets):
            crossing[x] = np.uint64(0)
        for h in range(path_hops[path]):
            for x in range(num_sets):
                crossing[x] |= unit_paths[path_units[path, h], x]
        add_losses(losses, starts, crossing, fits, size, policy.sums, loss)
        slot = next_set(fits, 0)
        while slot >= 0:
            if loss[slot] < best_loss:
                best_path, best_slot, best_num, best_loss = path, slot, size, loss[slot]
            slot = next_set(fits, slot + 1)
        if policy.order == KSP_MSCL:
            break
    return placed(plant, best_path, best_slot, best_num)
