"""An agent and its teacher against the strongest heuristics and the bound on a published setting.

Per policy: blocking against load, and the load carried at 0.1 % and at 1 % request blocking. The gap closed
is the agent's share of the way from the best first fit to the defragmentation bound, at 0.1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.carried import LoadCurve
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.settings import Setting, agent_plant, benchmark_setting
from envs.simulation import DEFRAGMENTATION
from topologies.catalogue import load_topology
from topologies.paths import PathOrder

ORDERS: tuple[PathOrder, ...] = ("hops_over_se", "hops", "km")
AGENT, TEACHER = "agent", "teacher"

Row = dict[str, object]


def figures(
    setting: str,
    agent_folder: Path | None,
    quick: bool,
    on_progress: Callable[[str], None],
    processes: int = 1,
    known: Mapping[str, Any] | None = None,
) -> dict[str, object]:
    """All policies on a setting.

    Args:
        setting: a published setting.
        agent_folder: a policy artefact, e.g. from ``lightloop train --setting``, or the folder of such a
            training, whose teacher takes part too; None leaves both out.
        quick: a tenth of the requests, and MSCL with K = 5 and 10 only.
        on_progress: called with what is measured next.
        processes: that share the work.
        known: an earlier outcome of this function on the same setting: its heuristics and bound are taken
            over, so that a new agent is measured in minutes.

    Raises:
        PlantError: no such setting.
        ValueError: ``known`` is of another setting.
        ArtefactError: see ``load_policy``.
    """
    chosen = benchmark_setting(setting)
    agents = _agents(agent_folder)
    policies: dict[str, Row] = {}
    table_hash = ""
    if known is not None and known["setting"] != setting:
        raise ValueError(f"the known figures are of {known['setting']}, not of {setting}")
    for name, policy, plant, num_requests in _contestants(chosen, agents, quick):
        if known is not None and name not in agents:
            continue
        on_progress(name)
        if name == AGENT or not table_hash:
            table_hash = plant.path_table.content_hash
        policies[name] = _row(plant, chosen, policy, num_requests, processes)
    if known is not None:
        heuristics = {name: row for name, row in known["policies"].items() if name not in (AGENT, TEACHER)}
        policies |= heuristics | {DEFRAGMENTATION: known["bound"]}
    bound = policies.pop(DEFRAGMENTATION)
    first_fit = max(
        _carried(row) for name, row in policies.items() if "_ff_" in name or name.startswith("ff_")
    )
    gap_closed = None
    if AGENT in policies:
        gap_closed = (_carried(policies[AGENT]) - first_fit) / (_carried(bound) - first_fit)
    return {
        "setting": setting,
        "path_table_hash": table_hash,
        "policies": policies,
        "bound": bound,
        "gap_closed": gap_closed,
    }


def _agents(folder: Path | None) -> dict[str, ScoringPolicy]:
    """The agent in a policy folder, or agent and teacher in the folder of a training."""
    if folder is None:
        return {}
    from agents.artefact import MANIFEST_FILE, load_policy

    if (folder / MANIFEST_FILE).exists():
        return {AGENT: load_policy(folder)}
    return {AGENT: load_policy(folder / "policy"), TEACHER: load_policy(folder / "teacher")}


def _contestants(
    chosen: Setting, agents: Mapping[str, ScoringPolicy], quick: bool
) -> Iterator[tuple[str, str | ScoringPolicy, Plant, int]]:
    """(name, policy, plant, requests per load) of everyone who takes part."""
    cheap, dear = (100_000, 20_000) if quick else (1_000_000, 30_000)
    topology = load_topology(chosen.topology)
    for name, agent in agents.items():
        yield name, agent, build_plant(topology, agent_plant(chosen)), cheap
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


def _row(
    plant: Plant, chosen: Setting, policy: str | ScoringPolicy, num_requests: int, processes: int
) -> Row:
    curve = LoadCurve(plant, chosen.traffic, policy, num_requests, processes)
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
