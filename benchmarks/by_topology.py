"""A scenario's policies on several networks and loads, on requests that no training draws.

Not here: a single difference with its placebo (``compare.py``), speed (``qot.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.build import plant_of, traffic_of
from configs.load import load_config
from envs.policy import ScoringPolicy
from envs.simulation import KernelPolicy, SimulationResult, simulate

SEED = 20261130  # of no training, gate or table of the docs
RUNS = 10


@dataclass(frozen=True)
class Sweep:
    """What is simulated.

    Attributes:
        scenario: whose plant and traffic; network and load are replaced.
        topologies: names of the catalogue.
        loads_erlang: offered loads.
        policies: by name.
        requests: counted requests of each policy at each load, over ``RUNS`` runs.
        warmup: requests before them in each run.
    """

    scenario: str
    topologies: Sequence[str]
    loads_erlang: Sequence[float]
    policies: Mapping[str, ScoringPolicy | KernelPolicy]
    requests: int
    warmup: int


def results_of_sweep(
    sweep: Sweep, say: Callable[[str], None]
) -> dict[str, dict[str, dict[str, SimulationResult]]]:
    """Results by topology, load (as text) and policy; every policy meets the same requests.

    Raises:
        ConfigError, TopologyError, PolicyError: a scenario, network or policy that does not exist or fit.
    """
    found: dict[str, dict[str, dict[str, SimulationResult]]] = {}
    for topology in sweep.topologies:
        config = load_config(sweep.scenario, [f"plant.topology={topology}"])
        say(f"{topology}: building the plant")
        plant, traffic = plant_of(config), traffic_of(config)
        for load in sweep.loads_erlang:
            by_policy = found.setdefault(topology, {}).setdefault(f"{load:g}", {})
            for name, policy in sweep.policies.items():
                say(f"{topology}, {load:g} Erlang, {name}")
                offered = replace(traffic, load_erlang=load)
                by_policy[name] = simulate(
                    plant, offered, policy, sweep.requests, SEED, num_runs=RUNS, warmup=sweep.warmup
                )
    return found


def nested(
    results: Mapping[str, Mapping[str, Mapping[str, SimulationResult]]],
    figure: Callable[[SimulationResult], Any],
) -> dict[str, dict[str, dict[str, Any]]]:
    """``{topology: {load: {policy: figure}}}``."""
    return {
        topology: {
            load: {name: figure(result) for name, result in policies.items()}
            for load, policies in loads.items()
        }
        for topology, loads in results.items()
    }
