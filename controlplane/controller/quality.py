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
from envs.gsnr.rates import met_by_carriers


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
    meeting = [
        (item, *quality.carriers(item)) for item in (path, *standing) if not met.isdisjoint(units[item.nodes])
    ]
    noise_of = _noise_of_units(
        {(item.nodes, rate): units[item.nodes] for item, rate, _ in meeting},
        [(units[item.nodes], quality.cells(item)) for item in (path, *standing)],
        plant,
        quality,
    )
    noise: dict[tuple[tuple[str, ...], int], np.ndarray] = {}
    found = []
    for item, rate, begins in meeting:
        if (item.nodes, rate) not in noise:
            own = np.full(quality.tables.comb.num_channels, quality.tables.transceiver_noise)
            noise[item.nodes, rate] = sum((noise_of[unit, rate] for unit in units[item.nodes]), own)
        worst = float(noise[item.nodes, rate][begins].max())
        found.append((item, -10.0 * math.log10(worst)))
    return found


def _noise_of_units(
    routes: Mapping[tuple[tuple[str, ...], int], Sequence[Unit]],
    standing: Iterable[tuple[Sequence[Unit], slice]],
    plant: PlantView,
    quality: Quality,
) -> dict[tuple[Unit, int], np.ndarray]:
    """Noise over signal of the carrier that begins in each cell, by unit and symbol rate.

    Args:
        routes: nodes and the row of a symbol rate, with their units.
        standing: units and cells of every lightpath.
        plant: the network.
        quality: its quality of transmission.
    """
    hop_of = {
        (unit, rate): hop
        for (nodes, rate), crossed in routes.items()
        for unit, hop in zip(crossed, hops_of(nodes), strict=True)
    }
    tables = quality.tables
    lit = {unit: np.zeros(tables.comb.num_channels, bool) for unit, _ in hop_of}
    for crossed, cells in standing:
        for unit in crossed:
            if unit in lit:
                lit[unit][cells] = True
    noise = {}
    for (unit, rate), hop in hop_of.items():
        link = plant.topology.link_index(*hop)
        cross = tables.arrays.cross[tables.arrays.kind[link]]
        noise[unit, rate] = tables.arrays.own[link, rate] + met_by_carriers(
            tables.comb, tables.rates[rate], cross, lit[unit]
        )
    return noise
