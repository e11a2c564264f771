"""The plant as the kernels see it: topology, path table, formats and latencies as flat arrays.

A *spectrum unit* is what holds one row of slots: a directed link, or a fibre pair where both directions
share one spectrum. Not here: what is lit (``state.py``), who asks (``traffic.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from envs.after_state import RATES, AfterArrays, after_arrays
from envs.energy.arrays import PowerArrays, no_power, power_arrays
from envs.energy.model import PowerModel, power_model_named
from envs.errors import PlantError
from envs.gsnr.carriers import LitArrays, no_lit_arrays
from envs.gsnr.lit_plant import build_lit_plant
from envs.gsnr.sharing import with_sharing
from envs.latency import LatencyModel, load_latency_model
from envs.modulation import ModulationFormat, modulation_table
from envs.plant_choices import PlantChoices
from envs.slots import slots_needed_by
from topologies.grid import SpectrumBand, c_band
from topologies.model import Topology
from topologies.paths import PathRule, PathTable, build_path_table

WORD_BITS = 64


@dataclass(frozen=True)
class PlantSpec(PlantChoices):
    """What of a plant is chosen rather than built.

    Attributes:
        modulation: name of the modulation table.
        future_rates_gbps: bit rates that later requests are expected to ask for; at most four.
        future_shares: how often each.
        ends_known: requests say how long they stay, and candidates are compared by it; see ``calendar.py``.
    """

    modulation: str = "deeprmsa"
    future_rates_gbps: tuple[float, ...] = (25.0, 50.0, 75.0, 100.0)
    future_shares: tuple[float, ...] = (1.0, 25.0, 25.0, 25.0)
    ends_known: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.future_rates_gbps) <= RATES or min(self.future_rates_gbps) <= 0:
            raise PlantError(
                f"future_rates_gbps is {self.future_rates_gbps}; one to {RATES} positive rates are needed"
            )
        if len(self.future_shares) != len(self.future_rates_gbps) or min(self.future_shares) < 0:
            raise PlantError("future_shares needs one share per rate of future_rates_gbps, none negative")

    def __repr__(self) -> str:
        """``modulation`` where it always stood: stored rows of benchmarks are found by this text."""
        names = [item.name for item in fields(self)]
        names.remove("modulation")
        names.insert(names.index("formats_per_path"), "modulation")
        return f"PlantSpec({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


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
    ends_known: bool
    lit: LitArrays  # noise, where quality of transmission decides
    power: PowerArrays
    after: AfterArrays


@dataclass(frozen=True)
class Plant:
    """A network ready to be simulated or operated."""

    topology: Topology
    spec: PlantSpec
    path_table: PathTable
    formats: tuple[ModulationFormat, ...]
    latency_model: LatencyModel
    arrays: PlantArrays = field(repr=False)
    unit_of_link: np.ndarray = field(repr=False)  # (num_links,) int32
    bands: tuple[SpectrumBand, ...] = ()  # in order of frequency; together they are the slots of a unit
    thresholds_db: tuple[float, ...] = ()  # GSNR that each format needs; empty where reach decides
    power: PowerModel | None = None

    @property
    def num_units(self) -> int:
        """Rows of spectrum: directed links, or fibre pairs where they share."""
        return int(self.unit_of_link.max()) + 1

    @property
    def num_nodes(self) -> int:
        """Number of sites."""
        return self.topology.num_nodes

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
        step = self.arrays.lit.slots_per_channel
        num_slots = int(slots_needed_by(per_gbps, self.spec.guard_slots, bit_rate_gbps))
        return -(-num_slots // step) * step

    def least_latency_ms(self, source: int, destination: int) -> float:
        """Latency of the fastest path in the table."""
        paths = self.path_table.paths_of(source, destination)
        return float(self.arrays.path_latency_ms[paths.start : paths.stop].min())

    def least_slots(self) -> int:
        """Smallest block that any request of positive rate can take."""
        return max(1 + self.spec.guard_slots, self.arrays.lit.slots_per_channel)


def build_plant(
    topology: Topology, spec: PlantSpec | None = None, latency_model: LatencyModel | None = None
) -> Plant:
    """A plant from a topology.

    Without bands each path uses the most efficient format that reaches its length (the RSA rule of the
    DeepRMSA family); with bands the format is part of the choice.

    Raises:
        PlantError: an unknown modulation table or a spec out of range.
        GsnrError: see ``build_lit_plant``.
        PowerModelError: a power model that cannot be read.
        TopologyError: ``k_paths`` below 1.
    """
    spec = spec or PlantSpec()
    latency_model = latency_model or load_latency_model()
    links = np.arange(topology.num_links, dtype=np.int32)
    unit_of_link = links // 2 if spec.shared_spectrum else links
    qot = None
    if spec.bands:
        qot = build_lit_plant(
            topology,
            unit_of_link,
            spec.bands,
            spec.channels_per_band,
            spec.launch_dbm,
            spec.margin_db,
            spec.transceiver_snr_db,
            spec.roadm_loss_db,
        )
        spec = replace(spec, num_slots=qot.bands[-1].end_slot, guard_slots=0)
    formats = qot.formats if qot else modulation_table(spec.modulation)
    reach = tuple((item.reach_km, item.bits_per_symbol) for item in formats)
    table = build_path_table(topology, PathRule(spec.k_paths, spec.path_order, spec.path_ties, reach))
    path_units = np.where(table.path_links >= 0, unit_of_link[table.path_links], -1).astype(np.int32)
    length_km = table.path_length_km
    path_format = np.array(
        [next(i for i, item in enumerate(formats) if km <= item.reach_km) for km in length_km], np.int32
    )
    slots_per_gbps = np.array([1.0 / item.slot_capacity_gbps for item in formats])
    bands = qot.bands if qot else (c_band(spec.num_slots),)
    power = power_model_named(spec.power_model)
    after = after_arrays(
        shortlist=spec.shortlist,
        paths_per_pair=spec.shortlist_paths,
        rates_gbps=spec.future_rates_gbps,
        rate_shares=spec.future_shares,
        first_path=table.first_path,
        path_units=path_units,
        path_hops=table.path_hops,
        path_format=path_format,
        slots_per_gbps=slots_per_gbps,
        guard_slots=spec.guard_slots,
        num_slots=spec.num_slots,
        num_units=int(unit_of_link.max()) + 1,
        num_nodes=topology.num_nodes,
        shared_spectrum=spec.shared_spectrum,
    )
    arrays = PlantArrays(
        num_slots=spec.num_slots,
        num_words=-(-spec.num_slots // WORD_BITS),
        guard_slots=spec.guard_slots,
        starts_per_path=spec.starts_per_path,
        formats_per_path=spec.formats_per_path,
        full=all_free_words(spec.num_slots),
        first_path=table.first_path,
        path_units=path_units,
        path_hops=table.path_hops.astype(np.int32),
        path_latency_ms=latency_model.path_latency_ms(length_km, table.path_hops).astype(np.float32),
        path_length_km=length_km,
        path_format=path_format,
        slots_per_gbps=slots_per_gbps,
        bits_per_symbol=np.array([item.bits_per_symbol for item in formats], np.int32),
        ends_known=spec.ends_known,
        power=no_power()
        if power is None
        else power_arrays(power, topology, unit_of_link, table, formats, slots_per_gbps, bands),
        lit=(
            with_sharing(
                qot.arrays, table.first_path, path_units, table.path_hops, int(unit_of_link.max()) + 1
            )
            if qot
            else no_lit_arrays()
        ),
        after=after,
    )
    return Plant(
        topology=topology,
        spec=spec,
        path_table=table,
        formats=formats,
        latency_model=latency_model,
        arrays=arrays,
        unit_of_link=unit_of_link,
        bands=bands,
        thresholds_db=qot.thresholds_db if qot else (),
        power=power,
    )


def all_free_words(num_slots: int) -> np.ndarray:
    """(num_words,) uint64 with the lowest ``num_slots`` bits set: bit i of word w is slot 64 w + i."""
    words = np.zeros(-(-num_slots // WORD_BITS), np.uint64)
    for slot in range(num_slots):
        words[slot // WORD_BITS] |= np.uint64(1) << np.uint64(slot % WORD_BITS)
    return words
