"""The plant as the kernels see it: topology, path table, formats and latencies as flat arrays.

A *spectrum unit* is what holds one row of slots: a directed link, or a fibre pair where both directions
share one spectrum. Not here: what is lit (``state.py``), who asks (``traffic.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from envs.after_state import AfterArrays, after_arrays, pair_shares
from envs.blueprint import Blueprint, Grid
from envs.departures.part import with_rests
from envs.detour_book import DetourBook
from envs.latency import LatencyModel, load_latency_model
from envs.modulation import ModulationFormat, modulation_table
from envs.parts import PartArrays, own_grid, part_arrays, power_model_of
from envs.slots import slots_needed_by
from envs.spec import PlantSpec
from topologies.grid import SpectrumBand, c_band
from topologies.kept_tables import path_table
from topologies.model import Topology
from topologies.paths import PathRule, PathTable

if TYPE_CHECKING:
    from envs.energy.model import PowerModel
    from envs.forecast import DemandForecast

WORD_BITS = 64


class PlantArrays(NamedTuple):
    """The plant for compiled code."""

    num_slots: int
    num_words: int
    guard_slots: int
    starts_per_path: int
    formats_per_path: int
    full: np.ndarray  # (num_words,) uint64, the bits of a unit with every slot free
    first_path: np.ndarray  # (num_nodes**2 + 1,) int32
    path_units: np.ndarray  # (num_paths, max_hops) int32 spectrum units
    path_hops: np.ndarray  # (num_paths,) int32
    path_latency_ms: np.ndarray  # (num_paths,) float32
    path_length_km: np.ndarray  # (num_paths,) float64
    path_format: np.ndarray  # (num_paths,) int32 index into the modulation table
    slots_per_gbps: np.ndarray  # (num_formats,) float64
    bits_per_symbol: np.ndarray  # (num_formats,) int32
    step: int  # slots from one starting position to the next: 1, or a channel
    parts: PartArrays
    after: AfterArrays


@dataclass(frozen=True)
class Plant:
    """A network ready to be simulated or operated.

    ``forecast`` is what its after-state columns are weighed by (None: every node pair alike), and says, where
    the plant looks at departures, how long lives of each class go on. ``detours`` knows the paths around what
    has failed.
    """

    topology: Topology
    spec: PlantSpec
    path_table: PathTable
    formats: tuple[ModulationFormat, ...]
    latency_model: LatencyModel
    arrays: PlantArrays = field(repr=False)
    unit_of_link: np.ndarray = field(repr=False)  # (num_links,) int32
    detours: DetourBook = field(repr=False, compare=False)
    bands: tuple[SpectrumBand, ...] = ()  # in order of frequency; together they are the slots of a unit
    thresholds_db: tuple[float, ...] = ()  # GSNR that each format needs; empty where reach decides
    power: PowerModel | None = None
    forecast: DemandForecast | None = field(default=None, repr=False)

    @property
    def num_units(self) -> int:
        """Rows of spectrum: directed links, or fibre pairs where they share."""
        return int(self.unit_of_link.max()) + 1

    @property
    def num_nodes(self) -> int:
        """Number of sites."""
        return self.topology.num_nodes

    def with_forecast(self, forecast: DemandForecast | None) -> Plant:
        """The same plant under another demand forecast, or under none; paths and formats are shared.

        Raises:
            ForecastError: it is of another network, other node pairs or other bit rates.
        """
        if forecast is self.forecast:
            return self
        if forecast is not None:
            forecast.demand_plant(self)
        after = self.arrays.after
        shares = pair_shares(self.spec, after.num_pairs, forecast)
        rests = forecast.rests if forecast and self.spec.departures_known else ()
        parts = self.arrays.parts
        parts = parts._replace(departures=with_rests(parts.departures, rests))
        arrays = self.arrays._replace(after=after._replace(shares=shares), parts=parts)
        return replace(self, arrays=arrays, forecast=forecast)

    def without_look_ahead(self) -> Plant:
        """The same plant where after-states are not looked at: their columns stay 0.

        For a policy to which they do not matter; they take three quarters of the time of an observation.
        """
        if not self.arrays.after.shortlist:
            return self
        return replace(self, arrays=self.arrays._replace(after=self.arrays.after._replace(shortlist=0)))

    def pair(self, source: int, destination: int) -> int:
        """Row of an ordered node pair in the path table."""
        return source * self.num_nodes + destination

    def units_of_nodes(self, nodes: Sequence[int]) -> tuple[int, ...]:
        """Spectrum units along a route given as node indices.

        Raises:
            TopologyError: two consecutive nodes are not neighbours.
        """
        names = self.topology.node_names
        hops = pairwise(nodes)
        return tuple(int(self.unit_of_link[self.topology.link_index(names[a], names[b])]) for a, b in hops)

    def num_slots_for(self, bit_rate_gbps: float, path: int) -> int:
        """Slots, guard included, that a bit rate takes on a path with its most efficient format."""
        per_gbps = float(self.arrays.slots_per_gbps[self.arrays.path_format[path]])
        num_slots = int(slots_needed_by(per_gbps, self.spec.guard_slots, bit_rate_gbps))
        return -(-num_slots // self.arrays.step) * self.arrays.step

    def least_latency_ms(self, source: int, destination: int) -> float:
        """Latency of the fastest path in the table."""
        return self.least_latency_of_row_ms(self.pair(source, destination))

    def least_latency_of_row_ms(self, row: int) -> float:
        """Latency of the fastest path in a row of the table."""
        paths = self.path_table.paths_of_row(row)
        return float(self.arrays.path_latency_ms[paths.start : paths.stop].min())

    def least_slots(self) -> int:
        """Smallest block that any request of positive rate can take."""
        return max(1 + self.spec.guard_slots, self.arrays.step)


def build_plant(
    topology: Topology, spec: PlantSpec | None = None, latency_model: LatencyModel | None = None
) -> Plant:
    """A plant from a topology.

    Without bands each path uses the most efficient format that reaches its length (the RSA rule of the
    DeepRMSA family); with bands the format is part of the choice.

    Raises:
        PlantError: an unknown modulation table.
        GsnrError: see ``gsnr/qot_plant.py``.
        PowerModelError: a power model that cannot be read.
        TopologyError: ``k_paths`` below 1.
    """
    spec = spec or PlantSpec()
    latency_model = latency_model or load_latency_model()
    links = np.arange(topology.num_links, dtype=np.int32)
    unit_of_link = links // 2 if spec.shared_spectrum else links
    grid = own_grid(topology, unit_of_link, spec) or Grid(
        (c_band(spec.num_slots),), modulation_table(spec.modulation), guard_slots=spec.guard_slots
    )
    spec = replace(spec, num_slots=grid.num_slots, guard_slots=grid.guard_slots)
    reach = tuple((item.reach_km, item.bits_per_symbol) for item in grid.formats)
    table = path_table(topology, PathRule(spec.k_paths, spec.path_order, spec.path_ties, reach))
    length_km = table.path_length_km
    blueprint = Blueprint(
        topology=topology,
        spec=spec,
        grid=grid,
        table=table,
        unit_of_link=unit_of_link,
        path_units=np.where(table.path_links >= 0, unit_of_link[table.path_links], -1).astype(np.int32),
        path_format=np.array(
            [next(i for i, item in enumerate(grid.formats) if km <= item.reach_km) for km in length_km],
            np.int32,
        ),
        slots_per_gbps=np.array([1.0 / item.slot_capacity_gbps for item in grid.formats]),
    )
    arrays = PlantArrays(
        num_slots=spec.num_slots,
        num_words=-(-spec.num_slots // WORD_BITS),
        guard_slots=spec.guard_slots,
        starts_per_path=spec.starts_per_path,
        formats_per_path=spec.formats_per_path,
        full=all_free_words(spec.num_slots),
        first_path=table.first_path,
        path_units=blueprint.path_units,
        path_hops=table.path_hops.astype(np.int32),
        path_latency_ms=latency_model.path_latency_ms(length_km, table.path_hops).astype(np.float32),
        path_length_km=length_km,
        path_format=blueprint.path_format,
        slots_per_gbps=blueprint.slots_per_gbps,
        bits_per_symbol=np.array([item.bits_per_symbol for item in grid.formats], np.int32),
        step=grid.slots_per_channel,
        parts=part_arrays(blueprint),
        after=after_arrays(blueprint),
    )
    return Plant(
        topology=topology,
        spec=spec,
        path_table=table,
        formats=grid.formats,
        latency_model=latency_model,
        arrays=arrays,
        unit_of_link=unit_of_link,
        detours=DetourBook(topology, table),
        bands=grid.bands,
        thresholds_db=grid.thresholds_db,
        power=power_model_of(spec),
    )


def all_free_words(num_slots: int) -> np.ndarray:
    """(num_words,) uint64 with the lowest ``num_slots`` bits set: bit i of word w is slot 64 w + i."""
    words = np.zeros(-(-num_slots // WORD_BITS), np.uint64)
    for slot in range(num_slots):
        words[slot // WORD_BITS] |= np.uint64(1) << np.uint64(slot % WORD_BITS)
    return words
