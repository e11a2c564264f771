"""The best path table of a setting: KSP-FF blocking for every order, tie rule and K, the baseline to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from envs.plant import build_plant
from envs.settings import benchmark_setting
from envs.simulation import simulate
from topologies.catalogue import load_topology
from topologies.paths import PathOrder, PathTies


def ranking(
    setting: str, k_paths: tuple[int, ...], num_requests: int, on_progress: Callable[[str], None]
) -> list[dict[str, object]]:
    """Path tables from the least to the most blocking, on the same traffic.

    Args:
        setting: a published setting, at its own load.
        k_paths: the K to try.
        num_requests: counted requests per table.
        on_progress: called with what is measured next.
    """
    chosen = benchmark_setting(setting)
    topology = load_topology(chosen.topology)
    rows: list[dict[str, object]] = []
    for k in k_paths:
        for order in get_args(PathOrder):
            for ties in get_args(PathTies):
                on_progress(f"K={k} {order}, ties {ties}")
                spec = replace(chosen.plant, k_paths=k, path_order=order, path_ties=ties)
                plant = build_plant(topology, spec)
                blocking = simulate(plant, chosen.traffic, "ksp_ff", num_requests, seed=1).request_blocking
                rows.append(
                    {
                        "k_paths": k,
                        "path_order": order,
                        "path_ties": ties,
                        "request_blocking": blocking.mean,
                        "ci95": [blocking.low, blocking.high],
                        "path_table_hash": plant.path_table.content_hash,
                    }
                )
    return sorted(rows, key=lambda row: float(str(row["request_blocking"])))
