"""What a demand forecast alone is worth where two node pairs ask more often, by which two they are.

One choice of the pairs says little of the next, so many are drawn at random, each measured at its own load on
requests of its own. The mean over the choices is the finding; a row alone is one draw of many. Not here:
other shifts and wrong forecasts (``forecast.py``), what is trained afterwards (``adapt.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.carried import LoadCurve
from benchmarks.forecast import BASE, HOT, NUM_RUNS, change_row, figure_row, permuted
from benchmarks.stored_rows import Row, StoredRows
from envs.evaluation import interval
from envs.forecast import DemandForecast, forecast_from
from envs.plant import Plant, build_plant
from envs.policy import LinearPolicy
from envs.settings import agent_plant
from envs.simulation import simulate
from envs.traffic import PoissonTraffic, make_trace
from topologies.catalogue import load_topology

DRAW_SEED, LOG_SEED, MEASURED_SEED = 41, 2_010_000, 2_020_000
CALIBRATED_ON = 0.1  # of the requests, to find the load
GUESS_ERLANG = 240.0
ARMS = ("forecast", "placebo")
Pair = tuple[int, int]


@dataclass(frozen=True)
class HotPairsEffort:
    """How much is measured.

    Attributes:
        choices: of two pairs.
        requests: counted, of each arm and choice.
        log_requests: that each forecast is estimated from.
        target: request blocking without a forecast, which sets the load.
        processes: that share the work.
    """

    choices: int
    requests: int
    log_requests: int
    target: float = 1e-2
    processes: int = 1


def drawn_choices(num_nodes: int, count: int) -> tuple[tuple[Pair, Pair], ...]:
    """So many draws of two node pairs; the first ones do not depend on how many there are."""
    random, pairs = np.random.default_rng(DRAW_SEED), list(combinations(range(num_nodes), 2))
    found = []
    for _ in range(count):
        first, second = (pairs[row] for row in random.choice(len(pairs), 2, replace=False))
        found.append((first, second))
    return tuple(found)


def hot_traffic(choice: tuple[Pair, Pair], num_nodes: int) -> PoissonTraffic:
    """The setting's traffic in which both pairs ask ``HOT`` times as often as others, both ways."""
    weights = np.ones((num_nodes, num_nodes))
    for a, b in choice:
        weights[a, b] = weights[b, a] = HOT
    return replace(BASE.traffic, pair_weights=weights)


def figures(
    agent: LinearPolicy,
    effort: HotPairsEffort,
    on_progress: Callable[[str], None],
    store: Path | None = None,
) -> dict[str, Any]:
    """A row each choice of two pairs, and the mean change over the choices with its interval.

    Args:
        agent: a policy that looks at after-states.
        effort: how much is measured.
        on_progress: told what is measured next.
        store: file that keeps the rows; what it has is not measured again.

    Raises:
        ValueError: ``store`` holds something else.
    """
    topology = load_topology(BASE.topology)
    plant = build_plant(topology, agent_plant(BASE))
    stored, rows = StoredRows(store), []
    for number, choice in enumerate(drawn_choices(topology.num_nodes, effort.choices)):
        names = [[topology.node_names[node] for node in pair] for pair in choice]
        origin = {
            "pairs": names,
            "requests": effort.requests,
            "log_requests": effort.log_requests,
            "target": effort.target,
            "path_table_hash": plant.path_table.content_hash,
            "weights_sha256": hashlib.sha256(repr(agent.weights).encode()).hexdigest(),
        }
        named = " and ".join("-".join(pair) for pair in names)
        on_progress(f"{number + 1} of {effort.choices}: {named}")
        row = stored.row(origin, partial(_row, plant, agent, effort, choice, number))
        rows.append({"pairs": names, **row})
    return {
        "topology": topology.name,
        "policy": agent.name,
        "requests": effort.requests,
        "log_requests": effort.log_requests,
        "target": effort.target,
        "choices": rows,
        "mean": {arm: _mean([row[arm]["change"] for row in rows]) for arm in ARMS},
    }


def _row(
    plant: Plant, agent: LinearPolicy, effort: HotPairsEffort, choice: tuple[Pair, Pair], number: int
) -> Row:
    traffic = hot_traffic(choice, plant.num_nodes)
    few = max(int(CALIBRATED_ON * effort.requests), 1000)
    curve = LoadCurve(plant, traffic, agent, few, effort.processes)
    traffic = replace(traffic, load_erlang=round(curve.carried_erlang(effort.target, GUESS_ERLANG, 1), 1))

    def blocking(forecast: DemandForecast | None) -> np.ndarray:
        found = simulate(
            plant.with_forecast(forecast),
            traffic,
            agent,
            effort.requests,
            MEASURED_SEED + number * NUM_RUNS,
            num_runs=NUM_RUNS,
            processes=effort.processes,
        )
        return np.array([run.request_blocking for run in found.runs])

    right = forecast_from(make_trace(traffic, plant, effort.log_requests, LOG_SEED + number), plant)
    none = blocking(None)
    row: Row = {**_geometry(plant, choice), "load_erlang": traffic.load_erlang, "none": figure_row(none)}
    for arm, forecast in zip(ARMS, (right, permuted(right)), strict=True):
        row[arm] = figure_row(found := blocking(forecast)) | change_row(found, none)
    return row


def _geometry(plant: Plant, choice: tuple[Pair, Pair]) -> Row:
    """How far apart the ends of each pair are, and what both pairs have in common."""
    table = plant.path_table
    shortest = [min((table.links(path) for path in table.paths_of(*pair)), key=len) for pair in choice]
    return {
        "hops": [len(links) for links in shortest],
        "shared_ends": len(set(choice[0]) & set(choice[1])),
        "shared_links": len(set(shortest[0]) & set(shortest[1])),
    }


def _mean(changes: list[float]) -> Row:
    """Over choices of the pairs: a further choice is what is asked for, so each counts once."""
    found = interval(np.array(changes))
    return {"change": found.mean, "change_ci95": [found.low, found.high]}
