"""What the parts of a plant are made from: the network with its paths, and how much room states need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.modulation import ModulationFormat
from topologies.grid import SpectrumBand
from topologies.model import Topology
from topologies.paths import PathTable

if TYPE_CHECKING:
    from envs.gsnr.arrays import QotArrays
    from envs.spec import PlantSpec


@dataclass(frozen=True)
class Grid:
    """The slots of a spectrum unit, and the formats that fill them."""

    bands: tuple[SpectrumBand, ...]  # in order of frequency; together they are the slots of a unit
    formats: tuple[ModulationFormat, ...]  # from the most to the least efficient
    slots_per_channel: int = 1
    guard_slots: int = 0
    thresholds_db: tuple[float, ...] = ()  # GSNR that each format needs; empty where reach decides
    qot: QotArrays | None = None  # without the paths that share units; None where reach decides

    @property
    def num_slots(self) -> int:
        """Of a spectrum unit."""
        return self.bands[-1].end_slot


@dataclass(frozen=True)
class Blueprint:
    """A plant before its parts."""

    topology: Topology
    spec: PlantSpec
    grid: Grid
    table: PathTable
    unit_of_link: np.ndarray  # (num_links,) int32
    path_units: np.ndarray  # (num_paths, max_hops) int32
    path_format: np.ndarray  # (num_paths,) int32
    slots_per_gbps: np.ndarray  # (num_formats,) float64

    @property
    def num_units(self) -> int:
        """Rows of spectrum."""
        return int(self.unit_of_link.max()) + 1


class Room(NamedTuple):
    """How much of what the states of a plant's networks have to hold."""

    num_networks: int
    num_units: int
    num_slots: int
    num_words: int
    num_lightpaths: int  # that can be active at once in one network
