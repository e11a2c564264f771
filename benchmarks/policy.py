"""An agent against the strongest heuristics and the bound on a published setting, with intervals.

Per policy: blocking against load, and the load carried at 0.1 % and at 1 % request blocking. The gap closed
is the agent's share of the way from the best first fit to the defragmentation bound, at 0.1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.carried import LoadCurve
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.settings import Setting, agent_plant, benchmark_setting
from envs.simulation import DEFRAGMENTATION
from topologies.catalogue import load_topology
from topologies.paths import PathOrder

ORDERS: tuple[PathOrder, ...] = ("hops_over_se", "hops", "km")
AGENT = "agent"

Row = dict[str, object]


def figures(
    setting: str,
    agent_folder: Path | None,
    quick: bool,
    on_progress: Callable[[str], None],
) -> dict[str, object]:
    """All policies on a setting.

    Args:
        setting: a published setting.
        agent_folder: a policy artefact, e.g. from ``lightloop train --setting``; None leaves the agent out.
        quick: a tenth of the requests, and MSCL with K = 5 and 10 only.
        on_progress: called with what is measured next.

    Raises:
        PlantError: no such setting.
        ArtefactError: see ``load_policy``.
    """
    chosen = benchmark_setting(setting)
    agent = _agent(agent_folder)
    policies: dict[str, Row] = {}
    table_hash = ""
    for name, policy, plant, num_requests in _contestants(chosen, agent, quick):
        on_progress(name)
        if name == AGENT or not table_hash:
            table_hash = plant.path_table.content_hash
        policies[name] = _row(plant, chosen, policy, num_requests)
    bound = policies.pop(DEFRAGMENTATION)
    first_fit = max(
        _carried(row) for name, row in policies.items() if "_ff_" in name or name.startswith("ff_")
    )
    gap_closed = None
    if agent is not None:
        gap_closed = (_carried(policies[AGENT]) - first_fit) / (_carried(bound) - first_fit)
    return {
        "setting": setting,
        "path_table_hash": table_hash,
        "policies": policies,
        "bound": bound,
        "gap_closed": gap_closed,
    }


def _agent(folder: Path | None) -> ScoringPolicy | None:
    if folder is None:
        return None
    from agents.artefact import load_policy

    return load_policy(folder)


def _contestants(
    chosen: Setting, agent: ScoringPolicy | None, quick: bool
) -> Iterator[tuple[str, str | ScoringPolicy, Plant, int]]:
    """(name, policy, plant, requests per load) of everyone who takes part."""
    cheap, dear = (100_000, 20_000) if quick else (1_000_000, 100_000)
    topology = load_topology(chosen.topology)
    if agent is not None:
        yield AGENT, agent, build_plant(topology, agent_plant(chosen)), cheap
    for k in (5, 50):
        for order in ORDERS:
            plant = build_plant(topology, replace(chosen.plant, k_paths=k, path_order=order))
            for policy in ("ksp_ff", "ff_ksp"):
                yield f"{policy}_k{k}_{order}", policy, plant, cheap
            if k == 50 and order == "hops_over_se":
                yield DEFRAGMENTATION, DEFRAGMENTATION, plant, cheap
    for k in (5, 10) if quick else (5, 10, 20):
        plant = build_plant(topology, replace(chosen.plant, k_paths=k))
        for policy in ("ksp_mscl", "mscl_ksp"):
            yield f"{policy}_k{k}", policy, plant, dear


def _row(plant: Plant, chosen: Setting, policy: str | ScoringPolicy, num_requests: int) -> Row:
    curve = LoadCurve(plant, chosen.traffic, policy, num_requests)
    refinements = 2 if num_requests < 1_000_000 else 3
    at_permille = curve.carried_erlang(1e-3, 0.8 * chosen.traffic.load_erlang, refinements)
    at_percent = curve.carried_erlang(1e-2, 1.15 * at_permille, refinements)
    return {
        "carried_at_0.1pct_erlang": at_permille,
        "carried_at_1pct_erlang": at_percent,
        "points": [
            {
                "load_erlang": load,
                "request_blocking": result.request_blocking.mean,
                "ci95": [result.request_blocking.low, result.request_blocking.high],
                "bit_rate_blocking": result.bit_rate_blocking.mean,
            }
            for load, result in sorted(curve.points.items())
        ],
    }


def _carried(row: Row) -> float:
    return float(str(row["carried_at_0.1pct_erlang"]))
