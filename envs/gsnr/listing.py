"""The candidates of a request where quality of transmission decides, and what they look like.

Bands in the order of filling (C, L, S); in a band the K paths in the table's order; on a path the formats
that carry the bit rate, least spectrum first and of equals the most robust, of these the fewest carriers, at
most ``formats_per_path`` of those that work; for each the left edges of the dark runs, in ascending order,
then the highest block. So the first candidate is that of KSP-FF over bands with the best modulation.

A candidate is feasible if all its carriers meet their format's threshold with margin, and every lit carrier
on its units keeps its own. Only feasible ones are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.bits import (
    block_mask,
    last_clear_below,
    last_set_below,
    next_clear,
    next_set,
    population,
)
from envs.blocks import Block, Index, Paths, path_words
from envs.compiled import entered, inlined, kernel
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
    runs_on_path,
)
from envs.features import COLUMN
from envs.gsnr.carriers import KEPT_PATHS, CarrierStates, block_noise, fullest_share, refresh_shares
from envs.gsnr.sharing import carrier_loss, gather_sharing
from envs.request import Asked

if TYPE_CHECKING:
    from envs.listed import CandidateArrays
    from envs.plant import PlantArrays

LARGEST_DB = 20.0  # of the features margin and reserve
TRIES_PER_FORMAT = 3  # blocks of one format on one path that may fail before the next format is looked at


@entered
def width_of(carrier_gbps, carrier_channels, bit_rate_gbps):
    """Channels of the carriers side by side that carry a bit rate."""
    return np.int64(np.ceil(np.float64(bit_rate_gbps) / carrier_gbps - 1e-9)) * carrier_channels


@inlined
def next_format(plant, bit_rate_gbps, before):
    """(row, channels) of the format that takes the fewest channels above ``before``; (-1, .) if none does.

    Of equals the most robust, and of these the one of the fewest carriers.
    """
    qot, bits = plant.parts.qot, plant.bits_per_symbol
    carrier_gbps, carrier_channels = qot.carrier_gbps, qot.carrier_channels
    best, fewest = np.int64(-1), np.int64(0)
    for f in range(len(carrier_gbps)):
        width = width_of(carrier_gbps[f], carrier_channels[f], bit_rate_gbps)
        if width <= before or (best >= 0 and width > fewest):
            continue
        is_better = best < 0 or width < fewest or bits[f] < bits[best]
        if is_better or (bits[f] == bits[best] and carrier_channels[f] > carrier_channels[best]):
            best, fewest = np.int64(f), width
    return best, fewest


@inlined
def positions_in(words, band, size):
    """Starting positions of a block of ``size`` slots in a band."""
    positions = 0
    start = next_set(words, band.low)
    while 0 <= start < band.high:
        end = min(next_clear(words, start), band.high)
        positions += max((end - start - size) // band.step + 1, 0)
        start = next_set(words, end)
    return positions


@inlined
def last_run(words, band, size):
    """The highest free run of a band that holds ``size`` slots; of length 0 where there is none."""
    end = last_set_below(words, band.high) + 1
    while end > band.low:
        start = max(last_clear_below(words, end) + 1, band.low)
        if end - start >= size:
            return Run(np.int64(start), np.int64(end - start))
        end = last_set_below(words, start) + 1
    return Run(np.int64(band.low), np.int64(0))


@inlined
def try_block(qot, carriers, n, units, f, first, width):
    """(noise of the worst carrier, noise over limit of the worst-off lit one) if a block were lit.

    The block is of ``width`` channels of format ``f``, the lowest of them ``first``. It is feasible where the
    second number is at most 1.
    """
    worst, fullest = block_noise(qot, carriers.xpm[n], units, f, first, width), np.float32(2.0)
    if worst <= qot.most_noise[f]:
        refresh_shares(carriers, n, units)
        fullest = fullest_share(qot, carriers, n, units, first, width)
    return worst, fullest


@inlined
def band_load(free, units, band):
    """Share of a band's slots that are taken on the units of a path."""
    dark, size = 0, band.high - band.low
    for word in range(band.low >> 6, ((band.high - 1) >> 6) + 1):
        of_band = block_mask(band.low, size, word)
        for h in range(len(units)):
            dark += population(free[units[h], word] & of_band)
    return 1.0 - dark / (len(units) * size)


@inlined
def describe_quality(qot, f, tried, row):
    """Fill the features of what ``try_block`` found; returns the noise of the worst carrier."""
    worst, fullest = tried
    unavoidable = qot.transceiver_noise * qot.scale
    margin_db = 10.0 * np.log10((qot.most_noise[f] + unavoidable) / (worst + unavoidable))
    reserve_db = LARGEST_DB
    if fullest > 0.0:
        reserve_db = min(-10.0 * np.log10(fullest), LARGEST_DB)
    row[COLUMN.gsnr_margin] = min(margin_db, LARGEST_DB) / 10.0
    row[COLUMN.gsnr_reserve] = reserve_db / 10.0
    return worst / qot.scale + qot.transceiver_noise


@inlined
def append_block(candidates, n, count, path, block, run, f, noise):
    """Write one candidate at position ``count``; its row of features is complete."""
    candidates.path[n, count] = path
    candidates.first_slot[n, count] = block.first_slot
    candidates.num_slots[n, count] = block.num_slots
    candidates.run_start[n, count] = run.start
    candidates.run_length[n, count] = run.length
    candidates.format[n, count] = f
    candidates.margin_10db[n, count] = candidates.row[COLUMN.gsnr_margin]
    candidates.noise[n, count] = noise


class OnPath(NamedTuple):
    """A path in a band, on which blocks are tried."""

    path: Index
    kept: Index  # its row of ``PathScratch``
    words: np.ndarray  # (num_words,) uint64 slots free on all its units
    band: SlotRange
    rank: float  # of the path among the pair's, 0 to 1
    band_rank: float


@inlined
def words_on_path(plant, free, carriers, path, kept):
    """Bring row ``kept`` of the words of ``PathScratch`` in step with a path; once for each request."""
    scratch, request = carriers.on_path, carriers.fresh[len(carriers.fresh) - 1]
    if scratch.path[kept] != path or scratch.request[kept, 0] != request:
        scratch.path[kept] = path
        scratch.request[kept, 0] = request
        scratch.request[kept, 1] = 0
        path_words(free, plant.path_units[path, : plant.path_hops[path]], scratch.words[kept])


@inlined
def describe_what_is_free(plant, free, carriers, at, units, row):
    """``describe_path`` of a path into the row; worked out once for each request."""
    scratch, request = carriers.on_path, carriers.fresh[len(carriers.fresh) - 1]
    figures, words = scratch.figures[at.kept], at.words
    if scratch.request[at.kept, 1] != request:
        scratch.request[at.kept, 1] = request
        describe_path(free, units, words, runs_on_path(words), plant.num_slots, row)
        figures[0] = row[COLUMN.path_free]
        figures[1] = row[COLUMN.path_longest_run]
        figures[2] = row[COLUMN.path_runs]
        figures[3] = row[COLUMN.mean_load]
        figures[4] = row[COLUMN.max_load]
    row[COLUMN.path_free] = figures[0]
    row[COLUMN.path_longest_run] = figures[1]
    row[COLUMN.path_runs] = figures[2]
    row[COLUMN.mean_load] = figures[3]
    row[COLUMN.max_load] = figures[4]


@inlined
def describe_on_path(plant, free, carriers, asked, least, at, candidates):
    """Fill the features of a path in a band into the row; returns how many paths share its units."""
    row, hops = candidates.row, plant.path_hops[at.path]
    units, latency_ms = plant.path_units[at.path, :hops], plant.path_latency_ms[at.path]
    describe_route(at.rank, hops, latency_ms, asked.max_latency_ms, least, row)
    describe_what_is_free(plant, free, carriers, at, units, row)
    row[COLUMN.band_rank] = at.band_rank
    row[COLUMN.band_load] = band_load(free, units, at.band)
    return gather_sharing(plant.parts.qot, carriers.sharing, units)


class Listing(NamedTuple):
    """One request, the network that it meets, and where its candidates go; see ``list_qot``."""

    plant: PlantArrays
    free: np.ndarray
    carriers: CarrierStates
    asked: Asked
    least: Least
    candidates: CandidateArrays
    n: int
    seen: Seen


@inlined
def list_blocks(listing, at, f, width, count, sharing):
    """Append the feasible blocks of ``width`` channels of one format on a path.

    ``sharing`` is what ``describe_on_path`` gave of the path, -1 before. Returns the new number of candidates
    and ``sharing``.
    """
    plant, free, carriers, asked, least, candidates, n, seen = listing
    qot, words, row = plant.parts.qot, at.words, candidates.row
    band, hops = at.band, plant.path_hops[at.path]
    paths = Paths(plant.first_path, plant.path_units, plant.path_hops, plant.path_format)
    units, num_slots, positions = plant.path_units[at.path, :hops], width * band.step, 0
    highest_run = last_run(words, band, num_slots)
    highest = highest_run.start + highest_run.length - num_slots if highest_run.length > 0 else -1
    most, most_edges = plant.starts_per_path, max(plant.starts_per_path - 1, 1)
    found, failed, last = 0, 0, np.int64(-1)
    start = next_set(words, band.low)
    while 0 <= start < band.high or last < highest:
        if 0 <= start < band.high and found < most_edges and failed < TRIES_PER_FORMAT:
            stop = min(next_clear(words, start), band.high)
            slot, run = np.int64(start), Run(np.int64(start), np.int64(stop - start))
            start = next_set(words, stop)
        elif last < highest and found < most and failed <= TRIES_PER_FORMAT:
            slot, run = np.int64(highest), highest_run
            start = -1
        else:
            break
        if run.length < num_slots:
            continue
        last = slot
        if count == len(seen.mask):
            break
        first = slot // band.step
        tried = try_block(qot, carriers, n, units, f, first, width)
        if tried[1] > 1.0:
            failed += 1
            continue
        if sharing < 0:
            sharing = describe_on_path(plant, free, carriers, asked, least, at, candidates)
        if found == 0:
            positions = positions_in(words, band, num_slots)
            describe_size(hops, num_slots, least.spend, plant.bits_per_symbol[f], row)
        found += 1
        block = Block(units, slot, num_slots)
        describe_block(block, run, band, positions, row)
        describe_edges(free, block, band, row)
        noise = describe_quality(qot, f, tried, row)
        if candidates.loss_counts[0]:
            row[COLUMN.carrier_loss] = carrier_loss(qot, paths, carriers, n, sharing, first, width)
        append_block(candidates, n, count, at.path, block, run, f, noise)
        for column in range(len(row)):
            seen.features[count, column] = row[column]
        seen.mask[count] = True
        count += 1
    return count, sharing


@inlined
def list_formats(listing, at, b, count):
    """Append the candidates of one path in band ``b``; returns the new number of candidates."""
    qot = listing.plant.parts.qot
    plant, bit_rate_gbps = listing.plant, listing.asked.bit_rate_gbps
    least_noise, most_noise, rate = qot.least_noise[at.path], qot.most_noise, qot.rate
    in_band = (at.band.high - at.band.low) // at.band.step
    sharing, working = np.int64(-1), 0  # one type throughout: each other one is compiled anew
    width = np.int64(0)
    while working < plant.formats_per_path and count < len(listing.seen.mask):
        f, width = next_format(plant, bit_rate_gbps, width)
        if f < 0 or width > in_band:
            break
        if least_noise[rate[f], b] > most_noise[f]:  # it works nowhere there
            continue
        before = count
        count, sharing = list_blocks(listing, at, f, width, count, sharing)
        working += count > before
    return count


@kernel
def list_qot(plant, free, carriers, asked, least, candidates, n, seen):
    """List the feasible candidates of one request into row ``n``; returns how many.

    Arguments as of ``envs.candidates.observe_request``, of the parts the carriers; ``candidates.row`` begins
    at zero.
    """
    qot, scratch = plant.parts.qot, carriers.on_path
    listing = Listing(plant, free, carriers, asked, least, candidates, n, seen)
    begin, end = plant.first_path[asked.pair], plant.first_path[asked.pair + 1]
    carriers.fresh[len(carriers.fresh) - 1] += 1  # a request of its own: see ``refresh_shares``
    count = np.int64(0)
    for b in range(len(qot.band_first)):
        step = qot.slots_per_channel
        band, band_rank = (
            SlotRange(qot.band_first[b] * step, qot.band_end[b] * step, step),
            b / len(qot.band_first),
        )
        for path in range(begin, end):
            if plant.path_latency_ms[path] > asked.max_latency_ms or count == len(seen.mask):
                continue
            kept = np.int64(path - begin) % KEPT_PATHS
            words_on_path(plant, free, carriers, path, kept)
            rank = (path - begin) / (end - begin)
            at = OnPath(np.int64(path), kept, scratch.words[kept], band, rank, band_rank)
            count = list_formats(listing, at, np.int64(b), count)
    return count
