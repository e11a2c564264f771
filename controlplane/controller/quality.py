"""GSNR of lightpaths, added up anew from what is lit: the check on who keeps it up to date step by step.

The noise tables of the links are the twin's; the sums are not. Not here: what a format needs for how many
bits (``capacity.py``), who asks (``verify.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from controlplane.tapi.path_body import ComputedPath, hops_of
from envs.gsnr.formats import GsnrFormat
from envs.gsnr.link_tables import LinkTables

if TYPE_CHECKING:
    from controlplane.controller.network import PlantView

TOLERANCE_DB = 0.001  # by which two computations of one GSNR may differ


@dataclass(frozen=True)
class Quality:
    """What lightpaths need and what disturbs them, in a plant with quality of transmission.

    Attributes:
        formats: by name.
        margin_db: how far above its format's threshold a lightpath must stay.
        channel_slots: slots of a channel, channels counted through over the bands.
        tables: noise of each link.
    """

    formats: Mapping[str, GsnrFormat]
    margin_db: float
    channel_slots: int
    tables: LinkTables

    def margin_of(self, path: ComputedPath, gsnr_db: float) -> float:
        """How far a GSNR lies above the threshold of a path's format, in dB."""
        return gsnr_db - self.formats[path.modulation_format].threshold_db

    def is_enough(self, path: ComputedPath, gsnr_db: float) -> bool:
        """Whether a path may have a GSNR."""
        return self.margin_of(path, gsnr_db) >= self.margin_db - TOLERANCE_DB

    def channels(self, path: ComputedPath) -> slice:
        """The channels that a path lights."""
        first = path.first_slot // self.channel_slots
        return slice(first, first + path.num_slots // self.channel_slots)


def gsnr_on_route(
    path: ComputedPath, standing: Sequence[ComputedPath], plant: PlantView, quality: Quality
) -> list[tuple[ComputedPath, float]]:
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
