"""What a demand forecast is worth before anything is trained: the generalist with and without one.

Three shifts of traffic, each at the load where the generalist without a forecast blocks about one per cent.
Four arms on the same fresh requests, run by run: no forecast; one estimated from a log of the shifted
traffic; a wrong one, estimated from another shift's log; and a placebo, the right one with its numbers
permuted among node pairs and among bit rates. No request of the logs is among those that are measured on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from benchmarks.carried import LoadCurve
from envs.evaluation import interval, paired_difference
from envs.forecast import DemandForecast, forecast_from
from envs.plant import build_plant
from envs.policy import ScoringPolicy
from envs.settings import SETTINGS, agent_plant
from envs.simulation import simulate
from envs.traffic import PoissonTraffic, make_trace
from topologies.catalogue import load_topology

BASE = SETTINGS["deeprmsa-nsfnet"]
TARGET_BLOCKING = 1e-2
LOG_SEED, MEASURED_SEED, SHIFT_SEED = 910_000, 920_000, 7
HOT = 20.0  # times as many requests as another pair
MOSTLY = 0.7  # share of the requests that ask for the highest bit rate
CALIBRATED_ON = 0.1  # of the requests, to find the load
NUM_RUNS = 20
ARMS = ("forecast", "wrong", "placebo")


@dataclass(frozen=True)
class Shift:
    """What traffic has become."""

    name: str
    traffic: PoissonTraffic


def shifts(num_nodes: int) -> tuple[Shift, ...]:
    """Two pairs ask ``HOT`` times as often, both ways; most ask for 100 Gb/s; pairs ask by size of ends."""
    random = np.random.default_rng(SHIFT_SEED)
    two_pairs = np.ones((num_nodes, num_nodes))
    for a, b in random.permutation(list(combinations(range(num_nodes), 2)))[:2]:
        two_pairs[a, b] = two_pairs[b, a] = HOT
    rates = BASE.traffic.bit_rates_gbps
    rest = (1 - MOSTLY) / (len(rates) - 1)
    mostly = tuple(MOSTLY if rate == max(rates) else rest for rate in rates)
    sizes = random.lognormal(0.0, 1.0, num_nodes)
    return (
        Shift("two pairs x20", replace(BASE.traffic, pair_weights=two_pairs)),
        Shift("bit rates mostly 100", replace(BASE.traffic, bit_rate_weights=mostly)),
        Shift("gravity", replace(BASE.traffic, pair_weights=np.outer(sizes, sizes))),
    )


def figures(
    agent: ScoringPolicy,
    num_requests: int,
    log_requests: int,
    on_progress: Callable[[str], None],
    processes: int = 1,
) -> dict[str, object]:
    """Blocking of every arm, and its change against none, relative, with paired 95 % intervals.

    Args:
        agent: a policy that looks at after-states.
        num_requests: counted requests of each arm and shift.
        log_requests: that each forecast is estimated from.
        on_progress: told what is measured next.
        processes: that share the work.
    """
    topology = load_topology(BASE.topology)
    plant = build_plant(topology, agent_plant(BASE))
    chosen = shifts(topology.num_nodes)
    learned = [
        forecast_from(make_trace(shift.traffic, plant, log_requests, LOG_SEED + row), plant)
        for row, shift in enumerate(chosen)
    ]
    rows: dict[str, object] = {}
    for row, shift in enumerate(chosen):
        on_progress(f"{shift.name}: the load")
        few = max(int(CALIBRATED_ON * num_requests), 1000)
        curve = LoadCurve(plant, shift.traffic, agent, few, processes)
        traffic = replace(
            shift.traffic, load_erlang=round(curve.carried_erlang(TARGET_BLOCKING, 240.0, 1), 1)
        )

        def blocking(forecast: DemandForecast | None, offered: PoissonTraffic = traffic) -> np.ndarray:
            seen = plant.with_forecast(forecast)
            found = simulate(
                seen, offered, agent, num_requests, MEASURED_SEED, num_runs=NUM_RUNS, processes=processes
            )
            return np.array([run.request_blocking for run in found.runs])

        on_progress(f"{shift.name}: without a forecast")
        none = blocking(None)
        arms = dict(zip(ARMS, (learned[row], learned[row - 1], permuted(learned[row])), strict=True))
        measured = {"none": figure_row(none)}
        for name, forecast in arms.items():
            on_progress(f"{shift.name}: {name}")
            measured[name] = figure_row(found := blocking(forecast)) | change_row(found, none)
        rows[shift.name] = {"load_erlang": traffic.load_erlang, **measured}
    return {
        "topology": topology.name,
        "path_table_hash": plant.path_table.content_hash,
        "policy": agent.name,
        "requests": num_requests,
        "log_requests": log_requests,
        "shifts": rows,
    }


def permuted(forecast: DemandForecast) -> DemandForecast:
    """The same weights on other pairs, the same shares on other bit rates."""
    random = np.random.default_rng(SHIFT_SEED)
    weights, shares = (random.permutation(part).tolist() for part in (forecast.weights, forecast.shares))
    return replace(forecast, weights=tuple(weights), shares=tuple(shares), source_id="placebo")


def figure_row(values: np.ndarray) -> dict[str, object]:
    """Blocking with its interval over runs."""
    found = interval(values)
    return {"request_blocking": found.mean, "ci95": [found.low, found.high]}


def change_row(values: np.ndarray, none: np.ndarray) -> dict[str, object]:
    """The paired change against ``none``, relative: negative is fewer blocked."""
    found, mean = paired_difference(values, none), float(none.mean())
    return {"change": found.mean / mean, "change_ci95": [found.low / mean, found.high / mean]}
