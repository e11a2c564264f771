"""A scenario's policies on several networks and loads, on requests that no training draws.

Not here: a single difference with its placebo (``compare.py``), speed (``qot.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.build import plant_of, traffic_of
from configs.load import load_config
from envs.plant import Plant
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
        overrides: of the scenario, ``"traffic.mean_holding_time_s=3600"``.
        wake_time_s: of amplifiers, in the place of the power model's own; None: as it is.
        sleep_after_s: the same.
    """

    scenario: str
    topologies: Sequence[str]
    loads_erlang: Sequence[float]
    policies: Mapping[str, ScoringPolicy | KernelPolicy]
    requests: int
    warmup: int
    overrides: Sequence[str] = ()
    wake_time_s: float | None = None
    sleep_after_s: float | None = None


def results_of_sweep(
    sweep: Sweep, say: Callable[[str], None]
) -> tuple[dict[str, Plant], dict[str, dict[str, dict[str, SimulationResult]]]]:
    """Plants by topology, and results by topology, load (as text) and policy.

    Every policy meets the same requests.

    Raises:
        ConfigError, TopologyError, PolicyError: a scenario, network or policy that does not exist or fit.
    """
    plants: dict[str, Plant] = {}
    found: dict[str, dict[str, dict[str, SimulationResult]]] = {}
    for topology in sweep.topologies:
        config = load_config(sweep.scenario, [*sweep.overrides, f"plant.topology={topology}"])
        say(f"{topology}: building the plant")
        plant, traffic = plant_of(config), traffic_of(config)
        plants[topology] = plant = _waking(plant, sweep)
        for load in sweep.loads_erlang:
            by_policy = found.setdefault(topology, {}).setdefault(f"{load:g}", {})
            for name, policy in sweep.policies.items():
                say(f"{topology}, {load:g} Erlang, {name}")
                offered = replace(traffic, load_erlang=load)
                by_policy[name] = simulate(
                    plant, offered, policy, sweep.requests, SEED, num_runs=RUNS, warmup=sweep.warmup
                )
    return plants, found


def _waking(plant: Plant, sweep: Sweep) -> Plant:
    """The plant with the sweep's times of amplifiers."""
    if plant.power is None:
        return plant
    amplifier = plant.power.amplifier
    if sweep.wake_time_s is not None:
        amplifier = replace(amplifier, wake_time_s=sweep.wake_time_s)
    if sweep.sleep_after_s is not None:
        amplifier = replace(amplifier, sleep_after_s=sweep.sleep_after_s)
    return replace(plant, power=replace(plant.power, amplifier=amplifier))


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
