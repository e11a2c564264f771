"""Latency against blocking: an agent and the baselines of latency-aware RSA over a sweep of loads.

Everyone meets the same requests at every load. Not here: the pictures (``latency_pictures.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from envs.detour_book import DetourBook
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.simulation import SimulationResult, simulate
from envs.traffic import PoissonTraffic

AGENT = "agent"
SHORTEST_PATH = "shortest_path"  # first fit on the fastest path of the node pair, or not at all
KSP_FF = "ksp_ff"
POLICIES = (KSP_FF, "ff_ksp", "least_fragmentation", "mscl_ksp")


@dataclass(frozen=True)
class Curve:
    """One policy at every load, in the order of the loads."""

    name: str
    points: tuple[SimulationResult, ...]


def latency_curves(
    plant: Plant,
    traffic: PoissonTraffic,
    loads_erlang: Sequence[float],
    num_requests: int,
    agent_folder: Path | None,
    on_progress: Callable[[str], None],
) -> tuple[Curve, ...]:
    """A curve per policy: the agent first, where there is one, then the shortest path, then the others.

    Args:
        plant: the network.
        traffic: what arrives; its load is replaced by each of ``loads_erlang``.
        loads_erlang: offered loads.
        num_requests: counted requests per policy and load.
        agent_folder: policy artefact; None leaves the agent out.
        on_progress: told what is measured next.

    Raises:
        ArtefactError, ForecastError: see ``load_policy`` and ``plant_of``.
    """
    contestants: list[tuple[str, str | ScoringPolicy, Plant]] = []
    if agent_folder is not None:
        from agents.artefact import load_policy, plant_of

        contestants.append((AGENT, load_policy(agent_folder), plant_of(agent_folder, plant)))
    contestants.append((SHORTEST_PATH, KSP_FF, only_fastest_paths(plant)))
    contestants += [(name, name, plant) for name in POLICIES]
    curves = []
    for name, policy, known in contestants:
        points = []
        for load_erlang in loads_erlang:
            on_progress(f"{name} at {load_erlang:g} Erlang")
            points.append(
                simulate(known, replace(traffic, load_erlang=load_erlang), policy, num_requests, seed=1)
            )
        curves.append(Curve(name, tuple(points)))
    return tuple(curves)


def only_fastest_paths(plant: Plant) -> Plant:
    """The plant with one path a node pair: the fastest that it knows, so that bounds stay what they are."""
    table, latency_ms = plant.path_table, plant.arrays.path_latency_ms
    pairs = [range(a, b) for a, b in pairwise(table.first_path.tolist())]
    kept = np.array([min(paths, key=lambda path: latency_ms[path]) for paths in pairs if paths])
    first_path = np.cumsum([0, *(min(len(paths), 1) for paths in pairs)]).astype(np.int32)

    def of_kept(arrays: dict[str, Any]) -> dict[str, Any]:
        rows = {name: value[kept] for name, value in arrays.items() if name.startswith("path_")}
        return rows | {"first_path": first_path}

    known = replace(table, **of_kept({item.name: getattr(table, item.name) for item in fields(table)}))
    arrays = plant.arrays._replace(**of_kept(plant.arrays._asdict()))
    return replace(plant, path_table=known, arrays=arrays, detours=DetourBook(plant.topology, known))
