"""A policy on networks, loads and traffic it has never seen, beside first fit and least capacity loss.

Every case is set at the load where the best KSP-FF blocks about half a per cent, so that no case is easy, and
every policy meets the same streams of requests. Cases: other catalogue networks, networks from files, a
network that has lost a fibre, node pairs that ask unevenly, and a trace of measured demands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from benchmarks.carried import LoadCurve
from benchmarks.policy import ORDERS
from envs.evaluation import interval, paired_difference, replay
from envs.heuristics import baseline
from envs.plant import Plant, build_plant
from envs.policy import ScoringPolicy
from envs.settings import SETTINGS, agent_plant
from envs.simulation import simulate
from envs.sndlib import MatrixTraffic, scale_for, trace_from_demands
from envs.sndlib_files import Demands, read_demands
from envs.spec import PlantSpec
from envs.trace import Trace
from topologies.catalogue import load_topology
from topologies.model import Topology

BASE = SETTINGS["deeprmsa-nsfnet"]
TARGET_BLOCKING = 5e-3
FIRST_GUESS_ERLANG = 150.0
MSCL_K = (5, 10)
UNEVENNESS = 1.0  # standard deviation of the logarithm of a node pair's weight
DAYS = 8  # of measured demands, each a run of its own; the interval comes from them
TRACE_TRAFFIC: dict[str, Any] = {"mean_holding_s": 900.0, "bit_rates_gbps": BASE.traffic.bit_rates_gbps}


@dataclass(frozen=True)
class Case:
    """A network and what is asked of it."""

    name: str
    topology: Topology
    pair_weights: np.ndarray | None = None  # (num_nodes, num_nodes)
    demands: Path | None = None  # a file of measured demands in the place of drawn traffic


def cases(topology_files: Sequence[Path], demands: Path | None) -> Iterator[Case]:
    """What is measured: what ships, then what the files add."""
    for name in ("german17", "abilene"):
        yield Case(name, load_topology(name))
    for file in topology_files:
        yield Case(file.stem, load_topology(file))
    nsfnet = load_topology("nsfnet")
    yield Case("nsfnet, a fibre cut", without_longest_fibre(nsfnet))
    random = np.random.default_rng(7)
    weights = np.exp(UNEVENNESS * random.standard_normal((nsfnet.num_nodes, nsfnet.num_nodes)))
    yield Case("nsfnet, uneven pairs", nsfnet, weights)
    if demands is not None:
        yield Case("abilene, measured demands", load_topology("abilene"), demands=demands)


def without_longest_fibre(topology: Topology) -> Topology:
    """The network without its longest fibre that is no bridge."""
    bridges = {frozenset(edge) for edge in nx.bridges(topology.graph())}
    spare = [item for item in topology.fibres if frozenset((item.node_a, item.node_b)) not in bridges]
    cut = max(spare, key=lambda item: item.length_km)
    rest = tuple(item for item in topology.fibres if item != cut)
    return Topology(
        f"{topology.name} without {cut.node_a}-{cut.node_b}", topology.source, topology.nodes, rest
    )


def figures(
    agent: ScoringPolicy,
    topology_files: Sequence[Path],
    demands: Path | None,
    num_requests: int,
    on_progress: Callable[[str], None],
    processes: int = 1,
) -> list[dict[str, object]]:
    """One row per case: blocking of the agent, the best KSP-FF and the best MSCL, and the paired gain.

    Args:
        agent: the policy.
        topology_files: networks that an importer reads.
        demands: measured demands of Abilene (SNDlib), or None.
        num_requests: counted requests per policy and case; MSCL gets a fifth.
        on_progress: told what is measured next.
        processes: that share the work.
    """
    rows = []
    for case in cases(topology_files, demands):
        on_progress(case.name)
        measure = _on_trace if case.demands else _on_traffic
        rows.append({"case": case.name, **measure(agent, case, num_requests, processes)})
    return rows


def _on_traffic(agent: ScoringPolicy, case: Case, num_requests: int, processes: int) -> dict[str, object]:
    traffic = replace(BASE.traffic, pair_weights=case.pair_weights)
    first_fit = build_plant(case.topology, replace(BASE.plant, k_paths=50))
    curve = LoadCurve(first_fit, traffic, "ksp_ff", num_requests, processes)
    load = curve.carried_erlang(TARGET_BLOCKING, FIRST_GUESS_ERLANG, 2)
    traffic = replace(traffic, load_erlang=load)

    def blocking(spec: PlantSpec, policy: str | ScoringPolicy, requests: int) -> np.ndarray:
        plant = build_plant(case.topology, spec)
        found = simulate(plant, traffic, policy, requests, seed=2, processes=processes)
        return np.array([run.request_blocking for run in found.runs])

    own = blocking(agent_plant(replace(BASE, traffic=traffic)), agent, num_requests)
    fits = {
        f"ksp_ff K={k} {order}": blocking(
            replace(BASE.plant, k_paths=k, path_order=order), "ksp_ff", num_requests
        )
        for k in (5, 50)
        for order in ORDERS
    }
    losses = {
        f"mscl_ksp K={k}": blocking(replace(BASE.plant, k_paths=k), "mscl_ksp", num_requests // 5)
        for k in MSCL_K
    }
    return {"load_erlang": load, **_row(own, fits, losses)}


def _on_trace(agent: ScoringPolicy, case: Case, num_requests: int, processes: int) -> dict[str, object]:
    """The same on ``DAYS`` days of measured demands; their volume decides how many requests there are."""
    assert case.demands is not None
    days = read_demands(case.demands).select(num_days=DAYS)
    scale = scale_for(days, MatrixTraffic(load_erlang=FIRST_GUESS_ERLANG, **TRACE_TRAFFIC))
    first_fit = build_plant(case.topology, replace(BASE.plant, k_paths=50))
    for _ in range(8):  # blocking rises steeply with the scale: a few steps bring it near the target
        found = _replayed(first_fit, baseline("ksp_ff"), _traces(days, scale, first_fit)).mean()
        if abs(np.log(max(found, 1e-5) / TARGET_BLOCKING)) < 0.3:
            break
        scale *= float(np.clip((TARGET_BLOCKING / max(found, 1e-5)) ** 0.2, 0.6, 1.6))
    traces = _traces(days, scale, first_fit)
    load = scale * days.mean_total_gbps / float(np.mean(BASE.traffic.bit_rates_gbps))
    spec = agent_plant(BASE)
    own = _replayed(build_plant(case.topology, spec), agent, traces)
    fits = {}
    for k in (5, 50):
        for order in ORDERS:
            plant = build_plant(case.topology, replace(BASE.plant, k_paths=k, path_order=order))
            fits[f"ksp_ff K={k} {order}"] = _replayed(plant, baseline("ksp_ff"), traces)
    everything = build_plant(case.topology, replace(spec, shortlist=spec.max_candidates))
    losses = {"least_capacity_loss": _replayed(everything, baseline("least_capacity_loss"), traces)}
    return {"load_erlang": load, **_row(own, fits, losses)}


def _traces(days: Demands, scale: float, plant: Plant) -> list[Trace]:
    traffic = MatrixTraffic(scale=scale, **TRACE_TRAFFIC)
    return [trace_from_demands(days.select(1 + day, 1), traffic, plant, seed=day) for day in range(DAYS)]


def _replayed(plant: Plant, policy: ScoringPolicy, traces: Sequence[Trace]) -> np.ndarray:
    return np.array([item.request_blocking for item in replay(plant, traces, policy, 1000)])


def _row(own: np.ndarray, fits: dict[str, np.ndarray], losses: dict[str, np.ndarray]) -> dict[str, object]:
    best_fit = min(fits, key=lambda name: fits[name].mean())
    best_loss = min(losses, key=lambda name: losses[name].mean())
    gain = paired_difference(fits[best_fit], own)
    return {
        "agent": _figure(own),
        "best_ksp_ff": {"policy": best_fit, **_figure(fits[best_fit])},
        "best_mscl": {"policy": best_loss, **_figure(losses[best_loss])},
        "gain_over_ksp_ff_ci95": [gain.low, gain.high],
    }


def _figure(values: np.ndarray) -> dict[str, object]:
    found = interval(values)
    return {"request_blocking": found.mean, "ci95": [found.low, found.high]}
