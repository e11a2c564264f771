"""What a block takes away from the paths that share a link with its own: the loss that QoT-aware MSCL weighs.

A channel of a path is worth the bit rate of the most efficient format whose threshold it meets with margin,
amid the noise of what is lit now; nothing if it is lit on one of the path's units, or too noisy for every
format. A block costs the sum of that over its channels and over all paths of the table that share a unit with
its own: the capacity, in feasible carriers, that the network loses. Contiguity is not counted.

The criterion is that of Barry and Subramaniam ("The MAX SUM wavelength assignment algorithm for WDM ring
networks", OFC 1997), each wavelength weighed by what it can carry.
"""

from __future__ import annotations

import numpy as np

from envs.compiled import inlined
from envs.gsnr.carriers import LitArrays

CARRIER_GBPS = 100.0  # the feature's unit: bit rate over all paths of the network, times this


def with_sharing(lit: LitArrays, path_units: np.ndarray, path_hops: np.ndarray, num_units: int) -> LitArrays:
    """The arrays with the paths on each unit; paths over the same units count once, with their number.

    Args:
        lit: of the plant.
        path_units: (num_paths, max_hops) int32.
        path_hops: (num_paths,) int32.
        num_units: spectrum units.
    """
    kept: dict[tuple[int, ...], int] = {}
    alike = np.zeros(len(path_hops), np.int64)
    on_unit: list[list[int]] = [[] for _ in range(num_units)]
    for path, hops in enumerate(path_hops):
        units = tuple(sorted(path_units[path, :hops].tolist()))
        if units not in kept:
            kept[units] = path
            for unit in units:
                on_unit[unit].append(path)
        alike[kept[units]] += 1
    return lit._replace(
        first_on_unit=np.cumsum([0, *map(len, on_unit)]).astype(np.int32),
        path_on_unit=np.array([path for row in on_unit for path in row], np.int32),
        value=np.outer(alike, lit.carrier_gbps) / (len(path_hops) * CARRIER_GBPS),
    )


@inlined
def gather_sharing(first_on_unit, path_on_unit, path_units, path, hops, stamps, near):
    """Write the paths that share a unit with ``path`` into ``near``; returns how many.

    ``stamps`` (num_paths + 1,) int64 is scratch: who was gathered when; its last entry is the clock.
    """
    stamps[len(stamps) - 1] += 1
    now = stamps[len(stamps) - 1]
    count = 0
    for h in range(hops):
        unit = path_units[path, h]
        for index in range(first_on_unit[unit], first_on_unit[unit + 1]):
            other = path_on_unit[index]
            if stamps[other] != now:
                stamps[other] = now
                near[count] = other
                count += 1
    return count


@inlined
def carrier_loss(own, owner, xpm, most_noise, value, path_units, path_hops, near, count, first, width):
    """What a block of channels costs the first ``count`` paths of ``near``, as a feature."""
    dark = own.shape[0] * own.shape[1]
    loss = 0.0
    for index in range(count):
        path = near[index]
        hops = path_hops[path]
        for channel in range(first, first + width):
            noise = np.int64(0)
            h = 0
            while h < hops and owner[path_units[path, h], channel] == dark:
                unit = path_units[path, h]
                noise += own[unit, channel] + xpm[unit, channel]
                h += 1
            if h == hops:
                for f in range(len(most_noise)):
                    if noise <= most_noise[f]:
                        loss += value[path, f]
                        break
    return loss
