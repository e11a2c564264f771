"""How the cost of a request grows with K, the slots of the band and the load, on a large network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from envs.plant import Plant, build_plant
from envs.settings import benchmark_setting
from envs.simulation import simulate
from topologies.catalogue import load_topology
from topologies.model import Topology

Point = dict[str, float]
SETTING = benchmark_setting("deeprmsa-nsfnet")
WARMUP = 10_000
LOADS_ERLANG = (100.0, 250.0, 500.0, 1000.0, 2000.0)
SLOTS = (64, 128, 192, 320, 640)
PATHS = (1, 2, 5, 10)


def curves(
    topology_name_or_file: str, on_progress: Callable[[str], None]
) -> dict[str, list[dict[str, float]]]:
    """Microseconds a request of KSP-FF takes, one curve per quantity.

    What does not vary stays at K=5, 320 slots, 500 Erlang.

    Args:
        topology_name_or_file: a large network, e.g. a file with 100 nodes.
        on_progress: called with what is measured next.
    """
    topology = load_topology(topology_name_or_file)
    curves: dict[str, list[Point]] = {"k_paths": [], "num_slots": [], "load_erlang": []}
    for k in PATHS:
        on_progress(f"K={k}")
        curves["k_paths"].append(_point(topology, k, 320, 500.0) | {"k_paths": k})
    for num_slots in SLOTS:
        on_progress(f"{num_slots} slots")
        curves["num_slots"].append(_point(topology, 5, num_slots, 500.0) | {"num_slots": num_slots})
    for load_erlang in LOADS_ERLANG:
        on_progress(f"{load_erlang:g} Erlang")
        curves["load_erlang"].append(_point(topology, 5, 320, load_erlang) | {"load_erlang": load_erlang})
    return curves


@cache
def _plant(topology: Topology, k: int, num_slots: int) -> Plant:
    return build_plant(topology, replace(SETTING.plant, k_paths=k, num_slots=num_slots))


def _point(topology: Topology, k: int, num_slots: int, load_erlang: float) -> Point:
    traffic = replace(SETTING.traffic, load_erlang=load_erlang)
    plant = _plant(topology, k, num_slots)
    result = simulate(plant, traffic, "ksp_ff", 500_000, seed=1, num_runs=2, warmup=WARMUP)
    return {
        "us_per_request": 1e6 * result.seconds / (result.num_requests + 2 * WARMUP),
        "mean_hops": result.mean_hops,
        "request_blocking": result.request_blocking.mean,
    }
