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
from typing import TYPE_CHECKING

import numpy as np

from envs.after_state import look_ahead
from envs.around import look_around
from envs.bits import count_set, next_clear, next_set, population, starts_inplace
from envs.blocks import Block, Paths, path_words
from envs.compiled import inlined, kernel
from envs.describe import (
    Least,
    Run,
    Seen,
    SlotRange,
    describe_block,
    describe_edges,
    describe_path,
    describe_route,
    describe_size,
)
from envs.features import COLUMN, CONTEXT, NUM_CONTEXT, NUM_FEATURES
from envs.forecast import life_row
from envs.gsnr.carriers import follow
from envs.gsnr.listing import list_qot
from envs.listed import CandidateArrays, Listed, new_candidates
from envs.parts import describe_parts
from envs.plant import Plant
from envs.request import Asked, Request
from envs.slots import slots_needed
from topologies.detours import NOTHING, Avoided

if TYPE_CHECKING:
    from envs.network import Network


@inlined
def _append(listed, count, path, start, end, slot, num_slots):
    """Write one candidate at position ``count``; the free run around it goes from ``start`` to ``end``."""
    listed.path[count] = path
    listed.first_slot[count] = slot
    listed.num_slots[count] = num_slots
    listed.run_start[count] = start
    listed.run_length[count] = end - start


@inlined
def list_on_path(words, path, num_slots, limit, both_edges, listed, count):
    """Append the candidates of one path; ``words`` holds the slots free on all its units.

    Returns the new number of candidates, and of the path's free runs how many there are and the longest.
    ``limit`` is the most starts per path; ``both_edges``: right edges of runs too.
    """
    room = min(limit, len(listed.path) - count)
    edges = max(room - 2, 1)
    done = 0
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
            if done < edges and room > 0:
                _append(listed, count + done, path, start, end, start, num_slots)
                done += 1
                edge_listed = True
                if is_tighter:
                    tight_start, tight_end, tight_listed = start, end, True
                slot = end - num_slots
                if both_edges and slot > start and done < edges:
                    _append(listed, count + done, path, start, end, slot, num_slots)
                    done += 1
                    right_listed = True
            elif is_tighter:
                tight_start, tight_end, tight_listed = start, end, False
            last_start, last_end = start, end
            last_listed, last_right_listed = edge_listed, right_listed
        start = next_set(words, end)
    if tight_start >= 0 and not tight_listed and done < room:
        _append(listed, count + done, path, tight_start, tight_end, tight_start, num_slots)
        done += 1
    if last_start >= 0 and not last_right_listed and done < room:
        slot = last_end - num_slots
        if slot != last_start or not (last_listed or tight_start == last_start):
            _append(listed, count + done, path, last_start, last_end, slot, num_slots)
            done += 1
    return count + done, runs, longest


@inlined
def list_by_reach(plant, free, asked, least, candidates, n, seen):
    """List the candidates of a request where the length of a path decides; returns how many."""
    words, row, band = candidates.words, candidates.row, SlotRange(0, plant.num_slots, 1)
    listed = Listed(
        0, candidates.path[n], candidates.first_slot[n], candidates.num_slots[n], candidates.run_start[n],
        candidates.run_length[n], candidates.format[n], candidates.marginal_kw[n],
    )  # fmt: skip
    mask, both_edges = seen.mask, plant.parts.departures.known
    begin, end, count = plant.first_path[asked.pair], plant.first_path[asked.pair + 1], 0
    for way in range(plant.formats_per_path * (end - begin)):
        path = begin + way // plant.formats_per_path
        chosen = plant.path_format[path] + way % plant.formats_per_path
        latency_ms, hops = plant.path_latency_ms[path], plant.path_hops[path]
        if latency_ms > asked.max_latency_ms or count == len(mask) or chosen >= len(plant.slots_per_gbps):
            continue
        units = plant.path_units[path, :hops]
        num_slots = slots_needed(plant.slots_per_gbps[chosen], plant.guard_slots, asked.bit_rate_gbps)
        path_words(free, units, words)
        first = count
        count, runs, longest = list_on_path(
            words, path, num_slots, plant.starts_per_path, both_edges, listed, count
        )
        if count == first:
            continue
        describe_route((path - begin) / (end - begin), hops, latency_ms, asked.max_latency_ms, least, row)
        describe_path(free, units, words, (runs, longest), plant.num_slots, row)
        describe_size(hops, num_slots, least.spend, plant.bits_per_symbol[chosen], row)
        starts_inplace(words, num_slots)
        positions = count_set(words)
        for c in range(first, count):
            listed.format[c] = chosen
            run = Run(np.int64(listed.run_start[c]), np.int64(listed.run_length[c]))
            block = Block(units, np.int64(listed.first_slot[c]), num_slots)
            describe_block(block, run, band, positions, row)
            describe_edges(free, block, band, row)
            for f in range(NUM_FEATURES):
                seen.features[c, f] = row[f]
            mask[c] = True
    return count


@inlined
def least_of(plant, asked):
    """The ``Least`` that any path of a request's node pair needs, each for itself."""
    hops, spend, slots, ms = 1 << 30, 1 << 30, 1 << 30, np.float32(np.inf)
    for path in range(plant.first_path[asked.pair], plant.first_path[asked.pair + 1]):
        per_gbps = plant.slots_per_gbps[plant.path_format[path]]
        num_slots = slots_needed(per_gbps, plant.guard_slots, asked.bit_rate_gbps)
        num_slots = -(-num_slots // plant.step) * plant.step
        hops = min(hops, plant.path_hops[path])
        spend = min(spend, plant.path_hops[path] * num_slots)
        slots = min(slots, num_slots)
        ms = min(ms, plant.path_latency_ms[path])
    return Least(hops, spend, slots, ms)


@inlined
def describe_network(num_slots, free, asked, least, listed, seen):
    """Fill the context: the request, how many candidates it has, how full the network is."""
    free_slots, lit_units, context = 0, 0, seen.context
    for unit in range(free.shape[0]):
        on_unit = 0
        for w in range(free.shape[1]):
            on_unit += population(free[unit, w])
        free_slots += on_unit
        lit_units += on_unit < num_slots
    context[CONTEXT.bit_rate] = asked.bit_rate_gbps / 400.0
    context[CONTEXT.least_slots] = least.slots / 16.0
    context[CONTEXT.least_hops] = least.hops / 8.0
    context[CONTEXT.bounded] = 0.0 if asked.max_latency_ms == np.inf else 1.0
    context[CONTEXT.network_load] = 1.0 - free_slots / (free.shape[0] * num_slots)
    context[CONTEXT.candidates] = listed / len(seen.mask)
    context[CONTEXT.lit_links] = lit_units / free.shape[0]


@inlined
def observe_request(plant, free, parts, asked, candidates, n, seen):
    """List the candidates of one request and fill its observation.

    Args:
        plant: PlantArrays.
        free: (num_units, num_words) uint64 of one network.
        parts: PartStates of all networks; carriers of row ``n`` are brought in step with ``free`` first.
        asked: Asked.
        candidates: CandidateArrays; row ``n`` is written.
        n: row.
        seen: Seen, overwritten.
    """
    least, features, mask = least_of(plant, asked), seen.features, seen.mask
    for f in range(NUM_FEATURES):
        candidates.row[f] = 0.0
    if plant.parts.qot.num_channels > 0:
        follow(plant.parts.qot, parts.qot, n, free)
        count = list_qot(plant, free, parts.qot, asked, least, candidates, n, seen)
    else:
        count = list_by_reach(plant, free, asked, least, candidates, n, seen)
    for c in range(count, len(mask)):
        mask[c] = False
        for f in range(NUM_FEATURES):
            features[c, f] = 0.0
    for c in range(count):  # load in the middle of the allocation
        load = features[c, COLUMN.mean_load] + 8.0 * features[c, COLUMN.slots] / plant.num_slots
        features[c, COLUMN.spend_loaded] = features[c, COLUMN.spend_total] * load
    candidates.listed[n] = count
    paths = Paths(plant.first_path, plant.path_units, plant.path_hops, plant.path_format)
    listed = Listed(
        count, candidates.path[n], candidates.first_slot[n], candidates.num_slots[n], candidates.run_start[n],
        candidates.run_length[n], candidates.format[n], candidates.marginal_kw[n],
    )  # fmt: skip
    describe_parts(plant.parts, parts, n, paths, free, asked, listed, features)
    if plant.after.shortlist > 0:
        look_ahead(plant.after, paths, free, candidates.after, n, listed, features)
    describe_network(plant.num_slots, free, asked, least, count, seen)


@kernel
def observe_one(plant, free, parts, asked, candidates, seen):
    """``observe_request`` for a single network, callable from Python."""
    row = np.int64(0)  # a bare 0 is a type of its own, and all that is called would be compiled for it anew
    observe_request(plant, free, parts, asked, candidates, row, seen)


@dataclass(frozen=True)
class Candidate:
    """One way to carry a request."""

    path: int  # row of the path table, with the detours that are known when it is listed
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


def observe(
    plant: Plant, network: Network, request: Request, avoided: Avoided = NOTHING
) -> tuple[Observation, tuple[Candidate, ...]]:
    """The observation of a request on a network, and the candidates behind it; candidate i is action i.

    A pair whose stored paths cross a failed link, or what the client has avoided, is listed on its paths on
    what is left of the network.

    What a listing needs beside its result is kept with the network, so one network is looked at by one thread
    at a time. Nothing is remembered there but what stands: the same network gives the same bits.
    """
    size = plant.spec.max_candidates
    is_same = (
        plant.path_table is network.plant.path_table
    )  # but for the forecast, which leaves no trace there
    candidates = network.listing if is_same else None
    if candidates is None:
        candidates = new_candidates(plant, 1)
        if is_same:
            network.listing = candidates
    seen = Seen(
        np.empty((size, NUM_FEATURES), np.float32),
        np.empty(size, np.bool_),
        np.empty(NUM_CONTEXT, np.float32),
    )
    plant, row = look_around(
        plant, plant.pair(request.source, request.destination), network.avoided | avoided
    )
    asked = Asked(
        pair=row,
        service_class=0,
        bit_rate_gbps=np.float32(request.bit_rate_gbps),
        max_latency_ms=np.float32(request.max_latency_ms),
        now_s=request.arrival_s,
        holding_s=0.0,  # what departs is told
        told_end_s=request.told_end_s,
        life_row=life_row(plant.forecast, request.service_class),
    )
    network.know_lives_by(plant.forecast)
    observe_one(plant.arrays, network.free, network.parts, asked, candidates, seen)
    return Observation(*seen), _listed(plant, candidates)


def _listed(plant: Plant, candidates: CandidateArrays) -> tuple[Candidate, ...]:
    """The first listing as objects; numbers leave the arrays a column at a time, one by one costs more."""
    size = int(candidates.listed[0])
    path, first_slot, num_slots, row = (
        column[0, :size].tolist()
        for column in (candidates.path, candidates.first_slot, candidates.num_slots, candidates.format)
    )
    latency_ms = plant.arrays.path_latency_ms[candidates.path[0, :size]].tolist()
    found = []
    for c in range(size):
        first = first_slot[c]
        gsnr_db = margin_db = math.nan
        if plant.thresholds_db:
            gsnr_db = -10.0 * math.log10(candidates.noise[0, c])
            margin_db = gsnr_db - plant.thresholds_db[row[c]]
        found.append(
            Candidate(
                path=path[c],
                nodes=plant.path_table.nodes(path[c]),
                first_slot=first,
                num_slots=num_slots[c],
                modulation_format=plant.formats[row[c]].name,
                latency_ms=latency_ms[c],
                band=next(band.name for band in plant.bands if band.first_slot <= first < band.end_slot),
                gsnr_db=gsnr_db,
                margin_db=margin_db,
                marginal_w=1000.0 * float(candidates.marginal_kw[0, c]) if plant.power else math.nan,
            )
        )
    return tuple(found)
