"""Carriers of several symbol rates: their noise against lines of just these carriers, and who is listed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pytest

from envs.candidates import observe
from envs.errors import PlantError, SpectrumError
from envs.gsnr.audit import standing_noise
from envs.gsnr.fibres import load_fibres
from envs.gsnr.formats import load_formats
from envs.gsnr.line import load_line_parameters
from envs.gsnr.link_tables import LinkTables, build_link_tables
from envs.gsnr.mixed_line import Amplifier, LineChannels, LineSpan, MixedLine, evaluate_mixed_line
from envs.gsnr.noise_figures import NoiseTable
from envs.gsnr.rates import cells_of, met_by_carriers, rates_of
from envs.network import Network
from envs.request import Request
from envs.spec import PlantSpec
from envs.transceivers import Transceiver
from tests.naive_qot import NaiveLightpath, NaiveLitNetwork
from tests.qot_walk import BANDS, TRAFFIC, Walk, plant_of
from topologies.catalogue import load_topology

TRANSCEIVERS = (Transceiver(32.0, 4), Transceiver(64.0, 6), Transceiver(96.0, 8), Transceiver(130.0, 12))
PARAMETERS = load_line_parameters()
FIVE = load_topology("five-node")
SLOT_THZ = 0.0125
LAUNCH_DBM = {"C": -1.6, "L": -2.0}


def filled(names: tuple[str, ...], slots: int, kinds: list[Transceiver], seed: int) -> list[tuple]:
    """(band, lowest slot, transceiver) side by side from the lower edge of each band until it is full."""
    rng, found = np.random.default_rng(seed), []
    for name in names:
        at = 0
        while fitting := [item for item in kinds if at + item.slots <= slots]:
            chosen = fitting[int(rng.integers(len(fitting)))]
            found.append((name, at, chosen))
            at += chosen.slots
    return found


def exact_noise(carriers: list[tuple], span_km: float) -> np.ndarray:
    """1 / GSNR of carriers on one span, as the line of just these has it."""
    names = tuple(dict.fromkeys(name for name, _, _ in carriers))
    edge_thz = {name: PARAMETERS.band(name).first_channel_thz - 2 * SLOT_THZ for name in names}
    channels = LineChannels(
        names,
        np.array([names.index(name) for name, _, _ in carriers]),
        np.array([edge_thz[name] + SLOT_THZ * (at + item.slots / 2) for name, at, item in carriers]),
        np.array([item.symbol_rate_gbd for _, _, item in carriers]),
        np.array([12.5 * item.slots for _, _, item in carriers]),
        np.array(
            [LAUNCH_DBM[name] + 10 * math.log10(item.symbol_rate_gbd / 32) for name, _, item in carriers]
        ),
    )
    amplifiers = {
        name: Amplifier(NoiseTable((193.0,), (PARAMETERS.band(name).noise_figure_db,))) for name in names
    }
    span = LineSpan(load_fibres()["SSMF"], span_km, 0.0, 0.0, amplifiers)
    return 1.0 / evaluate_mixed_line(MixedLine((span,)), channels).gsnr


# A full load is counted as full as 96 GBd in 100 GHz makes it, so others find less noise than was planned.
@pytest.mark.parametrize(
    ("kinds", "most_db"),
    [
        *(([item], most_db) for item, most_db in zip(TRANSCEIVERS, (0.8, 0.3, 0.05, 0.3), strict=True)),
        (list(TRANSCEIVERS), 0.4),
    ],
    ids=["32", "64", "96", "130", "mixed"],
)
def test_noise_at_full_load_is_that_of_a_line_full_of_such_carriers(kinds, most_db) -> None:
    names, slots = ("L", "C"), 96
    comb = cells_of(PARAMETERS, names, slots, [LAUNCH_DBM[name] for name in names], TRANSCEIVERS)
    one_span = replace(FIVE, fibres=(replace(FIVE.fibres[0], length_km=80.0), *FIVE.fibres[1:]))
    tables = build_link_tables(
        one_span, PARAMETERS, comb, "full-load", real_spans=True, rates=rates_of(TRANSCEIVERS)
    )
    carriers = filled(names, slots, kinds, seed=3)
    everything = np.ones(comb.num_channels, bool)
    told = []
    for name, at, item in carriers:
        row = TRANSCEIVERS.index(item)
        cross = tables.arrays.cross[tables.arrays.kind[0]]
        met = met_by_carriers(comb, tables.rates[row], cross, everything)
        told.append((tables.arrays.own[0, row] + met)[comb.channels_of(name).start + at // 2])
    beyond_db = 10 * np.log10(np.array(told) / exact_noise(carriers, 80.0))
    assert beyond_db.min() > 0
    assert beyond_db.max() < most_db


@dataclass
class NaiveRates(NaiveLitNetwork):
    """Decisions at full load with carriers of several symbol rates, each question computed anew."""

    cells: dict = field(default_factory=dict)

    @cached_property
    def tables(self) -> LinkTables:
        spec = self.plant.spec
        comb = cells_of(
            PARAMETERS, spec.bands, 4 * spec.channels_per_band, spec.launch_dbm, spec.transceivers
        )
        return build_link_tables(FIVE, PARAMETERS, comb, rates=rates_of(spec.transceivers))

    def parts(self, format_name: str) -> tuple:
        """Modulation, and row and transceiver of the symbol rate."""
        _, modulation, rate = format_name.split("-")
        row, item = next(
            (row, item) for row, item in enumerate(TRANSCEIVERS) if f"{item.symbol_rate_gbd:g}GBd" == rate
        )
        return next(each for each in load_formats() if each.name == f"PM-{modulation}"), row, item

    def sizes(self, rate_gbps: float) -> list[tuple[int, str]]:
        best: dict[int, tuple[int, int, str]] = {}
        for modulation in load_formats():
            for item in TRANSCEIVERS:
                gbps = 2 * modulation.bits_per_symbol / 1.28 * item.symbol_rate_gbd
                carriers = math.ceil(rate_gbps / gbps - 1e-9)
                name = f"{modulation.name}-{item.symbol_rate_gbd:g}GBd"
                rank = (modulation.bits_per_symbol, carriers, name)
                slots = carriers * item.slots
                best[slots] = min(best.get(slots, rank), rank)
        return [(slots, best[slots][2]) for slots in sorted(best)]

    def planned(self, path: int, row: int, first: int, wide: int) -> float:
        """1 / GSNR of the carrier on cells ``first`` to ``first + wide``, all others of its links lit."""
        arrays, total, own = self.tables.arrays, 0.0, range(first, first + wide)
        for link in self.plant.path_table.links(path):
            if (link, row, first) not in self.cells:
                cross = arrays.cross[arrays.kind[link]].astype(float)
                met = [sum(cross[k, i] for k in range(len(cross)) if k not in own) for i in own]
                self.cells[link, row, first] = arrays.own[link, row, first] + sum(met) / wide
            total += self.cells[link, row, first]
        return total

    def worst(self, block: NaiveLightpath) -> float:
        _, row, item = self.parts(block.format_name)
        starts = range(block.first_slot, block.first_slot + block.num_slots, item.slots)
        return max(self.planned(block.path, row, slot // 2, item.slots // 2) for slot in starts)

    def is_feasible(self, block: NaiveLightpath) -> bool:
        needed_db = self.parts(block.format_name)[0].threshold_db + self.plant.spec.margin_db
        return -10 * math.log10(self.worst(block)) >= needed_db


def test_what_is_listed_is_what_a_naive_lister_finds_and_the_online_side_shows_the_same() -> None:
    plant = plant_of(
        planned_at_full_load=True, transceivers=TRANSCEIVERS, launch_dbm=(5.0, 5.0, 5.0), channels_per_band=12
    )
    traffic = replace(TRAFFIC, bit_rates_gbps=(100.0, 400.0, 800.0, 1200.0), load_erlang=20.0)
    walk, rng = Walk(plant, seed=5, traffic=traffic), np.random.default_rng(2)
    naive, rates, refused, wide = NaiveRates(plant), set(), 0, 0
    for step in range(120):
        if step > 20 and step % 3 == 0:
            row, t = walk.run.requests, int(walk.run.position[0])
            pair, rate_gbps = int(row.pair[0, t]), float(row.bit_rate_gbps[0, t])
            bound_ms = float(row.max_latency_ms[0, t])
            naive.standing = walk.standing()
            worst, limit = standing_noise(plant, walk.run.states, 0)
            scale = plant.arrays.parts.qot.scale
            np.testing.assert_allclose(
                worst / scale, [naive.worst(item) for item in naive.standing], rtol=1e-4
            )
            assert (worst <= limit).all()
            naive.depart(float(row.arrival_s[0, t]))
            network = Network(plant)
            for item in naive.standing:
                nodes = plant.path_table.nodes(item.path)
                network.provision(nodes, item.first_slot, item.num_slots, item.format_name)
                told_db = network.gsnr_db(nodes, item.first_slot, item.num_slots)
                assert told_db == pytest.approx(-10 * math.log10(naive.worst(item)), abs=1e-3)
            source, destination = divmod(pair, plant.num_nodes)
            shown, listed = observe(plant, network, Request(source, destination, rate_gbps, bound_ms))
            assert shown.features.tobytes() == walk.buffers[0][0].tobytes()
            got = [
                NaiveLightpath(each.path, each.first_slot, each.num_slots, each.modulation_format)
                for each in listed
            ]
            assert got == naive.listed(pair, rate_gbps, bound_ms)
            rates |= {naive.parts(item.format_name)[1] for item in got}
            wide += sum(item.num_slots > naive.parts(item.format_name)[2].slots for item in got)
            refused += len(got) < plant.spec.max_candidates
        walk.step(rng.integers(0, np.maximum(walk.run.candidates.listed, 1)))
        walk.observe()
    assert rates == {0, 1, 2, 3}
    assert min(refused, wide) > 5


def test_transceivers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PlantError, match="200 GBd do not fit into 12 slots"):
        Transceiver(200.0, 12)
    chosen = {"bands": BANDS, "channels_per_band": 8, "planned_at_full_load": True}
    for given, settings, fault in (
        (TRANSCEIVERS[::-1], chosen, "both must rise"),
        (TRANSCEIVERS, chosen | {"bands": ()}, "but no bands"),
        (TRANSCEIVERS, chosen | {"planned_at_full_load": False}, "need planned_at_full_load: true"),
        ((Transceiver(60.0, 5),), chosen, r"begin on every 5\. slot, and a band has 32 slots"),
    ):
        with pytest.raises(PlantError, match=fault):
            PlantSpec(transceivers=given, **settings)
    network = Network(plant_of(planned_at_full_load=True, transceivers=TRANSCEIVERS))
    nodes = network.plant.path_table.nodes(0)
    for first_slot, num_slots in ((1, 12), (0, 8)):
        with pytest.raises(
            SpectrumError, match=r"not whole channels of 12 slots in one band, .* every 2\. slot"
        ):
            network.provision(nodes, first_slot, num_slots, "PM-QPSK-130GBd")
    network.provision(nodes, 2, 24, "PM-QPSK-130GBd")
