"""What of a plant a configuration chooses, with the defaults; nothing compiled. Built by ``plant.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from envs.errors import PlantError
from envs.fields import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    refuse_out_of_bounds,
)
from envs.transceivers import Transceiver, check_transceivers
from topologies.grid import CHANNEL_SLOTS, FIRST_EDGE_MHZ
from topologies.paths import PathOrder, PathTies

SLOTS_BY_REACH = 100  # where nothing is said; bands then have their own number


@dataclass(frozen=True)
class PlantChoices:
    """Spectrum, paths, candidates, bands and power of a plant.

    Attributes:
        num_slots: 12.5 GHz slots per spectrum unit; bands have as many as their channels take.
        guard_slots: slots added to every allocation by reach; a channel of a band holds its own guard.
        shared_spectrum: both directions of a fibre pair share one spectrum ("undirected").
        k_paths, path_order, path_ties: the rule of the path table.
        max_candidates: length M of the candidate list.
        starts_per_path: starting positions listed per path.
        formats_per_path: formats listed per path, from the most efficient that works downwards.
        shortlist: candidates per request whose after-state is looked at; 0: none, its columns stay 0.
        shortlist_paths: best paths of every node pair that an after-state is judged by.
        departures_known: candidates are compared by how long what is beside them stays, as far as ends are
            told or expected by the forecast (departures/times.py); right edges of free runs are listed too.
        bands: such as ``("L", "C", "S")``: quality of transmission decides instead of reach, and there are as
            many slots as the bands have channels of four; empty: the C band, by reach.
        channels_per_band: 50 GHz channels.
        transceivers: symbol rates with the slots that each takes, both rising; empty: 32 GBd in four slots.
            Several need ``planned_at_full_load``.
        launch_dbm: of a carrier of 32 GBd, one for each band; others have the same power per GBd; empty:
            0 dBm.
        margin_db: GSNR that a lightpath keeps above its format's threshold.
        planned_at_full_load: a format is given where it works with every channel of the path's links lit, so
            nothing that is lit later can disturb it; else where it works with what is lit, as long as
            everything lit goes on working.
        real_spans: NLI of the spans' real length, which short spans and little dispersion need; else that of
            spans without end, which is pessimistic for them.
        transceiver_snr_db: of the two ends together; None: left out.
        roadm_loss_db: made good at each link's end; None: left out.
        power_model: what the network is charged for: a name of ``SHIPPED_FILES`` or a file; "" nothing.
    """

    num_slots: Annotated[int, Ge(1), Le(4096)] = SLOTS_BY_REACH
    guard_slots: NonNegativeInt = 1
    shared_spectrum: bool = False
    k_paths: PositiveInt = 5
    path_order: PathOrder = "hops_over_se"
    path_ties: PathTies = "km"
    max_candidates: PositiveInt = 30
    starts_per_path: PositiveInt = 6
    formats_per_path: PositiveInt = 1
    bands: tuple[str, ...] = ()
    channels_per_band: PositiveInt = 96
    launch_dbm: tuple[float, ...] = ()
    margin_db: NonNegativeFloat = 1.0
    planned_at_full_load: bool = False
    real_spans: bool = False
    transceiver_snr_db: PositiveFloat | None = None
    roadm_loss_db: PositiveFloat | None = None
    power_model: str = ""
    shortlist: NonNegativeInt = 0
    shortlist_paths: PositiveInt = 2
    departures_known: bool = False
    # Not in ``repr``, by which measured rows of plants that know nothing of it are found again.
    transceivers: tuple[Transceiver, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, PlantError)
        for band in self.bands:
            if band not in FIRST_EDGE_MHZ:
                raise PlantError(f"bands names {band!r}; known: {', '.join(FIRST_EDGE_MHZ)}")
        if self.transceivers:
            self._check_transceivers()
        of_bands = len(self.bands) * self.channels_per_band * CHANNEL_SLOTS
        if self.bands and self.num_slots not in (SLOTS_BY_REACH, of_bands):
            raise PlantError(
                f"num_slots is {self.num_slots}, but {self.channels_per_band} channels in each of the bands "
                f"{', '.join(self.bands)} take {of_bands} slots; set num_slots to that"
            )

    def _check_transceivers(self) -> None:
        if not self.bands:
            raise PlantError("transceivers are given, but no bands; set bands, or leave transceivers out")
        if not self.planned_at_full_load:
            raise PlantError(
                "transceivers need planned_at_full_load: true; what carriers of several symbol rates do to "
                "each other is counted for a full network only"
            )
        check_transceivers(self.transceivers, self.channels_per_band * CHANNEL_SLOTS)
