"""GSNR of lightpaths, added up anew from what is lit: the check on who keeps it up to date step by step.

The noise tables of the links are the twin's; the sums are not. Not here: what a format needs
(``capacity.py``), who asks (``verify.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from controlplane.controller.capacity import Quality
from controlplane.controller.network import PlantView, Unit
from controlplane.lightpath import Lightpath
from controlplane.tapi.path_body import hops_of


def gsnr_on_route(
    path: Lightpath, standing: Sequence[Lightpath], plant: PlantView, quality: Quality
) -> list[tuple[Lightpath, float]]:
    """GSNR in dB of a path's worst carrier, and of every lightpath that it meets, if it were lit too.

    Args:
        path: to be set up; comes first in the answer.
        standing: every lightpath that is lit.
        plant: the network.
        quality: its quality of transmission.
    """
    units = {nodes: plant.units(nodes) for nodes in {item.nodes for item in (path, *standing)}}
    met = set(units[path.nodes])
    noise_of = _noise_of_units(
        {nodes: crossed for nodes, crossed in units.items() if not met.isdisjoint(crossed)},
        [(units[item.nodes], quality.channels(item)) for item in (path, *standing)],
        plant,
        quality,
    )
    noise: dict[tuple[str, ...], np.ndarray] = {}
    found = []
    for item in (path, *standing):
        if met.isdisjoint(units[item.nodes]):
            continue
        if item.nodes not in noise:
            own = np.full(quality.tables.comb.num_channels, quality.tables.transceiver_noise)
            noise[item.nodes] = sum((noise_of[unit] for unit in units[item.nodes]), own)
        worst = float(noise[item.nodes][quality.channels(item)].max())
        found.append((item, -10.0 * math.log10(worst)))
    return found


def _noise_of_units(
    routes: Mapping[tuple[str, ...], Sequence[Unit]],
    standing: Iterable[tuple[Sequence[Unit], slice]],
    plant: PlantView,
    quality: Quality,
) -> dict[Unit, np.ndarray]:
    """Noise over signal of each channel on each unit that a route crosses.

    Args:
        routes: with their units.
        standing: units and channels of every lightpath.
        plant: the network.
        quality: its quality of transmission.
    """
    hop_of = {
        unit: hop
        for nodes, crossed in routes.items()
        for unit, hop in zip(crossed, hops_of(nodes), strict=True)
    }
    arrays, num_channels = quality.tables.arrays, quality.tables.comb.num_channels
    lit = {unit: np.zeros(num_channels, bool) for unit in hop_of}
    for crossed, channels in standing:
        for unit in crossed:
            if unit in lit:
                lit[unit][channels] = True
    noise = {}
    for unit, hop in hop_of.items():
        link = plant.topology.link_index(*hop)
        cross = arrays.cross[arrays.kind[link]][lit[unit]].sum(axis=0, dtype=np.float64)
        noise[unit] = arrays.own[link] + cross
    return noise
