"""The candidates of a request where quality of transmission decides, and what they look like.

Bands in the order of filling (C, L, S); in a band the K paths in the table's order; on a path the formats
that carry the bit rate, fewest channels first and of equals the most robust, at most ``formats_per_path`` of
those that work; for each the left edges of the dark runs, in ascending order, then the highest block. So the
first candidate is that of KSP-FF over bands with the best modulation.

A candidate is feasible if all its carriers meet their format's threshold with margin, and every lit carrier
on its units keeps its own. Only feasible ones are listed.
"""

from __future__ import annotations

import numpy as np

from envs.bits import block_mask, next_clear, next_set, population
from envs.compiled import inlined, kernel
from envs.describe import (
    describe_block,
    describe_edges,
    describe_path,
    describe_route,
    describe_size,
    path_words,
    runs_on_path,
)
from envs.features import COLUMN
from envs.gsnr.carriers import block_noise, fullest_share, refresh_shares
from envs.gsnr.sharing import carrier_loss, gather_sharing

LARGEST_DB = 20.0  # of the features margin and reserve
TRIES_PER_FORMAT = 3  # blocks of one format on one path that may fail before the next format is looked at


@inlined
def width_of(carrier_gbps, bit_rate_gbps):
    """Channels side by side that carry a bit rate."""
    return np.int64(np.ceil(np.float64(bit_rate_gbps) / carrier_gbps - 1e-9))


@inlined
def positions_in(words, low, high, size, step):
    """Starting positions of a block of ``size`` slots in a band, one every ``step`` slots."""
    positions = 0
    start = next_set(words, low)
    while 0 <= start < high:
        end = min(next_clear(words, start), high)
        positions += max((end - start - size) // step + 1, 0)
        start = next_set(words, end)
    return positions


@kernel
def list_lit(
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
):
    """List the feasible candidates of one request into row ``n``; returns how many.

    Arguments as of ``envs.candidates.observe_request``; ``row`` (F,) float32 is scratch and begins at zero.
    """
    lit = plant.lit
    own, cross, kind, step = lit.own, lit.cross, lit.kind, lit.slots_per_channel
    band_first, band_end, carrier_gbps, most_noise = (
        lit.band_first,
        lit.band_end,
        lit.carrier_gbps,
        lit.most_noise,
    )
    unavoidable = lit.transceiver_noise * lit.scale
    owner, xpm = carriers.owner[n], carriers.xpm[n]
    share, one_over_limit_of, added = carriers.share, carriers.one_over_limit_of, carriers.added
    carriers.fresh[len(carriers.fresh) - 1] += 1
    request = carriers.fresh[len(carriers.fresh) - 1]
    scratch = carriers.sharing
    path_units, path_hops, path_latency_ms = plant.path_units, plant.path_hops, plant.path_latency_ms
    bits_per_symbol, num_slots_all = plant.bits_per_symbol, plant.num_slots
    begin, end = plant.first_path[pair], plant.first_path[pair + 1]
    size = candidates.path.shape[1]
    count = 0
    for b in range(len(band_first)):
        low, high = band_first[b] * step, band_end[b] * step
        for path in range(begin, end):
            if path_latency_ms[path] > max_latency_ms or count == size:
                continue
            hops = path_hops[path]
            path_words(free, path_units, path, hops, words)
            described = False
            sharing = 0
            working = 0
            for f in range(len(carrier_gbps)):
                width = width_of(carrier_gbps[f], bit_rate_gbps)
                # Of formats that need the same channels the most robust one, which comes last.
                if f + 1 < len(carrier_gbps) and width_of(carrier_gbps[f + 1], bit_rate_gbps) == width:
                    continue
                if working == plant.formats_per_path or count == size or width > band_end[b] - band_first[b]:
                    break
                num_slots = width * step
                most = most_noise[f]
                found = 0
                failed = 0
                last = -1
                start = next_set(words, low)
                run_start, run_end = -1, -1
                while 0 <= start < high:
                    stop = min(next_clear(words, start), high)
                    if stop - start >= num_slots:
                        run_start, run_end = start, stop
                    start = next_set(words, stop)
                highest = run_end - num_slots if run_start >= 0 else -1
                start = next_set(words, low)
                positions = 0
                while 0 <= start < high or last < highest:
                    if (
                        0 <= start < high
                        and found < max(plant.starts_per_path - 1, 1)
                        and failed < TRIES_PER_FORMAT
                    ):
                        stop = min(next_clear(words, start), high)
                        at, run_first, run_stop = start, start, stop
                        start = next_set(words, stop)
                    elif last < highest and found < plant.starts_per_path and failed <= TRIES_PER_FORMAT:
                        at, run_first, run_stop = highest, run_start, run_end
                        start = -1
                    else:
                        break
                    if run_stop - run_first < num_slots:
                        continue
                    last = at
                    if count == size:
                        break
                    first = at // step
                    worst = block_noise(own, cross, kind, xpm, path_units, path, hops, first, width)
                    fullest = np.float32(2.0)
                    if worst <= most:
                        refresh_shares(carriers, n, path_units, path, hops)
                        fullest = fullest_share(
                            cross,
                            kind,
                            owner,
                            share,
                            one_over_limit_of,
                            added,
                            path_units,
                            path,
                            hops,
                            first,
                            width,
                        )
                    if fullest > 1.0:
                        failed += 1
                        continue
                    if not described:
                        described = True
                        describe_route(
                            path,
                            begin,
                            end,
                            hops,
                            least_hops,
                            path_latency_ms[path],
                            least_ms,
                            max_latency_ms,
                            row,
                        )
                        runs, longest = runs_on_path(words)
                        describe_path(free, path_units, path, hops, words, runs, longest, num_slots_all, row)
                        dark = 0
                        for word in range(low >> 6, ((high - 1) >> 6) + 1):
                            of_band = block_mask(low, high - low, word)
                            for h in range(hops):
                                dark += population(free[path_units[path, h], word] & of_band)
                        sharing = gather_sharing(lit, scratch, path_units, path, hops)
                        row[COLUMN.band_rank] = b / len(band_first)
                        row[COLUMN.band_load] = 1.0 - dark / (hops * (high - low))
                    if found == 0:
                        positions = positions_in(words, low, high, num_slots, step)
                        describe_size(hops, num_slots, least_spend, bits_per_symbol[f], row)
                    found += 1
                    describe_block(
                        run_first, run_stop - run_first, at, num_slots, low, high, positions, step, row
                    )
                    describe_edges(free, path_units, path, hops, at, num_slots, low, high, row)
                    margin_db = 10.0 * np.log10((most + unavoidable) / (worst + unavoidable))
                    reserve_db = LARGEST_DB
                    if fullest > 0.0:
                        reserve_db = min(-10.0 * np.log10(fullest), LARGEST_DB)
                    row[COLUMN.gsnr_margin] = min(margin_db, LARGEST_DB) / 10.0
                    row[COLUMN.gsnr_reserve] = reserve_db / 10.0
                    row[COLUMN.carrier_loss] = carrier_loss(
                        lit, scratch, owner, xpm, request, path_units, path_hops, sharing, first, width
                    )
                    candidates.path[n, count] = path
                    candidates.first_slot[n, count] = at
                    candidates.num_slots[n, count] = num_slots
                    candidates.run_start[n, count] = run_first
                    candidates.run_length[n, count] = run_stop - run_first
                    candidates.format[n, count] = f
                    candidates.margin_10db[n, count] = row[COLUMN.gsnr_margin]
                    candidates.noise[n, count] = worst / lit.scale + lit.transceiver_noise
                    for column in range(len(row)):
                        features[count, column] = row[column]
                    mask[count] = True
                    count += 1
                working += found > 0
    return count
