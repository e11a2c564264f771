"""The controller's GSNR against the twin's, which is kept up to date step by step in compiled code."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.build import plant_of
from configs.load import load_config
from controlplane.controller import verify
from controlplane.controller.network import PlantView, SpectrumMap, plant_view
from controlplane.controller.quality import gsnr_on_route
from controlplane.controller.reservations import Reservation, Reservations
from controlplane.controller.verify import PathRejected, verify_path
from controlplane.lightpath import Lightpath
from controlplane.tapi.service_body import ServiceRequest
from envs.candidates import Candidate, observe
from envs.network import Network
from envs.plant import Plant
from envs.request import Request

# Loud, so that lightpaths disturb each other although there are few.
SETTING = (
    "plant.bands=[L,C,S]",
    "plant.channels_per_band=8",
    "plant.num_slots=96",
    "plant.launch_dbm=[7,6,8]",
    "plant.margin_db=1.5",
    "plant.transceiver_snr_db=28",
    "plant.roadm_loss_db=12",
    "plant.formats_per_path=3",
    "plant.max_candidates=24",
)
WIDTHS = ((32, 4), (64, 6), (130, 12))  # GBd and slots


@pytest.fixture(scope="module", params=["true", "false"], ids=["shared", "directed"])
def plants(request: pytest.FixtureRequest) -> tuple[PlantView, Plant]:
    config = load_config("five-node", [*SETTING, f"plant.shared_spectrum={request.param}"])
    return plant_view(config), plant_of(config)


def as_path(plant: Plant, candidate: Candidate, number: int = 0) -> Lightpath:
    nodes = tuple(plant.topology.node_names[node] for node in candidate.nodes)
    return Lightpath(
        f"p{number}",
        nodes,
        candidate.first_slot,
        candidate.num_slots,
        candidate.modulation_format,
        candidate.latency_ms,
        "model",
        "x",
    )


def anything(plant: Plant, rng: np.random.Generator, bit_rate_gbps: float) -> Candidate:
    """A block of whole channels anywhere in a format that carries the rate, heedless of quality."""
    path = int(rng.integers(len(plant.arrays.path_hops)))
    row = int(rng.integers(len(plant.formats)))
    channels = int(np.ceil(bit_rate_gbps / plant.arrays.parts.qot.carrier_gbps[row] - 1e-9))
    band = plant.bands[rng.integers(3)]
    starts = band.num_slots // 4 - channels + 1
    first_slot = band.first_slot + 4 * int(rng.integers(max(starts, 1)))
    return Candidate(
        path, plant.path_table.nodes(path), first_slot, 4 * channels, plant.formats[row].name, 1.0
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_it_accepts_what_the_twin_lists_and_refuses_what_would_break_somebodys_gsnr(plants, seed):
    view, twin = plants
    assert view.quality is not None
    rng = np.random.default_rng(seed)
    network, lit = Network(twin), SpectrumMap(view)
    standing: list[tuple[Candidate, Lightpath]] = []
    for number in range(30):
        rate_gbps = float(rng.choice([100, 200, 400]))
        asked = Request(*(int(node) for node in rng.choice(5, 2, replace=False)), rate_gbps)
        _, listed = observe(twin, network, asked)
        is_listed = bool(listed) and rng.random() < 0.5
        chosen = listed[rng.integers(len(listed))] if is_listed else anything(twin, rng, rate_gbps)
        path = as_path(twin, chosen, number)
        request = ServiceRequest(path.nodes[0], path.nodes[-1], rate_gbps, uuid="s")
        paths = [item for _, item in standing]
        try:
            checked = verify_path(path, request, view, lit, (), paths)
        except PathRejected as error:
            refusal = str(error)
        else:
            refusal = ""
        if refusal:
            assert not is_listed
            if "dB; " in refusal:  # on a copy of the network it can be seen that somebody falls below
                copy = Network(twin)
                for item, _ in (*standing, (chosen, path)):
                    copy.provision(item.nodes, item.first_slot, item.num_slots, item.modulation_format)
                assert not all(is_well(copy, item, 0.0005) for item, _ in (*standing, (chosen, path)))
            continue
        network.provision(chosen.nodes, chosen.first_slot, chosen.num_slots, chosen.modulation_format)
        lit.light(path.nodes, path.first_slot, path.num_slots)
        assert checked.gsnr_db == pytest.approx(gsnr_db_of(network, chosen), abs=1e-3)
        standing.append((chosen, checked))
        assert all(is_well(network, item, 0.0015) for item, _ in standing)
        if rng.random() < 0.25:
            gone, path = standing.pop(rng.integers(len(standing)))
            network.release(gone.nodes, gone.first_slot, gone.num_slots)
            lit.release(path.nodes, path.first_slot, path.num_slots)
    by_path = {path.uuid: item for item, path in standing}
    for _, path in standing:
        others = [item for _, item in standing if item is not path]
        for item, gsnr_db in gsnr_on_route(path, others, view, view.quality):
            assert gsnr_db == pytest.approx(gsnr_db_of(network, by_path[item.uuid]), abs=1e-3)


def test_of_several_symbol_rates_it_takes_what_is_listed_and_refuses_what_is_no_whole_carrier():
    rates = ", ".join(f"{{symbol_rate_gbd: {gbd}, slots: {slots}}}" for gbd, slots in WIDTHS)
    more = [f"plant.transceivers=[{rates}]", "plant.planned_at_full_load=true", "plant.launch_dbm=[4,4,4]"]
    config = load_config("five-node", [*SETTING, *more])
    view, twin = plant_view(config), plant_of(config)
    assert view.quality is not None
    rng, network, lit = np.random.default_rng(1), Network(twin), SpectrumMap(view)
    standing: list[Lightpath] = []
    widths = set()
    for number in range(40):
        rate_gbps = float(rng.choice([100, 400, 800]))
        asked = Request(*(int(node) for node in rng.choice(5, 2, replace=False)), rate_gbps)
        _, listed = observe(twin, network, asked)
        if not listed:
            continue
        chosen = listed[rng.integers(len(listed))]
        path = as_path(twin, chosen, number)
        request = ServiceRequest(path.nodes[0], path.nodes[-1], rate_gbps, uuid="s")
        with pytest.raises(PathRejected, match=r"no whole channels of \d+ slots|carry .* too few"):
            verify_path(replace(path, num_slots=path.num_slots - 2), request, view, lit, (), standing)
        checked = verify_path(path, request, view, lit, (), standing)
        # What is lit now disturbs no more than the full network that was planned for.
        assert checked.gsnr_db is not None
        assert checked.gsnr_db >= chosen.gsnr_db - 1e-3
        network.provision(chosen.nodes, chosen.first_slot, chosen.num_slots, chosen.modulation_format)
        lit.light(path.nodes, path.first_slot, path.num_slots)
        standing.append(checked)
        widths.add(view.quality.formats[path.modulation_format].transceiver.slots)
    assert widths == {4, 6, 12}
    assert len(standing) > 15


def gsnr_db_of(network: Network, item: Candidate) -> float:
    return network.gsnr_db(item.nodes, item.first_slot, item.num_slots)


def is_well(network: Network, item: Candidate, slack_db: float) -> bool:
    """Whether it has its GSNR; the controller tolerates 0.001 dB, the two computations differ by less."""
    names = [each.name for each in network.plant.formats]
    needed_db = network.plant.thresholds_db[names.index(item.modulation_format)] + 1.5
    return gsnr_db_of(network, item) >= needed_db - slack_db


def test_a_lightpath_that_would_disturb_another_is_refused_and_says_whom(plants):
    view, _ = plants
    standing: list[Lightpath] = []

    def light_all() -> None:
        for first_slot in range(0, 96, 4):
            path = Lightpath("p", ("A", "E", "D"), first_slot, 4, "PM-QPSK", 1.0, "model", "x")
            request = ServiceRequest("A", "D", 100.0, uuid="s")
            standing.append(verify_path(path, request, view, SpectrumMap(view), (), standing))

    with pytest.raises(
        PathRejected,
        match=r"beside it that of A-E-D would be .* PM-QPSK needs 6.73 dB and a margin of 1.5 dB",
    ):
        light_all()
    assert standing


def test_of_two_that_are_right_alone_one_is_reserved_where_they_come_at_the_same_moment(plants, monkeypatch):
    view, _ = plants
    state: Any = SimpleNamespace(
        plant=view, services=lambda: (), failed_links=(), lit=SpectrumMap(view), version=1
    )
    reservations = Reservations(state)
    made: list[Reservation] = []
    refusals: list[str] = []

    def reserve(number: int) -> Reservation | None:
        path = Lightpath(f"p{number}", ("A", "E", "D"), 4 * number, 4, "PM-QPSK", 1.0, "model", "x")
        try:
            return reservations.reserve(path, ServiceRequest("A", "D", 100.0, uuid="s"))
        except PathRejected as error:
            refusals.append(str(error))
            return None

    while one := reserve(len(made)):
        made.append(one)
    last, other = len(made) - 1, len(made)
    reservations.end(made[last])
    alone = reserve(other)
    assert alone  # so each of the two is right beside all the rest
    reservations.end(alone)
    both_looked = threading.Barrier(2)
    looked = verify.gsnr_on_route

    def looks(*asked: Any) -> Any:
        found = looked(*asked)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_looked.wait(0.3)  # neither has its slots before the other has looked, if that can be
        return found

    monkeypatch.setattr(verify, "gsnr_on_route", looks)
    with ThreadPoolExecutor(2) as threads:
        assert sum(bool(got) for got in threads.map(reserve, (last, other))) == 1
    assert all("PM-QPSK needs 6.73 dB and a margin of 1.5 dB" in refusal for refusal in refusals)
