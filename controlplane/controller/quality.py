"""GSNR of lightpaths, added up anew from what is lit: the check on who keeps it up to date step by step.

The noise tables of the links are the twin's; the sums are not. Not here: what a format needs
(``capacity.py``), who asks (``verify.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from controlplane.controller.capacity import Quality
from controlplane.controller.network import PlantView
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
    lit: dict[tuple[str, str], np.ndarray] = {}
    for item in (path, *standing):
        for unit in plant.units(item.nodes):
            row = lit.setdefault(unit, np.zeros(quality.tables.comb.num_channels, bool))
            row[quality.channels(item)] = True
    met = set(plant.units(path.nodes))
    concerned = [path, *(item for item in standing if not met.isdisjoint(plant.units(item.nodes)))]
    noise_of: dict[tuple[str, str], np.ndarray] = {}
    found = []
    for item in concerned:
        channels = quality.channels(item)
        noise = np.full(channels.stop - channels.start, quality.tables.transceiver_noise)
        for unit, hop in zip(plant.units(item.nodes), hops_of(item.nodes), strict=True):
            if unit not in noise_of:
                link = plant.topology.link_index(*hop)
                arrays = quality.tables.arrays
                cross = arrays.cross[arrays.kind[link]][lit[unit]].sum(axis=0, dtype=np.float64)
                noise_of[unit] = arrays.own[link] + cross
            noise += noise_of[unit][channels]
        found.append((item, -10.0 * math.log10(float(np.max(noise)))))
    return found
