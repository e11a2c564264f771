"""The noise of every lit channel of a network, kept up to date one block at a time.

A *carrier* is lit on one channel or, at higher symbol rates, on several side by side, on the units of a path.
Lighting it adds one row of the cross table for each to each unit of its path: O(hops x channels), whatever
else is lit. Noise is counted in whole numbers
(``QotArrays.scale`` to one), so the order in which lightpaths come and go leaves no trace: a network
rebuilt from a list shows the same bits as the one that lived through it.

A carrier is named by the first unit of its path and its lowest channel. What is put out is read off the free
slots: ``follow`` compares them with those it saw last. Which block to light: ``listing.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.bits import bits_as_float, block_mask, float_as_bits, trailing_zeros
from envs.compiled import inlined, kernel
from envs.gsnr.arrays import QotArrays

if TYPE_CHECKING:
    from envs.blueprint import Room

SEGMENT = 16  # channels side by side of which the worst is known
ROUNDED_UP = 1.0 + 1e-5  # more than 32-bit floating point can be off by
KEPT_PATHS = 8  # of a request, whose description is kept from one band to the next


class PathScratch(NamedTuple):
    """What is free on the paths of a request: see ``listing.py``."""

    path: np.ndarray  # (KEPT_PATHS,) int64 that a row is of
    request: np.ndarray  # (KEPT_PATHS, 2) int64 that words, and figures, are of
    words: np.ndarray  # (KEPT_PATHS, num_words) uint64 slots free on all units of the path
    figures: np.ndarray  # (KEPT_PATHS, 5) float32, those of ``describe_path``


class SharingScratch(NamedTuple):
    """Of ``sharing.py``."""

    gathered: np.ndarray  # (num_paths + 1,) int64: when a path was last gathered; last: now
    near: np.ndarray  # (num_paths,) int32 paths gathered
    amid: np.ndarray  # (num_channels, num_units) int64 noise that the channel would have on a unit
    amid_of: np.ndarray  # (num_channels,) int64 the request that its row of ``amid`` is of
    loss: np.ndarray  # (num_channels,) float64
    loss_of: np.ndarray  # (num_channels,) int64 the gathering that ``loss`` is of


class CarrierStates(NamedTuple):
    """What is lit in N networks; from ``share`` on it is scratch that all share."""

    owner: np.ndarray  # (N, num_units, num_channels) int32 carrier; the last of all where dark
    xpm: np.ndarray  # (N, num_units, num_channels) int32 XPM that a channel has or would have
    noise: np.ndarray  # (N, num_units * num_channels + 1) int64 of a lit carrier, transceivers left out
    one_over_limit: np.ndarray  # same shape, float64, 1 / the most ``noise`` it bears; 0 of the last
    seen: np.ndarray  # (N, num_units, num_words) uint64 free slots when last followed
    share: np.ndarray  # (num_units, num_channels) float32 noise over limit of what is lit, else 0
    one_over_limit_of: np.ndarray  # (num_units, num_channels) float32, 0 where dark
    fresh: np.ndarray  # (num_units + 1,) int64: the request each row of the two is of; last: the request now
    share_most: np.ndarray  # (num_units, num_segments) float32, the largest of ``share``
    share_top: np.ndarray  # (num_units,) float32, the largest of ``share_most``
    limit_most: np.ndarray  # (num_units, num_segments) float32, the largest of ``one_over_limit_of``
    added: np.ndarray  # (num_units + 1, num_channels) float32
    added_most: np.ndarray  # (num_segments,) float64, what a block adds to any of its channels at the most
    at_most: np.ndarray  # (num_segments,) float64
    sharing: SharingScratch
    on_path: PathScratch


def dark_carriers(qot: QotArrays, room: Room) -> CarrierStates:
    """N networks with nothing lit; ``clear_carriers`` each before use. Without channels, nearly no memory."""
    num_channels, num_paths, num_networks = qot.num_channels, len(qot.value), room.num_networks
    units = room.num_units if num_channels else 0
    shape = (num_networks, units, num_channels)
    flat, segments = (num_networks, units * num_channels + 1), (units, segments_of(num_channels))
    return CarrierStates(
        owner=np.full(shape, units * num_channels, np.int32),
        xpm=np.zeros(shape, np.int32),
        noise=np.zeros(flat, np.int64),
        one_over_limit=np.zeros(flat),
        seen=np.zeros((num_networks, units, room.num_words), np.uint64),
        share=np.zeros(shape[1:], np.float32),
        one_over_limit_of=np.zeros(shape[1:], np.float32),
        fresh=np.zeros(room.num_units + 1, np.int64),
        share_most=np.zeros(segments, np.float32),
        share_top=np.zeros(units, np.float32),
        limit_most=np.zeros(segments, np.float32),
        added=np.zeros((units + 1, num_channels), np.float32),
        added_most=np.zeros(segments[1]),
        at_most=np.zeros(segments[1]),
        sharing=SharingScratch(
            gathered=np.zeros(num_paths + 1, np.int64),
            near=np.zeros(num_paths, np.int32),
            amid=np.zeros((num_channels, units), np.int64),
            amid_of=np.zeros(num_channels, np.int64),
            loss=np.zeros(num_channels),
            loss_of=np.zeros(num_channels, np.int64),
        ),
        on_path=PathScratch(
            path=np.zeros(KEPT_PATHS, np.int64),
            request=np.zeros((KEPT_PATHS, 2), np.int64),
            words=np.zeros((KEPT_PATHS, room.num_words), np.uint64),
            figures=np.zeros((KEPT_PATHS, 5), np.float32),
        ),
    )


def segments_of(num_channels: int) -> int:
    """Segments of so many channels; the last may be shorter."""
    return -(-num_channels // SEGMENT)


def clear_carriers(carriers: CarrierStates, full: np.ndarray, network: int) -> None:
    """Put everything of one network out; ``full`` (num_words,) is a unit with every slot free."""
    carriers.owner[network] = carriers.noise.shape[1] - 1
    carriers.xpm[network] = 0
    carriers.seen[network] = full


@inlined
def noise_at(own, xpm, units, channel):
    """Noise that a carrier of this channel would have on the units of a path, among what is lit."""
    noise = np.int64(0)
    for h in range(len(units)):
        noise += own[units[h], channel] + xpm[units[h], channel]
    return noise


@inlined
def shift_noise(cross_row, owner_row, xpm_row, noise, sign):
    """Add (``sign`` 1) or take off (-1) what one channel of a unit does to all the others."""
    for i in range(len(xpm_row)):
        xpm_row[i] += sign * cross_row[i]
    for i in range(len(xpm_row)):  # what is dark adds to the last entry, which nobody reads: no branch
        noise[np.uint32(owner_row[i])] += sign * cross_row[i]


@inlined
def light_block(qot, carriers, n, block, format_row):
    """Light the channels of a block of network ``n``; its neighbours' noise grows."""
    own, cross, kind, step = qot.own[qot.rate[format_row]], qot.cross, qot.kind, qot.slots_per_channel
    units, first_slot, num_slots, hops = block.units, block.first_slot, block.num_slots, len(block.units)
    wide, first = qot.carrier_channels[format_row], first_slot // step
    owner, xpm, noise = carriers.owner[n], carriers.xpm[n], carriers.noise[n]
    one_over_limit = carriers.one_over_limit[n]
    seen = carriers.seen[n]
    first_unit = np.int64(units[0])
    for channel in range(first, first + num_slots // step):
        above = (channel - first) % wide
        carrier = first_unit * qot.num_channels + channel - above
        if above == 0:
            noise[carrier] = noise_at(own, xpm, units, channel)
            one_over_limit[carrier] = 1.0 / qot.most_noise[format_row]
        for h in range(hops):
            unit = units[h]
            if cross.shape[1] > 0:
                shift_noise(cross[kind[unit], channel], owner[unit], xpm[unit], noise, np.int32(1))
            owner[unit, channel] = carrier
    for word in range(first_slot >> 6, ((first_slot + num_slots - 1) >> 6) + 1):
        keep = ~block_mask(first_slot, num_slots, word)
        for h in range(hops):
            seen[units[h], word] &= keep


@inlined
def follow(qot, carriers, n, free):
    """Put out every carrier of network ``n`` whose slots have become free since the last look."""
    cross, kind, step = qot.cross, qot.kind, qot.slots_per_channel
    owner, xpm, noise, seen = carriers.owner[n], carriers.xpm[n], carriers.noise[n], carriers.seen[n]
    dark = len(noise) - 1
    for unit in range(seen.shape[0]):
        for word in range(seen.shape[1]):
            freed = free[unit, word] & ~seen[unit, word]
            seen[unit, word] = free[unit, word]
            while freed != 0:
                bit = trailing_zeros(freed)
                freed &= freed - np.uint64(1)
                slot = 64 * word + bit
                channel = slot // step
                if slot % step == 0 and owner[unit, channel] != dark:
                    owner[unit, channel] = dark
                    if cross.shape[1] > 0:
                        shift_noise(cross[kind[unit], channel], owner[unit], xpm[unit], noise, np.int32(-1))


@kernel
def follow_from_python(qot, carriers, n, free):
    """``follow``, callable from Python."""
    follow(qot, carriers, n, free)


@kernel
def light_from_python(qot, carriers, n, block, format_row):
    """``light_block``, callable from Python."""
    light_block(qot, carriers, n, block, format_row)


@inlined
def block_noise(qot, xpm, units, f, first, width):
    """The largest noise that a carrier of format ``f`` on ``width`` channels would have, all of them lit.

    Where that is more than the format bears, some number above what it bears.
    """
    own, cross, kind, most = qot.own[qot.rate[f]], qot.cross, qot.kind, qot.most_noise[f]
    largest = np.int64(0)
    for channel in range(first, first + width, qot.carrier_channels[f]):
        noise = noise_at(own, xpm, units, channel)
        for h in range(len(units) if cross.shape[1] > 0 and noise <= most else 0):
            row = kind[units[h]]
            for other in range(first, first + width):
                noise += cross[row, other, channel]
        largest = max(largest, noise)
        if largest > most:
            break
    return largest


@inlined
def refresh_shares(carriers, n, units):
    """Bring ``share`` of a path's units, and what is derived from it, up to date; once for each request."""
    owner, noise, one_over_limit = carriers.owner[n], carriers.noise[n], carriers.one_over_limit[n]
    share, one_over_limit_of, fresh = carriers.share, carriers.one_over_limit_of, carriers.fresh
    now = fresh[len(fresh) - 1]
    for h in range(len(units)):
        unit = units[h]
        if fresh[unit] != now:
            fresh[unit] = now
            for i in range(owner.shape[1]):
                other = np.uint32(owner[unit, i])
                one_over_limit_of[unit, i] = one_over_limit[other]
                share[unit, i] = noise[other] * one_over_limit[other]
            carriers.share_top[unit] = largest_of(share[unit], carriers.share_most[unit])
            largest_of(one_over_limit_of[unit], carriers.limit_most[unit])


@inlined
def largest_of(numbers, most):
    """Write the largest of each segment of numbers, none negative, into ``most``; returns that of all."""
    of_all = np.float32(0.0)
    for s in range(len(most)):
        segment, largest = numbers[s * SEGMENT : (s + 1) * SEGMENT], np.int32(0)  # bits, as below
        for i in range(len(segment)):
            largest = max(largest, float_as_bits(segment[i]))
        most[s] = bits_as_float(largest)
        of_all = max(of_all, most[s])
    return of_all


@inlined
def fullest_now(carriers, units):
    """Noise over limit of the worst-off carrier that is lit on a path; 0 where nothing is."""
    fullest = np.float32(0.0)
    for h in range(len(units)):
        fullest = max(fullest, carriers.share_top[units[h]])
    return fullest


@inlined
def fullest_share(qot, carriers, n, units, first, width):
    """Noise over limit of the worst-off lit carrier on a path if a block were lit; above 1: refused.

    0 where nothing is lit; the first segment with a refusal ends it. A carrier that crosses several of the
    units gets what each adds. ``refresh_shares`` comes first. Segments are looked at from the one where a
    carrier may become worst off; one where none can, even with the most that is added to any there, is not.
    """
    fullest = fullest_now(carriers, units)  # what is added only makes it larger
    if qot.cross.shape[1] == 0:  # the block adds nothing to anybody
        return fullest
    at_most = carriers.at_most
    bound_segments(qot, carriers, units, first, width)
    while fullest <= np.float32(1.0):
        s = 0
        for other in range(1, len(at_most)):
            if at_most[other] > at_most[s]:
                s = other
        if at_most[s] <= fullest:
            break
        at_most[s] = 0.0
        fullest = fullest_in_segment(qot, carriers, n, units, (first, width), s, fullest)
    return fullest


@inlined
def bound_segments(qot, carriers, units, first, width):
    """Write what ``fullest_share`` can be in each segment at the most into ``at_most``."""
    share_most, limit_most, at_most = carriers.share_most, carriers.limit_most, carriers.at_most
    added_most, num_segments = carriers.added_most, len(at_most)
    for s in range(num_segments):
        added_most[s] = at_most[s] = 0.0
    for h in range(len(units)):
        unit = units[h]
        rows = qot.cross_most[qot.kind[unit]]
        for channel in range(first, first + width):
            for s in range(num_segments):
                added_most[s] += rows[channel, s]
        for s in range(num_segments):  # with that of the units before: a carrier may cross them too
            of_unit = (share_most[unit, s] + added_most[s] * limit_most[unit, s]) * ROUNDED_UP
            at_most[s] = max(at_most[s], of_unit)


@inlined
def fullest_in_segment(qot, carriers, n, units, channels, s, so_far):
    """The larger of ``so_far`` and what ``fullest_share`` looks for in one segment of channels.

    ``channels`` is the first of the block and how many. Rows are cut out before segments of them: of what is
    cut from a table at once the compiler does not know that it lies side by side.
    """
    low, high, added = s * SEGMENT, (s + 1) * SEGMENT, carriers.added
    total = added[len(added) - 1][low:high]
    size = len(total)
    # No share is negative, and then the bits compare as the numbers do: a search for the largest that
    # vector instructions take, which for floating point they do not.
    fullest = float_as_bits(so_far)
    for h in range(len(units)):
        unit = units[h]
        of_unit, owner_here = added[h][low:high], carriers.owner[n][unit][low:high]
        add_up(qot.cross[qot.kind[unit]], channels[0], channels[1], low, of_unit)
        for i in range(size):
            total[i] = of_unit[i]
        for g in range(h):  # the last unit of a carrier sees all that it gets
            owner_there, more = carriers.owner[n][units[g]][low:high], added[g][low:high]
            for i in range(size):
                total[i] += more[i] if owner_there[i] == owner_here[i] else np.float32(0.0)
        share, one_over_limit = carriers.share[unit][low:high], carriers.one_over_limit_of[unit][low:high]
        for i in range(size):
            fullest = max(fullest, float_as_bits(share[i] + total[i] * one_over_limit[i]))
    return bits_as_float(fullest)


@inlined
def add_up(rows, first, width, low, added):
    """What ``width`` channels add together to those from ``low`` on, by their rows of ``cross``."""
    size = len(added)
    row = rows[first][low : low + size]
    if width == 1:
        for i in range(size):
            added[i] = np.float32(row[i])
        return
    beside = rows[first + 1][low : low + size]
    for i in range(size):
        # Their sum fits, and as the int64 that it would be it converts one by one.
        added[i] = np.float32(np.int32(row[i] + beside[i]))
    for channel in range(first + 2, first + width):
        further = rows[channel][low : low + size]
        for i in range(size):
            added[i] += np.float32(further[i])
