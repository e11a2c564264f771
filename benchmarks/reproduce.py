"""Published figures beside ours: KSP-FF and FF-KSP blocking, and the load carried at 0.1 % request blocking.

Sources: an independent reference of the DeepRMSA setting for blocking (path table: entry by networkx, ties
by a hash of the node list), and for the loads the figures of Doherty, Beghelli, Toni, "Graph Transformers
and Stabilized RL for large-scale dynamic RMSA" (arXiv 2605.02075), read off to about 1 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.carried import LoadCurve
from envs.plant import build_plant
from envs.settings import benchmark_setting
from envs.simulation import DEFRAGMENTATION, simulate
from topologies.catalogue import load_topology
from topologies.paths import PathOrder


@dataclass(frozen=True)
class BlockingRow:
    """A published request blocking."""

    setting: str
    policy: str
    k_paths: int
    path_order: PathOrder
    load_erlang: float
    truncated: bool
    published: float


BLOCKING = (
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "hops_over_se", 250, True, 0.0258),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "hops", 250, True, 0.0309),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "km", 250, True, 0.0500),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 50, "hops_over_se", 250, True, 0.0210),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 50, "hops", 250, True, 0.0252),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 50, "km", 250, True, 0.0279),
    BlockingRow("deeprmsa-nsfnet", "ff_ksp", 5, "hops_over_se", 250, True, 0.0348),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "hops_over_se", 250, False, 0.118),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "hops", 250, False, 0.123),
    BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "km", 250, False, 0.135),
    *(
        BlockingRow("deeprmsa-nsfnet", "ksp_ff", 5, "hops_over_se", load, True, published)
        for load, published in ((190, 2.12e-3), (210, 6.24e-3), (230, 1.40e-2), (270, 3.93e-2))
    ),
    BlockingRow("deeprmsa-cost239", "ksp_ff", 5, "hops_over_se", 600, True, 0.0320),
    BlockingRow("deeprmsa-cost239", "ksp_ff", 50, "hops_over_se", 600, True, 0.0201),
    BlockingRow("deeprmsa-cost239", "ksp_ff", 5, "hops_over_se", 600, False, 0.130),
)

# (published best heuristic, published re-placing estimate), Erlang carried at 0.1 % request blocking
CARRIED = {
    "deeprmsa-nsfnet": (193.8, 251.7),
    "deeprmsa-cost239": (503.0, 615.0),
    "gcnrmsa-usnet": (388.0, 474.0),
    "maskrsa-nsfnet": (117.7, 143.5),
    "maskrsa-jpn48": (199.5, 231.0),
    "ptrnet-40-nsfnet": (225.0, 231.0),
    "ptrnet-40-cost239": (462.0, 464.0),
    "ptrnet-40-usnet": (250.0, 266.0),
    "ptrnet-80-nsfnet": (250.0, 305.0),
    "ptrnet-80-cost239": (509.0, 621.0),
    "ptrnet-80-usnet": (266.0, 350.0),
}
TARGET = 1e-3
FIRST_FIT_TABLES: dict[str, tuple[PathOrder, ...]] = {
    "ksp_ff": ("hops_over_se", "hops", "km"),
    "ff_ksp": ("hops_over_se", "km"),
}
K_PATHS = 50


def blocking_rows(num_requests: int, on_progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Each published blocking beside ours, with its interval."""
    rows: list[dict[str, object]] = []
    for row in BLOCKING:
        on_progress(f"{row.setting} {row.policy} K={row.k_paths} {row.path_order} {row.load_erlang:g} Erlang")
        chosen = benchmark_setting(row.setting)
        spec = replace(chosen.plant, k_paths=row.k_paths, path_order=row.path_order)
        plant = build_plant(load_topology(chosen.topology), spec)
        traffic = replace(chosen.traffic, load_erlang=row.load_erlang, truncate_holding=row.truncated)
        result = simulate(plant, traffic, row.policy, num_requests, seed=1).request_blocking
        rows.append(
            {
                "setting": row.setting,
                "policy": row.policy,
                "k_paths": row.k_paths,
                "path_order": row.path_order,
                "load_erlang": row.load_erlang,
                "truncated_holding": row.truncated,
                "published": row.published,
                "measured": result.mean,
                "ci95": [result.low, result.high],
                "path_table_hash": plant.path_table.content_hash,
            }
        )
    return rows


def carried_rows(num_requests: int, on_progress: Callable[[str], None]) -> list[dict[str, object]]:
    """Per setting, the load that the best first fit and the re-placing estimate carry at 0.1 %."""
    rows: list[dict[str, object]] = []
    for name, (heuristic, replacing) in CARRIED.items():
        on_progress(f"{name}: load carried at 0.1 %")
        loads = {
            (policy, order): carried_erlang(name, policy, order, heuristic, num_requests)
            for policy, orders in FIRST_FIT_TABLES.items()
            for order in orders
        }
        best = max(loads, key=lambda key: loads[key])
        rows.append(
            {
                "setting": name,
                "best_first_fit": f"{best[0]}, K={K_PATHS} by {best[1]}",
                "best_first_fit_erlang": loads[best],
                "published_heuristic_erlang": heuristic,
                "replacing_erlang": carried_erlang(
                    name, DEFRAGMENTATION, "hops_over_se", replacing, num_requests
                ),
                "published_replacing_erlang": replacing,
            }
        )
    return rows


def carried_erlang(
    setting: str, policy: str, path_order: PathOrder, guess_erlang: float, num_requests: int
) -> float:
    """Load that a policy carries at 0.1 % request blocking with 50 paths per pair."""
    chosen = benchmark_setting(setting)
    plant = build_plant(
        load_topology(chosen.topology), replace(chosen.plant, k_paths=K_PATHS, path_order=path_order)
    )
    return LoadCurve(plant, chosen.traffic, policy, num_requests).carried_erlang(TARGET, guess_erlang)
