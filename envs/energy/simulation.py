"""Independent runs of an energy policy: power by part, energy per bit, sleeping fibres, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from envs.energy.model import PowerModel
from envs.energy.serve import (
    ENERGY_POLICIES,
    ENERGY_SUMS,
    PowerArrays,
    new_meter,
    power_arrays,
    serve_energy,
)
from envs.errors import PolicyError, TrafficError
from envs.evaluation import Interval, interval
from envs.plant import Plant
from envs.rng import stream_states
from envs.simulation import CHUNK
from envs.state import new_states
from envs.tally import new_tally, results_of
from envs.traffic import PoissonTraffic, draw_requests, new_requests, traffic_arrays


@dataclass(frozen=True)
class EnergyRun:
    """Figures of one run, after the warm-up. Powers are means over time."""

    num_requests: int
    request_blocking: float
    bit_rate_blocking: float
    transponders_w: float
    amplifiers_w: float
    nodes_w: float
    sleeping_links: float  # fibre pairs that are dark in both directions
    lit_gbps: float  # bit rate carried
    carried_gbit: float  # bit rate x holding time of the counted requests that were carried
    span_s: float  # from the first counted arrival to the last

    @property
    def power_w(self) -> float:
        """Of all parts together."""
        return self.transponders_w + self.amplifiers_w + self.nodes_w

    @property
    def energy_per_bit_pj(self) -> float:
        """Power over carried bit rate; not a number where nothing was carried."""
        return 1000.0 * self.power_w / self.lit_gbps if self.lit_gbps > 0 else float("nan")


@dataclass(frozen=True)
class EnergyResult:
    """Figures of a policy at one load; intervals over independent runs (95 %)."""

    policy: str
    load_erlang: float
    request_blocking: Interval
    bit_rate_blocking: Interval
    mean_power_w: Interval
    transponders_w: float
    amplifiers_w: float
    nodes_w: float
    energy_per_bit_pj: Interval
    sleeping_links: Interval
    carried_gbps: float
    num_requests: int
    runs: tuple[EnergyRun, ...]


def simulate_energy(
    plant: Plant,
    traffic: PoissonTraffic,
    model: PowerModel,
    policy: str,
    num_requests: int,
    seed: int,
    num_runs: int = 10,
    warmup: int = 3000,
    on_progress: Callable[[int, int], None] | None = None,
) -> EnergyResult:
    """Figures of a policy under a traffic and a power model.

    Run i of every policy with one seed meets the same requests, so policies may be compared run by run.

    Args:
        plant: the network.
        traffic: what arrives, at a constant rate.
        model: what is charged.
        policy: one of ``ENERGY_POLICIES``.
        num_requests: counted requests of all runs together.
        seed: same seed, same figures.
        num_runs: independent runs that the requests are divided among.
        warmup: requests at the start of each run that are not counted.
        on_progress: called with (runs done, runs in all).

    Raises:
        PolicyError: an unknown policy.
        TrafficError: a rate that varies over the day: arrivals would not see time averages.
    """
    if policy not in ENERGY_POLICIES:
        raise PolicyError(f"unknown energy policy {policy!r}; known: {', '.join(ENERGY_POLICIES)}")
    if traffic.daily_swing:
        raise TrafficError("power is read at arrivals, which see time averages only at a constant rate")
    power = power_arrays(plant, model)
    per_run = max(num_requests // num_runs, 1)
    runs = []
    for run in range(num_runs):
        stream = stream_states(seed, num_runs)[run : run + 1]
        runs.append(_run(plant, traffic, power, ENERGY_POLICIES[policy], per_run, warmup, stream))
        if on_progress:
            on_progress(run + 1, num_runs)
    return EnergyResult(
        policy=policy,
        load_erlang=traffic.load_erlang,
        request_blocking=interval([run.request_blocking for run in runs]),
        bit_rate_blocking=interval([run.bit_rate_blocking for run in runs]),
        mean_power_w=interval([run.power_w for run in runs]),
        transponders_w=float(np.mean([run.transponders_w for run in runs])),
        amplifiers_w=float(np.mean([run.amplifiers_w for run in runs])),
        nodes_w=float(np.mean([run.nodes_w for run in runs])),
        energy_per_bit_pj=interval([run.energy_per_bit_pj for run in runs]),
        sleeping_links=interval([run.sleeping_links for run in runs]),
        carried_gbps=float(np.mean([run.lit_gbps for run in runs])),
        num_requests=sum(run.num_requests for run in runs),
        runs=tuple(runs),
    )


def _run(
    plant: Plant,
    traffic: PoissonTraffic,
    power: PowerArrays,
    policy: int,
    num_requests: int,
    warmup: int,
    stream: np.ndarray,
) -> EnergyRun:
    """One independent run, from an empty network."""
    arrays = traffic_arrays(traffic, plant)
    clock_s = np.zeros(1)
    states = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s)
    meter = new_meter(power, states)
    tally = new_tally(plant, 1, len(traffic.classes))
    sums = np.zeros(1, ENERGY_SUMS)
    done, total = 0, num_requests + warmup
    requests = new_requests(1, CHUNK)
    while done < total:
        length = min(CHUNK, total - done)
        if length != requests.arrival_s.shape[1]:
            requests = new_requests(1, length)
        draw_requests(arrays, stream, clock_s, requests, 0)
        serve_energy(
            plant.arrays, power, states, meter, requests, 0, policy, max(warmup - done, 0), tally, sums
        )
        done += length
    figures, read = results_of(tally, plant)[0], sums[0]
    samples = float(read["samples"])
    return EnergyRun(
        num_requests=figures.num_requests,
        request_blocking=figures.request_blocking,
        bit_rate_blocking=figures.bit_rate_blocking,
        transponders_w=float(read["transponders_w"]) / samples,
        amplifiers_w=float(read["amplifiers_w"]) / samples,
        nodes_w=float(read["nodes_w"]) / samples,
        sleeping_links=float(read["sleeping_fibres"]) / samples,
        lit_gbps=float(read["lit_gbps"]) / samples,
        carried_gbit=float(read["carried_gbit"]),
        span_s=float(read["last_s"] - read["first_s"]),
    )
