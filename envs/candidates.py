"""The candidates of a request and what they look like: the one function shared by training and operation.

Candidates are listed path by path in the order of the path table; on each path the left edges of the free
runs that are long enough, in ascending order, then the start in the tightest run (best fit) and the highest
possible start (last fit) where these are not among them. So the first candidate is KSP-FF's choice. Where the
plant allows more than one format per path, the less efficient ones follow on the same path.
A path slower than the request's bound has no candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.after_state import AfterStates, look_ahead, new_after_states
from envs.bits import count_set, next_clear, next_set, population, starts_inplace
from envs.compiled import inlined, kernel
from envs.features import AFTER_STATE, NUM_CONTEXT, NUM_FEATURES
from envs.first_fit import slots_needed
from envs.plant import Plant
from envs.request import Request

if TYPE_CHECKING:
    from envs.network import Network


class CandidateArrays(NamedTuple):
    """Candidates of the pending request of N networks."""

    listed: np.ndarray  # (N,) int32, how many of the M are in use
    path: np.ndarray  # (N, M) int32
    first_slot: np.ndarray  # (N, M) int32
    num_slots: np.ndarray  # (N, M) int32
    run_length: np.ndarray  # (N, M) int32, free slots from the start of the run on the path to its end
    run_start: np.ndarray  # (N, M) int32
    format: np.ndarray  # (N, M) int32 row of the plant's formats
    margin_10db: np.ndarray  # (N, M) float32 worst carrier above threshold and margin, in 10 dB; else 0
    noise: np.ndarray  # (N, M) float64 1 / GSNR of the worst carrier, transceivers included; else 0
    marginal_kw: np.ndarray  # (N, M) float32 power switched on, transponders included; else 0
    rank: np.ndarray  # (N, M) float64, the higher the earlier an after-state is looked at
    after: AfterStates


def new_candidates(plant: Plant, num_networks: int) -> CandidateArrays:
    """Room for the candidates of N requests."""
    shape = (num_networks, plant.spec.max_candidates)
    kinds = (np.int32,) * 6 + (np.float32, np.float64, np.float32, np.float64)
    return CandidateArrays(
        np.zeros(num_networks, np.int32),
        *(np.zeros(shape, kind) for kind in kinds),
        after=new_after_states(plant.arrays.after, num_networks, plant.num_units, plant.arrays.num_words),
    )


@inlined
def _append(count, start, end, slot, num_slots, path, paths, slots, nums, starts, lengths):
    """Write one candidate at position ``count``."""
    paths[count] = path
    slots[count] = slot
    nums[count] = num_slots
    starts[count] = start
    lengths[count] = end - start


@inlined
def list_on_path(words, path, num_slots, limit, count, paths, slots, nums, starts, lengths):
    """Append the candidates of one path; ``words`` holds the slots free on all its units.

    Returns the new number of candidates. ``limit`` is the most starts per path.
    """
    room = min(limit, len(paths) - count)
    edges = max(room - 2, 1)
    listed = 0
    tight_start, tight_end, last_start, last_end = -1, -1, -1, -1
    tight_listed = False
    last_listed = False
    start = next_set(words, 0)
    while start >= 0:
        end = next_clear(words, start)
        if end - start >= num_slots:
            edge_listed = False
            is_tighter = tight_start < 0 or end - start < tight_end - tight_start
            if listed < edges and room > 0:
                _append(count, start, end, start, num_slots, path, paths, slots, nums, starts, lengths)
                count += 1
                listed += 1
                edge_listed = True
                if is_tighter:
                    tight_start, tight_end, tight_listed = start, end, True
            elif is_tighter:
                tight_start, tight_end, tight_listed = start, end, False
            last_start, last_end = start, end
            last_listed = edge_listed
        start = next_set(words, end)
    if tight_start >= 0 and not tight_listed and listed < room:
        _append(
            count, tight_start, tight_end, tight_start, num_slots, path, paths, slots, nums, starts, lengths
        )
        count += 1
        listed += 1
    if last_start >= 0 and listed < room:
        slot = last_end - num_slots
        if slot != last_start or not (last_listed or tight_start == last_start):
            _append(count, last_start, last_end, slot, num_slots, path, paths, slots, nums, starts, lengths)
            count += 1
    return count


@inlined
def describe_path(free, path_units, path, hops, words, num_slots, num_band_slots, scratch, row):
    """Fill the features that all candidates of a path share into ``row``; returns its starting positions."""
    free_on_path = count_set(words)
    longest = 0
    runs = 0
    start = next_set(words, 0)
    while start >= 0:
        end = next_clear(words, start)
        longest = max(longest, end - start)
        runs += 1
        start = next_set(words, end)
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
    for w in range(len(words)):
        scratch[w] = words[w]
    starts_inplace(scratch, num_slots)
    row[14] = free_on_path / num_band_slots
    row[15] = longest / num_band_slots
    row[16] = runs / 8.0
    row[18] = load_sum / hops
    row[19] = load_max
    return count_set(scratch)


@inlined
def describe_edges(free, path_units, path, hops, first_slot, num_slots, num_band_slots, row):
    """Fill the features about the block's neighbours on every unit of the path into ``row``."""
    low_taken = 0
    high_taken = 0
    splits = 0
    fills = 0
    after = first_slot + num_slots
    for h in range(hops):
        unit = path_units[path, h]
        low_free = (
            first_slot > 0
            and ((free[unit, (first_slot - 1) >> 6] >> np.uint64((first_slot - 1) & 63)) & 1) == 1
        )
        high_free = after < num_band_slots and ((free[unit, after >> 6] >> np.uint64(after & 63)) & 1) == 1
        low_taken += not low_free
        high_taken += not high_free
        splits += low_free and high_free
        fills += not low_free and not high_free
    row[10] = low_taken / hops
    row[11] = high_taken / hops
    row[12] = splits / hops
    row[13] = fills / hops


@inlined
def worth_a_look(row):
    """Rank of a candidate by what is cheap to know of it: the after-state of the highest is looked at."""
    return 0.5 * row[13] - 0.5 * row[0] - 3.0 * row[5] - row[7] - row[12] - row[17]


@inlined
def path_words(free, path_units, path, hops, words):
    """AND of the free slots over the units of a path, into ``words``."""
    for w in range(len(words)):
        word = free[path_units[path, 0], w]
        for h in range(1, hops):
            word &= free[path_units[path, h], w]
        words[w] = word


@inlined
def observe_request(
    plant, free, pair, bit_rate_gbps, max_latency_ms, words, scratch, candidates, n, features, mask, context
):
    """List the candidates of one request and fill its observation.

    Args:
        plant: PlantArrays.
        free: (num_units, num_words) uint64 of one network.
        pair: row of the ordered node pair.
        bit_rate_gbps: of the request.
        max_latency_ms: of the request; infinite without a bound.
        words: (num_words,) uint64, scratch.
        scratch: (num_words,) uint64, scratch.
        candidates: CandidateArrays; row ``n`` is written.
        n: row.
        features: (M, F) float32, overwritten.
        mask: (M,) bool, overwritten.
        context: (C,) float32, overwritten.
    """
    path_units, path_hops, path_latency_ms = plant.path_units, plant.path_hops, plant.path_latency_ms
    path_format, slots_per_gbps = plant.path_format, plant.slots_per_gbps
    bits_per_symbol, formats_per_path = plant.bits_per_symbol, plant.formats_per_path
    num_band_slots = plant.num_slots
    paths, slots, nums = candidates.path[n], candidates.first_slot[n], candidates.num_slots[n]
    starts, lengths = candidates.run_start[n], candidates.run_length[n]
    formats, rank = candidates.format[n], candidates.rank[n]
    begin, end = plant.first_path[pair], plant.first_path[pair + 1]
    least_hops, least_spend, least_slots = 1 << 30, 1 << 30, 1 << 30
    least_ms = np.float32(np.inf)
    for path in range(begin, end):
        num_slots = slots_needed(slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps)
        least_hops = min(least_hops, path_hops[path])
        least_spend = min(least_spend, path_hops[path] * num_slots)
        least_slots = min(least_slots, num_slots)
        least_ms = min(least_ms, path_latency_ms[path])
    row = np.zeros(NUM_FEATURES, np.float32)
    count = 0
    for way in range(formats_per_path * (end - begin)):
        path = begin + way // formats_per_path
        chosen = path_format[path] + way % formats_per_path
        if path_latency_ms[path] > max_latency_ms or count == len(paths) or chosen >= len(slots_per_gbps):
            continue
        hops = path_hops[path]
        num_slots = slots_needed(slots_per_gbps[chosen], plant.guard_slots, bit_rate_gbps)
        path_words(free, path_units, path, hops, words)
        listed = count
        count = list_on_path(
            words, path, num_slots, plant.starts_per_path, count, paths, slots, nums, starts, lengths
        )
        if count == listed:
            continue
        positions = describe_path(
            free, path_units, path, hops, words, num_slots, num_band_slots, scratch, row
        )
        row[0] = (path - begin) / (end - begin)
        row[1] = hops / 8.0
        row[2] = (hops - least_hops) / 4.0
        row[3] = path_latency_ms[path] / least_ms - 1.0
        row[4] = num_slots / 16.0
        row[5] = (num_slots * hops) / least_spend - 1.0
        row[6] = (num_slots * hops) / 32.0
        row[20] = 1.0 if max_latency_ms == np.inf else 1.0 - path_latency_ms[path] / max_latency_ms
        row[21] = bits_per_symbol[chosen] / 6.0
        row[28] = num_slots * hops * (row[18] + 0.5 * num_slots / num_band_slots) / 32.0
        for c in range(listed, count):
            formats[c] = chosen
            describe_edges(free, path_units, path, hops, slots[c], num_slots, num_band_slots, row)
            left = slots[c] - starts[c]
            right = lengths[c] - num_slots - left
            row[7] = slots[c] / num_band_slots
            row[8] = min(lengths[c] - num_slots, 32) / 16.0
            row[9] = 1.0 if lengths[c] == num_slots else 0.0
            kept = max(left - num_slots + 1, 0) + max(right - num_slots + 1, 0)
            row[17] = (lengths[c] - num_slots + 1 - kept) / positions
            for f in range(NUM_FEATURES):
                features[c, f] = row[f]
            mask[c] = True
            rank[c] = worth_a_look(row)
    for c in range(count, len(paths)):
        mask[c] = False
        for f in range(NUM_FEATURES):
            features[c, f] = 0.0
    candidates.listed[n] = count
    if plant.after.shortlist > 0:
        look_ahead(plant, free, n, count, candidates, AFTER_STATE, features)
    taken, lit = 0, 0
    for unit in range(free.shape[0]):
        free_slots = 0
        for w in range(free.shape[1]):
            free_slots += population(free[unit, w])
        taken += free_slots
        lit += free_slots < num_band_slots
    context[0] = bit_rate_gbps / 400.0
    context[1] = least_slots / 16.0
    context[2] = least_hops / 8.0
    context[3] = 0.0 if max_latency_ms == np.inf else 1.0
    context[4] = 1.0 - taken / (free.shape[0] * num_band_slots)
    context[5] = count / len(paths)
    context[6] = lit / free.shape[0]


@kernel
def observe_one(plant, free, pair, bit_rate_gbps, max_latency_ms, candidates, features, mask, context):
    """``observe_request`` for a single network, callable from Python."""
    words = np.empty(plant.num_words, np.uint64)
    scratch = np.empty(plant.num_words, np.uint64)
    observe_request(
        plant,
        free,
        pair,
        bit_rate_gbps,
        max_latency_ms,
        words,
        scratch,
        candidates,
        0,
        features,
        mask,
        context,
    )


@dataclass(frozen=True)
class Candidate:
    """One way to carry a request."""

    path: int  # row of the path table
    nodes: tuple[int, ...]
    first_slot: int
    num_slots: int
    modulation_format: str
    latency_ms: float
    band: str = "C"
    gsnr_db: float = math.nan  # of the worst carrier; NaN where the plant knows no GSNR
    margin_db: float = math.nan  # of the worst carrier above its format's threshold
    marginal_w: float = math.nan  # power switched on, transponders included; NaN without a power model


@dataclass(frozen=True)
class Observation:
    """What a policy is given for one request."""

    features: np.ndarray  # (M, F) float32, zeros where masked
    action_mask: np.ndarray  # (M,) bool, True = allowed
    context: np.ndarray  # (C,) float32


def observe(plant: Plant, network: Network, request: Request) -> tuple[Observation, tuple[Candidate, ...]]:
    """The observation of a request on a network, and the candidates behind it; candidate i is action i."""
    size = plant.spec.max_candidates
    candidates = new_candidates(plant, 1)
    features = np.empty((size, NUM_FEATURES), np.float32)
    mask = np.empty(size, np.bool_)
    context = np.empty(NUM_CONTEXT, np.float32)
    observe_one(
        plant.arrays,
        network.free,
        plant.pair(request.source, request.destination),
        np.float32(request.bit_rate_gbps),
        np.float32(request.max_latency_ms),
        candidates,
        features,
        mask,
        context,
    )
    listed = tuple(
        Candidate(
            path=int(candidates.path[0, c]),
            nodes=plant.path_table.nodes(int(candidates.path[0, c])),
            first_slot=int(candidates.first_slot[0, c]),
            num_slots=int(candidates.num_slots[0, c]),
            modulation_format=plant.formats[candidates.format[0, c]].name,
            latency_ms=float(plant.arrays.path_latency_ms[candidates.path[0, c]]),
        )
        for c in range(int(candidates.listed[0]))
    )
    return Observation(features, mask, context), listed
