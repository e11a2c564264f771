"""What a block takes away from the paths that share a link with its own: the loss that QoT-aware MSCL weighs.

A channel of a path is worth the bit rate of the most efficient format whose threshold it meets with margin,
amid the noise of what is lit now; nothing if it is lit on one of the path's units, or too noisy for every
format. A block costs the sum of that over its channels and over the best paths of all node pairs that share a
unit with its own: the capacity, in feasible carriers, that the network loses. Contiguity is not counted, nor
what the block's noise takes from other channels: that is the feature ``gsnr_reserve``.

The criterion is that of Barry and Subramaniam ("The MAX SUM wavelength assignment algorithm for WDM ring
networks", OFC 1997), each wavelength weighed by what it can carry.
"""

from __future__ import annotations

import numpy as np

from envs.compiled import inlined
from envs.gsnr.carriers import LitArrays

TOO_MUCH = np.int64(1) << np.int64(56)  # noise of a channel that is lit: more than any carrier bears
CARRIER_GBPS = 100.0  # the feature's unit: this bit rate on the paths of all node pairs


def with_sharing(
    lit: LitArrays, first_path: np.ndarray, path_units: np.ndarray, path_hops: np.ndarray, num_units: int
) -> LitArrays:
    """The arrays with the best paths on each unit; paths over the same units count once, with their number.

    Args:
        lit: of the plant.
        first_path: (num_nodes**2 + 1,) of the path table.
        path_units: (num_paths, max_hops) int32.
        path_hops: (num_paths,) int32.
        num_units: spectrum units.
    """
    kept: dict[tuple[int, ...], int] = {}
    alike = np.zeros(len(path_hops), np.int64)
    on_unit: list[list[int]] = [[] for _ in range(num_units)]
    best = first_path[:-1][np.diff(first_path) > 0]
    for path in best.tolist():
        units = tuple(sorted(path_units[path, : path_hops[path]].tolist()))
        if units not in kept:
            kept[units] = path
            for unit in units:
                on_unit[unit].append(path)
        alike[kept[units]] += 1
    return lit._replace(
        first_on_unit=np.cumsum([0, *map(len, on_unit)]).astype(np.int32),
        path_on_unit=np.array([path for row in on_unit for path in row], np.int32),
        value=np.outer(alike, lit.carrier_gbps) / (len(best) * CARRIER_GBPS),
    )


@inlined
def gather_sharing(lit, scratch, path_units, path, hops):
    """Write the paths that share a unit with ``path`` into ``scratch.near``; returns how many."""
    first_on_unit, path_on_unit = lit.first_on_unit, lit.path_on_unit
    gathered, near = scratch.gathered, scratch.near
    gathered[len(gathered) - 1] += 1
    now = gathered[len(gathered) - 1]
    count = 0
    for h in range(hops):
        unit = path_units[path, h]
        for index in range(first_on_unit[unit], first_on_unit[unit + 1]):
            other = path_on_unit[index]
            if gathered[other] != now:
                gathered[other] = now
                near[count] = other
                count += 1
    return count


@inlined
def carrier_loss(lit, scratch, owner, xpm, request, path_units, path_hops, count, first, width):
    """What a block of channels costs the first ``count`` paths of ``scratch.near``, as a feature.

    ``request`` is a number that tells this request from those before.
    """
    own, most_noise, value = lit.own, lit.most_noise, lit.value
    near, amid, amid_of, loss, loss_of = (
        scratch.near,
        scratch.amid,
        scratch.amid_of,
        scratch.loss,
        scratch.loss_of,
    )
    now = scratch.gathered[len(scratch.gathered) - 1]
    num_units = own.shape[0]
    dark = num_units * own.shape[1]
    most = most_noise[len(most_noise) - 1]
    total = 0.0
    for channel in range(first, first + width):
        if amid_of[channel] != request:
            amid_of[channel] = request
            for unit in range(num_units):
                is_dark = owner[unit, channel] == dark
                amid[channel, unit] = own[unit, channel] + xpm[unit, channel] if is_dark else TOO_MUCH
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
