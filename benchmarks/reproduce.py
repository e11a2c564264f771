"""Published figures beside ours: KSP-FF and FF-KSP blocking, and the load carried at 0.1 % request blocking.

Sources: an independent reference of the DeepRMSA setting for blocking (path table: entry by networkx, ties
by a hash of the node list), and for the loads the figures of Doherty, Beghelli, Toni, "Graph Transformers
and Stabilized RL for large-scale dynamic RMSA" (arXiv 2605.02075), read off to about 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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

# (published best heuristic, published bound), Erlang carried at 0.1 % request blocking
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
FIRST_FIT_TABLES = {"ksp_ff": ("hops_over_se", "hops", "km"), "ff_ksp": ("hops_over_se", "km")}
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
    """Per setting, the load that the best first fit and the defragmentation bound carry at 0.1 %."""
    rows: list[dict[str, object]] = []
    for name, (heuristic, bound) in CARRIED.items():
        on_progress(f"{name}: load carried at 0.1 %")
        loads = {
            (policy, order): carried_erlang(name, policy, order, heuristic, num_requests)
            for policy, orders in (
                ("ksp_ff", ("hops_over_se", "hops", "km")),
                ("ff_ksp", ("hops_over_se", "km")),
            )
            for order in orders
        }
        best = max(loads, key=lambda key: loads[key])
        rows.append(
            {
                "setting": name,
                "best_first_fit": f"{best[0]}, K={K_PATHS} by {best[1]}",
                "best_first_fit_erlang": loads[best],
                "published_heuristic_erlang": heuristic,
                "defragmentation_erlang": carried_erlang(
                    name, DEFRAGMENTATION, "hops_over_se", bound, num_requests
                ),
                "published_bound_erlang": bound,
            }
        )
    return rows


def carried_erlang(
    setting: str, policy: str, path_order: str, guess_erlang: float, num_requests: int, target: float = TARGET
) -> float:
    """Load at which a policy blocks ``target`` of the requests, by interpolation of log blocking.

    Args:
        setting: a published setting.
        policy: what ``simulate`` takes.
        path_order: of the path table, K = 50.
        guess_erlang: where to begin.
        num_requests: per load.
        target: request blocking.
    """
    chosen = benchmark_setting(setting)
    spec = replace(chosen.plant, k_paths=K_PATHS, path_order=path_order)  # type: ignore[arg-type]
    plant = build_plant(load_topology(chosen.topology), spec)

    def log_blocking(load_erlang: float) -> float:
        traffic = replace(chosen.traffic, load_erlang=load_erlang)
        mean = simulate(plant, traffic, policy, num_requests, seed=1).request_blocking.mean
        return math.log(max(mean, 0.1 / num_requests))

    low, high = 0.9 * guess_erlang, 1.05 * guess_erlang
    at_low, at_high = log_blocking(low), log_blocking(high)
    for _ in range(8):
        if at_low <= math.log(target) <= at_high:
            break
        if at_low > math.log(target):
            high, at_high = low, at_low
            low *= 0.92
            at_low = log_blocking(low)
        else:
            low, at_low = high, at_high
            high *= 1.08
            at_high = log_blocking(high)
    for _ in range(3):
        share = (math.log(target) - at_low) / (at_high - at_low)
        middle = low + min(max(share, 0.1), 0.9) * (high - low)
        at_middle = log_blocking(middle)
        if at_middle < math.log(target):
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return low + (math.log(target) - at_low) / (at_high - at_low) * (high - low)
