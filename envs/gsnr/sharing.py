"""What a block takes away from the paths that share a link with its own: the loss that QoT-aware MSCL weighs.

A channel of a path is worth the bit rate that it can have by the most efficient modulation whose threshold it
meets with margin, amid the noise of what is lit now; nothing if it is lit on one of the path's units, or too
noisy for every format. A block costs the sum of that over its channels and over the best paths of all node
pairs that share a unit with its own: the capacity, in feasible carriers, that the network loses. Contiguity
is not counted, nor what the block's noise takes from other channels: that is the feature ``gsnr_reserve``.

The criterion is that of Barry and Subramaniam ("The MAX SUM wavelength assignment algorithm for WDM ring
networks", OFC 1997), each wavelength weighed by what it can carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from envs.compiled import inlined
from envs.gsnr.arrays import QotArrays

if TYPE_CHECKING:
    from envs.blueprint import Blueprint

TOO_MUCH = np.int64(1) << np.int64(56)  # noise of a channel that is lit: more than any carrier bears
CARRIER_GBPS = 100.0  # the feature's unit: this bit rate on the paths of all node pairs


def with_sharing(qot: QotArrays, blueprint: Blueprint) -> QotArrays:
    """The arrays with the best paths on each unit; paths over the same units count once, weighed."""
    table, path_units = blueprint.table, blueprint.path_units
    first_path, path_hops = table.first_path, table.path_hops
    kept: dict[tuple[int, ...], int] = {}
    alike = np.zeros(len(path_hops), np.int64)
    on_unit: list[list[int]] = [[] for _ in range(blueprint.num_units)]
    best = first_path[:-1][np.diff(first_path) > 0]
    for path in best.tolist():
        units = tuple(sorted(path_units[path, : path_hops[path]].tolist()))
        if units not in kept:
            kept[units] = path
            for unit in units:
                on_unit[unit].append(path)
        alike[kept[units]] += 1
    return qot._replace(
        first_on_unit=np.cumsum([0, *map(len, on_unit)]).astype(np.int32),
        path_on_unit=np.array([path for row in on_unit for path in row], np.int32),
        value=np.outer(alike, qot.channel_gbps) / (len(best) * CARRIER_GBPS),
    )


@inlined
def gather_sharing(qot, scratch, units):
    """Write the paths that share one of some units into ``scratch.near``; returns how many."""
    first_on_unit, path_on_unit = qot.first_on_unit, qot.path_on_unit
    gathered, near = scratch.gathered, scratch.near
    gathered[len(gathered) - 1] += 1
    now = gathered[len(gathered) - 1]
    count = np.int64(0)
    for h in range(len(units)):
        unit = units[h]
        for index in range(first_on_unit[unit], first_on_unit[unit + 1]):
            other = path_on_unit[index]
            if gathered[other] != now:
                gathered[other] = now
                near[count] = other
                count += 1
    return count


@inlined
def refresh_amid(qot, carriers, n, channel):
    """Bring a channel's row of ``amid`` up to date; once for each request."""
    own, owner, xpm, amid = qot.own_of_channel, carriers.owner[n], carriers.xpm[n], carriers.sharing.amid
    dark = own.shape[0] * own.shape[1]
    for unit in range(own.shape[0]):
        is_dark = owner[unit, channel] == dark
        amid[channel, unit] = own[unit, channel] + xpm[unit, channel] if is_dark else TOO_MUCH


@inlined
def carrier_loss(qot, paths, carriers, n, count, first, width):
    """What a block of channels costs the first ``count`` paths of ``carriers.sharing.near``, as a feature."""
    most_noise, value = qot.most_by_modulation, qot.value
    path_units, path_hops, scratch = paths.units, paths.hops, carriers.sharing
    near, amid, amid_of, loss, loss_of = (
        scratch.near,
        scratch.amid,
        scratch.amid_of,
        scratch.loss,
        scratch.loss_of,
    )
    request = carriers.fresh[len(carriers.fresh) - 1]  # tells this request from those before
    now = scratch.gathered[len(scratch.gathered) - 1]
    most = most_noise[len(most_noise) - 1]
    total = 0.0
    for channel in range(first, first + width):
        if amid_of[channel] != request:
            amid_of[channel] = request
            refresh_amid(qot, carriers, n, channel)
        if loss_of[channel] != now:
            loss_of[channel] = now
            lost = 0.0
            for index in range(count):
                path = near[index]
                noise = np.int64(0)
                for h in range(path_hops[path]):
                    noise += amid[channel, path_units[path, h]]
                if noise <= most:
                    f = 0
                    for too_efficient in range(len(most_noise) - 1):
                        f += noise > most_noise[too_efficient]
                    lost += value[path, f]
            loss[channel] = lost
        total += loss[channel]
    return total
