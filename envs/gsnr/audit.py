"""Lightpaths that stand with too much noise, counted from the noise added up anew: the check on the twin.

The noise tables are the twin's; which carriers are lit and what they do to each other is not taken from what
it keeps up to date, but from the list of lightpaths. The same from the closed form: ``full.py``.
"""

from __future__ import annotations

import numpy as np

from envs.plant import Plant
from envs.state import NetworkStates, active_lightpaths

ROUNDING = 2.0**-22  # of a share in 32-bit floating point (``carriers.fullest_share``): 1e-6 dB


def standing_noise(plant: Plant, states: NetworkStates, network: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of the worst carrier of each lightpath that stands, and the most that it may have.

    Returns:
        Two (num_active,) int64 in the order of ``active_lightpaths``, counted as ``QotArrays.scale`` says,
        transceivers left out. The limit holds the format's threshold and the plant's margin.
    """
    lit, units_of, hops_of = plant.arrays.parts.qot, plant.arrays.path_units, plant.arrays.path_hops
    owner, num_channels = states.parts.qot.owner[network], lit.num_channels
    standing = active_lightpaths(states, network)
    routes, blocks, wide = [], [], []
    is_lit = np.zeros((plant.num_units, lit.num_channels), np.int64)
    for row in standing:
        units = units_of[row["path"], : hops_of[row["path"]]].astype(np.int64)
        first = int(row["first_slot"]) // lit.slots_per_channel
        block = slice(first, first + int(row["num_slots"]) // lit.slots_per_channel)
        is_lit[units, block] = 1
        routes.append(units)
        blocks.append(block)
        wide.append(int((owner[units[0], block] == units[0] * num_channels + block.start).sum()))
    met = np.zeros((plant.num_units, num_channels), np.int64)
    for unit in range(plant.num_units if lit.cross.size else 0):
        met[unit] = is_lit[unit] @ lit.cross[lit.kind[unit]].astype(np.int64)
    # Symbol rates differ in the channels that they take.
    rate_of = dict(zip(lit.carrier_channels.tolist(), lit.rate.tolist(), strict=True))
    worst = [
        int((lit.own[rate_of[each], units, block] + met[units, block]).sum(axis=0)[::each].max())
        for units, block, each in zip(routes, blocks, wide, strict=True)
    ]
    one_over_limit = states.parts.qot.one_over_limit[network]
    limit = [
        round(1.0 / one_over_limit[int(units[0]) * lit.num_channels + block.start])
        for units, block in zip(routes, blocks, strict=True)
    ]
    return np.array(worst, np.int64), np.array(limit, np.int64)


def audit(plant: Plant, states: NetworkStates, flow: np.ndarray) -> None:
    """Add what stands now, and what of it is too noisy, to the counts of each network.

    Args:
        plant: with quality of transmission.
        states: of N networks.
        flow: (N,) ``counting.FLOW``.
    """
    for network in range(len(flow)):
        worst, limit = standing_noise(plant, states, network)
        flow["audited"][network] += len(worst)
        flow["too_noisy"][network] += int((worst > limit * (1 + ROUNDING)).sum())
