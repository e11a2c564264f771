"""The candidates of a request and what they look like: the one function shared by training and operation.

Candidates are listed path by path in the order of the path table; on each path the left edges of the free
runs that are long enough, in ascending order, then the start in the tightest run (best fit) and the highest
possible start (last fit) where these are not among them. So the first candidate is KSP-FF's choice. Where the
plant knows when services end, what is beside a block counts, and each left edge is followed by the right edge
of its run. Where it allows more than one format per path, the less efficient ones follow on the same path.
A path slower than the request's bound has no candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from envs.after_state import AfterStates, look_ahead, new_after_states
from envs.bits import count_set, next_clear, next_set, population, starts_inplace
from envs.calendar import describe_ends
from envs.compiled import inlined, kernel
from envs.describe import (
    describe_block,
    describe_edges,
    describe_path,
    describe_route,
    describe_size,
    path_words,
)
from envs.energy.meter import describe_power, is_metered
from envs.features import COLUMN, CONTEXT, NUM_CONTEXT, NUM_FEATURES
from envs.gsnr.carriers import follow
from envs.gsnr.listing import list_lit
from envs.plant import Plant
from envs.request import Request
from envs.slots import slots_needed

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
    after: AfterStates  # cache of the look ahead
    row: np.ndarray  # (F,) float32, scratch


def new_candidates(plant: Plant, num_networks: int) -> CandidateArrays:
    """Room for the candidates of N requests."""
    shape = (num_networks, plant.spec.max_candidates)
    kinds = (np.int32,) * 6 + (np.float32, np.float64, np.float32)
    after = new_after_states(plant.arrays.after, num_networks, plant.num_units, plant.arrays.num_words)
    columns: list[Any] = [np.zeros(num_networks, np.int32), *(np.zeros(shape, kind) for kind in kinds), after]
    columns.append(np.zeros(NUM_FEATURES, np.float32))
    return CandidateArrays(*columns)


@inlined
def _append(count, start, end, slot, num_slots, path, paths, slots, nums, starts, lengths):
    """Write one candidate at position ``count``."""
    paths[count] = path
    slots[count] = slot
    nums[count] = num_slots
    starts[count] = start
    lengths[count] = end - start


@inlined
def list_on_path(words, path, num_slots, limit, both_edges, count, paths, slots, nums, starts, lengths):
    """Append the candidates of one path; ``words`` holds the slots free on all its units.

    Returns the new number of candidates, and of the path's free runs how many there are and the longest.
    ``limit`` is the most starts per path; ``both_edges``: right edges of runs too.
    """
    room = min(limit, len(paths) - count)
    edges = max(room - 2, 1)
    listed = 0
    tight_start, tight_end, last_start, last_end = -1, -1, -1, -1
    tight_listed = False
    last_listed, last_right_listed = False, False
    runs, longest = 0, 0
    start = next_set(words, 0)
    while start >= 0:
        end = next_clear(words, start)
        runs += 1
        longest = max(longest, end - start)
        if end - start >= num_slots:
            edge_listed, right_listed = False, False
            is_tighter = tight_start < 0 or end - start < tight_end - tight_start
            if listed < edges and room > 0:
                _append(count, start, end, start, num_slots, path, paths, slots, nums, starts, lengths)
                count += 1
                listed += 1
                edge_listed = True
                if is_tighter:
                    tight_start, tight_end, tight_listed = start, end, True
                slot = end - num_slots
                if both_edges and slot > start and listed < edges:
                    _append(count, start, end, slot, num_slots, path, paths, slots, nums, starts, lengths)
                    count += 1
                    listed += 1
                    right_listed = True
            elif is_tighter:
                tight_start, tight_end, tight_listed = start, end, False
            last_start, last_end = start, end
            last_listed, last_right_listed = edge_listed, right_listed
        start = next_set(words, end)
    if tight_start >= 0 and not tight_listed and listed < room:
        _append(
            count, tight_start, tight_end, tight_start, num_slots, path, paths, slots, nums, starts, lengths
        )
        count += 1
        listed += 1
    if last_start >= 0 and not last_right_listed and listed < room:
        slot = last_end - num_slots
        if slot != last_start or not (last_listed or tight_start == last_start):
            _append(count, last_start, last_end, slot, num_slots, path, paths, slots, nums, starts, lengths)
            count += 1
    return count, runs, longest


@inlined
def list_by_reach(
    plant,
    free,
    pair,
    bit_rate_gbps,
    max_latency_ms,
    least_hops,
    least_spend,
    least_ms,
    words,
    scratch,
    candidates,
    n,
    row,
    features,
    mask,
):
    """List the candidates of one request where the length of a path decides; returns how many."""
    path_units, path_hops, path_latency_ms = plant.path_units, plant.path_hops, plant.path_latency_ms
    path_format, slots_per_gbps = plant.path_format, plant.slots_per_gbps
    bits_per_symbol, formats_per_path = plant.bits_per_symbol, plant.formats_per_path
    num_band_slots = plant.num_slots
    paths, slots, nums = candidates.path[n], candidates.first_slot[n], candidates.num_slots[n]
    starts, lengths = candidates.run_start[n], candidates.run_length[n]
    formats = candidates.format[n]
    begin, end = plant.first_path[pair], plant.first_path[pair + 1]
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
        count, runs, longest = list_on_path(
            words, path, num_slots, plant.starts_per_path, plant.ends_known, count, paths, slots, nums,
            starts, lengths,
        )  # fmt: skip
        if count == listed:
            continue
        describe_route(
            path, begin, end, hops, least_hops, path_latency_ms[path], least_ms, max_latency_ms, row
        )
        describe_path(free, path_units, path, hops, words, runs, longest, num_band_slots, row)
        describe_size(hops, num_slots, least_spend, bits_per_symbol[chosen], row)
        for w in range(len(words)):
            scratch[w] = words[w]
        starts_inplace(scratch, num_slots)
        positions = count_set(scratch)
        for c in range(listed, count):
            formats[c] = chosen
            describe_block(starts[c], lengths[c], slots[c], num_slots, 0, num_band_slots, positions, 1, row)
            describe_edges(free, path_units, path, hops, slots[c], num_slots, 0, num_band_slots, row)
            for f in range(NUM_FEATURES):
                features[c, f] = row[f]
            mask[c] = True
    return count


@inlined
def observe_request(
    plant, free, carriers, calendar, pair, bit_rate_gbps, max_latency_ms, now_s, end_s, words, scratch,
    candidates, n, features, mask, context,
):  # fmt: skip
    """List the candidates of one request and fill its observation.

    Args:
        plant: PlantArrays.
        free: (num_units, num_words) uint64 of one network.
        carriers: CarrierStates of all networks; row ``n`` is brought in step with ``free`` first.
        calendar: (num_units, num_slots) float64 of one network; empty where no ends are known.
        pair: row of the ordered node pair.
        bit_rate_gbps: of the request.
        max_latency_ms: of the request; infinite without a bound.
        now_s: when it would be set up; of no meaning where no ends are known, like ``end_s``.
        end_s: when it would end.
        words: (num_words,) uint64, scratch.
        scratch: (num_words,) uint64, scratch.
        candidates: CandidateArrays; row ``n`` is written.
        n: row.
        features: (M, F) float32, overwritten.
        mask: (M,) bool, overwritten.
        context: (C,) float32, overwritten.
    """
    path_hops, path_latency_ms = plant.path_hops, plant.path_latency_ms
    path_format, slots_per_gbps = plant.path_format, plant.slots_per_gbps
    num_band_slots, step = plant.num_slots, plant.lit.slots_per_channel
    least_hops, least_spend, least_slots = 1 << 30, 1 << 30, 1 << 30
    least_ms = np.float32(np.inf)
    for path in range(plant.first_path[pair], plant.first_path[pair + 1]):
        num_slots = slots_needed(slots_per_gbps[path_format[path]], plant.guard_slots, bit_rate_gbps)
        num_slots = -(-num_slots // step) * step
        least_hops = min(least_hops, path_hops[path])
        least_spend = min(least_spend, path_hops[path] * num_slots)
        least_slots = min(least_slots, num_slots)
        least_ms = min(least_ms, path_latency_ms[path])
    row = candidates.row
    for f in range(NUM_FEATURES):
        row[f] = 0.0
    if plant.lit.num_channels > 0:
        follow(plant.lit, carriers, n, free)
        count = list_lit(
            plant,
            free,
            carriers,
            n,
            pair,
            bit_rate_gbps,
            max_latency_ms,
            least_hops,
            least_spend,
            least_ms,
            words,
            candidates,
            row,
            features,
            mask,
        )
    else:
        count = list_by_reach(
            plant,
            free,
            pair,
            bit_rate_gbps,
            max_latency_ms,
            least_hops,
            least_spend,
            least_ms,
            words,
            scratch,
            candidates,
            n,
            row,
            features,
            mask,
        )
    if is_metered(plant.power):
        describe_power(plant, free, bit_rate_gbps, candidates, n, count, features)
    for c in range(count, len(mask)):
        mask[c] = False
        for f in range(NUM_FEATURES):
            features[c, f] = 0.0
    candidates.listed[n] = count
    for c in range(count):  # load in the middle of the allocation
        load = features[c, COLUMN.mean_load] + 8.0 * features[c, COLUMN.slots] / num_band_slots
        features[c, COLUMN.spend_loaded] = features[c, COLUMN.spend_total] * load
    if calendar.shape[1] > 0:
        describe_ends(
            calendar, free, plant.path_units, path_hops, candidates.path[n], candidates.first_slot[n],
            candidates.num_slots[n], count, now_s, end_s, features,
        )  # fmt: skip
    if plant.after.shortlist > 0:
        look_ahead(
            plant.after, plant.first_path, plant.path_units, path_hops, path_format, free, candidates.after,
            n, count, candidates.path[n], candidates.first_slot[n], candidates.num_slots[n], features,
        )  # fmt: skip
    taken, lit_units = 0, 0
    for unit in range(free.shape[0]):
        free_slots = 0
        for w in range(free.shape[1]):
            free_slots += population(free[unit, w])
        taken += free_slots
        lit_units += free_slots < num_band_slots
    context[CONTEXT.bit_rate] = bit_rate_gbps / 400.0
    context[CONTEXT.least_slots] = least_slots / 16.0
    context[CONTEXT.least_hops] = least_hops / 8.0
    context[CONTEXT.bounded] = 0.0 if max_latency_ms == np.inf else 1.0
    context[CONTEXT.network_load] = 1.0 - taken / (free.shape[0] * num_band_slots)
    context[CONTEXT.candidates] = count / len(mask)
    context[CONTEXT.lit_links] = lit_units / free.shape[0]


@kernel
def observe_one(
    plant, free, carriers, pair, bit_rate_gbps, max_latency_ms, candidates, features, mask, context
):
    """``observe_request`` for a single network that knows no ends, callable from Python."""
    words = np.empty(plant.num_words, np.uint64)
    scratch = np.empty(plant.num_words, np.uint64)
    observe_request(
        plant, free, carriers, np.empty((0, 0)), pair, bit_rate_gbps, max_latency_ms, 0.0, 0.0, words,
        scratch, candidates, 0, features, mask, context,
    )  # fmt: skip


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
    """The observation of a request on a network, and the candidates behind it; candidate i is action i.

    What a listing needs beside its result is kept with the network, so one network is looked at by one thread
    at a time. Nothing is remembered there but the spectrum: the same network gives the same bits.
    """
    size = plant.spec.max_candidates
    candidates = network.listing if plant is network.plant else None
    if candidates is None:
        candidates = new_candidates(plant, 1)
        if plant is network.plant:
            network.listing = candidates
    features = np.empty((size, NUM_FEATURES), np.float32)
    mask = np.empty(size, np.bool_)
    context = np.empty(NUM_CONTEXT, np.float32)
    observe_one(
        plant.arrays,
        network.free,
        network.carriers,
        plant.pair(request.source, request.destination),
        np.float32(request.bit_rate_gbps),
        np.float32(request.max_latency_ms),
        candidates,
        features,
        mask,
        context,
    )
    listed = tuple(_candidate(plant, candidates, c) for c in range(int(candidates.listed[0])))
    return Observation(features, mask, context), listed


def _candidate(plant: Plant, candidates: CandidateArrays, c: int) -> Candidate:
    path, first_slot = int(candidates.path[0, c]), int(candidates.first_slot[0, c])
    band = next(band for band in plant.bands if band.first_slot <= first_slot < band.end_slot)
    format_row = int(candidates.format[0, c])
    gsnr_db = margin_db = math.nan
    if plant.thresholds_db:
        gsnr_db = -10.0 * math.log10(candidates.noise[0, c])
        margin_db = gsnr_db - plant.thresholds_db[format_row]
    return Candidate(
        path=path,
        nodes=plant.path_table.nodes(path),
        first_slot=first_slot,
        num_slots=int(candidates.num_slots[0, c]),
        modulation_format=plant.formats[format_row].name,
        latency_ms=float(plant.arrays.path_latency_ms[path]),
        band=band.name,
        gsnr_db=gsnr_db,
        margin_db=margin_db,
        marginal_w=1000.0 * float(candidates.marginal_kw[0, c]) if plant.power else math.nan,
    )
