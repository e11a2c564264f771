"""Latency against blocking: who takes part, and that all meet the same requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.artefact import save_policy
from benchmarks.latency import AGENT, POLICIES, SHORTEST_PATH, Curve, latency_curves, only_fastest_paths
from benchmarks.latency_pictures import draw_behaviour, draw_latency_against_blocking
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, traffic_arrays
from topologies.catalogue import load_topology

TRAFFIC = PoissonTraffic(
    load_erlang=1.0, classes=(LatencyClass("tight", 1.0, 3.0, 1.2), LatencyClass("free", 1.0))
)


@pytest.fixture(scope="module")
def plant() -> Plant:
    spec = PlantSpec(num_slots=32, k_paths=3, max_candidates=12, starts_per_path=4)
    return build_plant(load_topology("five-node"), spec)


@pytest.fixture(scope="module")
def curves(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> tuple[Curve, ...]:
    folder = save_policy(baseline("ksp_ff"), tmp_path_factory.mktemp("agent"))
    return latency_curves(plant, TRAFFIC, (60.0, 120.0), 4000, folder, lambda text: None)


def test_everyone_meets_the_same_requests(curves: tuple[Curve, ...]) -> None:
    by_name = {curve.name: curve for curve in curves}
    assert list(by_name) == [AGENT, SHORTEST_PATH, *POLICIES]
    for index, load_erlang in enumerate((60.0, 120.0)):
        points = [curve.points[index] for curve in curves]
        assert {point.load_erlang for point in points} == {load_erlang}
        assert len({tuple(item.offered for item in point.classes) for point in points}) == 1
        # The agent here is KSP-FF under another name.
        assert by_name[AGENT].points[index].runs == by_name["ksp_ff"].points[index].runs


def test_the_shortest_path_never_detours_and_blocks_most(curves: tuple[Curve, ...]) -> None:
    shortest, ksp = (next(c for c in curves if c.name == name) for name in (SHORTEST_PATH, "ksp_ff"))
    for alone, among in zip(shortest.points, ksp.points, strict=True):
        assert [item.mean_detour.mean for item in alone.classes] == [0.0, 0.0]
        assert alone.request_blocking.low > among.request_blocking.high
        assert alone.mean_latency_ms.mean < among.mean_latency_ms.mean


@pytest.mark.parametrize("topology", ["five-node", "nsfnet"])
def test_only_the_fastest_path_is_kept_and_every_bound(topology: str) -> None:
    plant = build_plant(load_topology(topology))
    kept = only_fastest_paths(plant)
    for source in range(plant.num_nodes):
        for destination in range(plant.num_nodes):
            paths = kept.path_table.paths_of(source, destination)
            assert len(paths) == (source != destination)
            for path in paths:
                among = plant.path_table.paths_of(source, destination)
                fastest = min(among, key=lambda p: plant.arrays.path_latency_ms[p])
                assert kept.path_table.nodes(path) == plant.path_table.nodes(fastest)
                assert kept.num_slots_for(100.0, path) == plant.num_slots_for(100.0, fastest)
    bounds_ms = [traffic_arrays(TRAFFIC, known).max_latency_ms for known in (plant, kept)]
    np.testing.assert_array_equal(*bounds_ms)


def test_the_pictures_are_drawn(curves: tuple[Curve, ...], tmp_path: Path) -> None:
    draw_latency_against_blocking(curves, "five-node", tmp_path / "a.png")
    draw_behaviour(curves, "five-node", tmp_path / "b.svg")

    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "b.svg").read_text()
    assert drawn.count("<path") > 100
