"""Where quality of transmission decides: every lightpath keeps its GSNR, whatever a model asks for.

Launch powers are high, so that lightpaths disturb each other although there are few.
"""

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.pce.databases import Databases
from controlplane.pce.decide import still_feasible, why_blocked
from controlplane.pce.decision_log import read_decisions
from controlplane.tapi.names import as_dict
from envs.candidates import Candidate, observe
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.spec import PlantSpec
from tests.controlplane.pce.asking import asking
from tests.controlplane.pce.feeds import ToldChanges
from topologies.grid import band_of, block_between
from topologies.model import Fibre, Node, Topology

MARGIN_DB = 1.0
TOLERANCE_DB = 0.01
SPANS = (("A", "B", 800.0), ("B", "C", 800.0), ("C", "D", 800.0), ("D", "A", 800.0), ("A", "C", 1100.0))


def ring(launch_dbm: float, **spec: Any) -> Plant:
    nodes = tuple(Node(name, float(index), 0.0) for index, name in enumerate("ABCD"))
    topology = Topology("ring", "made for tests", nodes, tuple(Fibre(*span) for span in SPANS))
    shape = {"channels_per_band": 8, "k_paths": 3, "max_candidates": 24, "starts_per_path": 2}
    bands = ("L", "C", "S")
    return build_plant(
        topology,
        PlantSpec(
            **shape,
            bands=bands,
            launch_dbm=(launch_dbm,) * 3,
            formats_per_path=3,
            margin_db=MARGIN_DB,
            **spec,
        ),
    )


@pytest.fixture(scope="module")
def loud() -> Plant:
    return ring(6.0)


def needed_db(plant: Plant, modulation_format: str) -> float:
    names = [item.name for item in plant.formats]
    return plant.thresholds_db[names.index(modulation_format)] + MARGIN_DB


def assert_everyone_keeps_their_gsnr(network: Network, standing: list[Candidate]) -> None:
    for item in standing:
        gsnr_db = network.gsnr_db(item.nodes, item.first_slot, item.num_slots)
        assert gsnr_db >= needed_db(network.plant, item.modulation_format) - TOLERANCE_DB


def provision(network: Network, candidate: Candidate) -> None:
    network.provision(candidate.nodes, candidate.first_slot, candidate.num_slots, candidate.modulation_format)


def random_request(rng: np.random.Generator) -> Request:
    source, destination = (int(node) for node in rng.choice(4, 2, replace=False))
    return Request(source, destination, float(rng.choice([100, 200, 400])))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_random_choices_held_back_while_the_network_changes_break_no_ones_gsnr(loud, seed):
    rng = np.random.default_rng(seed)
    network, standing, held_back = Network(loud), [], []
    for _ in range(60):
        request = random_request(rng)
        _, candidates = observe(loud, network, request)
        if candidates:
            held_back.append((request, candidates[rng.integers(len(candidates))]))
        if standing and rng.random() < 0.2:
            gone = standing.pop(rng.integers(len(standing)))
            network.release(gone.nodes, gone.first_slot, gone.num_slots)
        if held_back and rng.random() < 0.8:
            request, late = held_back.pop(rng.integers(len(held_back)))
            if still_feasible(loud, network, request, late):
                provision(network, late)
                standing.append(late)
        assert_everyone_keeps_their_gsnr(network, standing)


def test_free_spectrum_alone_does_not_make_a_late_choice_feasible(loud):
    refused = disturbing = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        network, standing = Network(loud), []
        request = random_request(rng)
        _, candidates = observe(loud, network, request)
        late = candidates[rng.integers(len(candidates))]
        for _ in range(25):
            _, others = observe(loud, network, random_request(rng))
            if others:
                standing.append(others[rng.integers(len(others))])
                provision(network, standing[-1])
        if not network.is_free(late.nodes, late.first_slot, late.num_slots):
            continue
        if still_feasible(loud, network, request, late):
            continue
        refused += 1
        provision(network, late)
        standing.append(late)
        disturbing += any(
            network.gsnr_db(item.nodes, item.first_slot, item.num_slots)
            < needed_db(loud, item.modulation_format)
            for item in standing
        )
    assert refused >= disturbing > 0


def change(version: int, kind: str, nodes: str, first_slot: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "version": version,
        "kind": kind,
        "service_uuid": f"{nodes}{first_slot}",
        "nodes": list(nodes),
        "first_slot": first_slot,
        "num_slots": 4,
        "modulation_format": "PM-QPSK",
    } | more


def test_the_databases_hold_the_noise_of_what_is_lit_also_after_a_cut_and_its_repair(loud):
    added, removed = "lightpath-added", "lightpath-removed"
    story = [
        change(1, added, "BAC", 8),
        change(2, added, "BAC", 0),
        change(3, added, "BC", 40),
        change(4, "link-failed", "AC"),
        change(5, removed, "BAC", 8),
        change(6, removed, "BAC", 0),
        change(7, added, "BADC", 8),
        change(8, "link-repaired", "AC"),
        change(9, added, "AC", 12),
        change(10, removed, "BC", 40),
    ]

    async def run() -> Databases:
        feed = ToldChanges()
        databases = Databases(loud, feed)
        await databases.bring_to(0)
        feed.log += story
        await databases.bring_to(len(story))
        return databases

    followed = asyncio.run(run()).network
    fresh = Network(loud)
    standing = [
        ([loud.topology.node_index(name) for name in nodes], slot)
        for nodes, slot in (("BADC", 8), ("AC", 12))
    ]
    for route, first_slot in standing:
        fresh.provision(route, first_slot, 4, "PM-QPSK")
        assert math.isfinite(fresh.gsnr_db(route, first_slot, 4))
    for route, first_slot in standing:
        assert followed.gsnr_db(route, first_slot, 4) == fresh.gsnr_db(route, first_slot, 4)
    assert np.array_equal(followed.parts.qot.xpm, fresh.parts.qot.xpm)
    assert np.array_equal(followed.parts.qot.owner, fresh.parts.qot.owner)


def test_a_change_without_a_format_does_not_fit_a_plant_that_needs_it(loud):
    old = change(1, "lightpath-added", "BC", 8)
    del old["modulation_format"]

    async def run() -> None:
        await Databases(loud, ToldChanges([old])).bring_to(None)

    with pytest.raises(ValueError, match="modulation format"):
        asyncio.run(run())


def test_what_no_format_carries_is_told_apart_from_a_full_network(loud):
    quiet = ring(-25.0)
    blocked = why_blocked(quiet, Request(0, 2, 400.0), ())
    assert blocked.by == "quality"
    assert "margin of 1 dB, even with nothing else lit" in blocked.reason
    blocked = why_blocked(loud, Request(0, 2, 400.0), ())
    assert blocked.by == "spectrum"
    assert "every lightpath that it disturbs" in blocked.reason
    blocked = why_blocked(loud, Request(0, 2, 6000.0), ())
    assert blocked.by == "reach"
    assert "a band has 32" in blocked.reason


def test_over_http_the_answer_states_the_quality_that_the_network_then_has(loud, controller, serve, tmp_path):
    network = Network(loud)
    rng = np.random.default_rng(3)
    bands = set()
    with asking(loud, controller, serve, tmp_path) as pce:
        for _ in range(40):
            source, destination = (str(name) for name in rng.choice(list("ABCD"), 2, replace=False))
            path = pce.set_up(source, destination, float(rng.choice([100, 200, 400])))
            if path is None:
                continue
            values = as_dict(pce.document(path)["tapi-path-computation:path"][0]["name"])
            edges = (int(values["lower-frequency"]), int(values["upper-frequency"]))
            assert block_between(loud.bands, *edges) == (path.first_slot, path.num_slots)
            assert path.band == band_of(loud.bands, path.first_slot, path.num_slots).name
            route = [loud.topology.node_index(name) for name in path.nodes]
            network.provision(route, path.first_slot, path.num_slots, path.modulation_format)
            now_db = network.gsnr_db(route, path.first_slot, path.num_slots)
            margin_db = now_db - needed_db(loud, path.modulation_format) + MARGIN_DB
            assert path.gsnr_db == pytest.approx(now_db, abs=1e-6)
            assert path.margin_db == pytest.approx(margin_db, abs=1e-6)
            assert path.marginal_w is None
            bands.add(path.band)
    assert pce.refusals
    assert bands == {"L", "C", "S"}
    rows = read_decisions(tmp_path / "decisions")
    accepted = rows[rows["outcome"] == "accepted"]
    assert (accepted["margin_db"] >= MARGIN_DB - TOLERANCE_DB).all()
    assert accepted["marginal_w"].isna().all()
