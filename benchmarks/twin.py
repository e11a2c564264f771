"""How fast the twin is: requests a second per policy, steps a second of the vector environment.

Beside them, in the same run, the naive twin: the same decisions one slot at a time in plain Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np

from benchmarks.naive_ksp_ff import naive_requests_per_s
from configs.build import plant_of
from configs.load import load_config
from envs.candidates import observe
from envs.network import Network
from envs.plant import Plant, build_plant
from envs.request import Request
from envs.settings import benchmark_setting
from envs.simulation import simulate
from topologies.catalogue import load_topology

WARMUP = 3000
REPEATS = 3  # the best of three: other work on the machine only ever slows a run down


def nsfnet(k: int) -> Plant:
    """NSFNET with 100 slots per directed link."""
    setting = benchmark_setting("deeprmsa-nsfnet")
    return build_plant(load_topology(setting.topology), replace(setting.plant, k_paths=k))


def requests_per_s(k: int, policy: str, num_requests: int) -> float:
    """Requests served a second on one core at 250 Erlang, compilation not counted."""
    plant, traffic = nsfnet(k), benchmark_setting("deeprmsa-nsfnet").traffic
    best = 0.0
    for repeat in range(REPEATS):
        result = simulate(plant, traffic, policy, num_requests, repeat, num_runs=2, warmup=WARMUP)
        best = max(best, (result.num_requests + 2 * WARMUP) / result.seconds)  # all that were served
    return best


def vector_env_steps_per_s(num_envs: int = 64, steps: int = 4000, shortlist: int = 0) -> float:
    """Steps a second of the vector environment, with all candidate features and the mask.

    Args:
        num_envs: networks stepped together.
        steps: of each, per repeat.
        shortlist: candidates per request whose after-state is looked at.
    """
    from envs.latency_rsa import LatencyRSAVectorEnv

    setting = benchmark_setting("deeprmsa-nsfnet")
    plant = build_plant(load_topology(setting.topology), replace(setting.plant, shortlist=shortlist))
    env = LatencyRSAVectorEnv(plant, setting.traffic, num_envs)
    env.reset(seed=1)
    actions = np.zeros(num_envs, np.int64)
    best = 0.0
    for _ in range(REPEATS):
        started_s = time.perf_counter()
        for _ in range(steps):
            env.step(actions)
        best = max(best, num_envs * steps / (time.perf_counter() - started_s))
    return best


def _timed_run(seed: int, start_at_s: float) -> int:
    plant, traffic = nsfnet(5), benchmark_setting("deeprmsa-nsfnet").traffic
    simulate(plant, traffic, "ksp_ff", 10_000, seed, num_runs=1)
    while time.time() < start_at_s:
        time.sleep(0.001)
    simulate(plant, traffic, "ksp_ff", 20_000_000, seed, num_runs=1)
    return 20_000_000


def two_process_requests_per_s() -> float:
    """Requests served a second by two processes side by side, from a common start to the last one's end."""
    start_at_s = time.time() + 15
    with ProcessPoolExecutor(2) as pool:
        served = sum(pool.map(_timed_run, (1, 2), (start_at_s, start_at_s)))
    return served / (time.time() - start_at_s)


def pce_observation_ms(num_standing: int = 120, num_requests: int = 2000) -> float:
    """Milliseconds of an observation as the PCE makes it, on the latency scenario."""
    plant = plant_of(load_config("latency-rsa"))
    network, rng = Network(plant), np.random.default_rng(1)

    def asked() -> Request:
        source, destination = (int(node) for node in rng.choice(plant.num_nodes, 2, replace=False))
        return Request(source, destination, 75.0)

    for _ in range(num_standing):
        _, listed = observe(plant, network, asked())
        if listed:
            network.provision(listed[0].nodes, listed[0].first_slot, listed[0].num_slots)
    requests = [asked() for _ in range(num_requests)]
    best = np.inf
    for _ in range(REPEATS):
        started_s = time.perf_counter()
        for request in requests:
            observe(plant, network, request)
        best = min(best, (time.perf_counter() - started_s) * 1000 / num_requests)
    return best


def compile_s() -> float:
    """Seconds until the first request is served when nothing is in the kernel cache yet."""
    from numba import njit

    from envs.first_fit import KSP_FF, first_fit_rule
    from envs.reward import ONLY_BLOCKING
    from envs.rng import stream_states
    from envs.serving import serve_row
    from envs.state import new_states
    from envs.statistics import new_statistics
    from envs.traffic import draw_requests, new_requests, traffic_arrays

    plant, traffic = nsfnet(5), benchmark_setting("deeprmsa-nsfnet").traffic
    requests = new_requests(1, 10)
    draw_requests(traffic_arrays(traffic, plant), stream_states(1, 1), np.zeros(1), requests, 0)
    states = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s)
    started_s = time.perf_counter()
    rule, statistics = first_fit_rule(plant, KSP_FF), new_statistics(plant, 1, 1)
    njit(error_model="numpy")(serve_row.py_func)(
        plant.arrays, states, requests, 0, rule, 0, ONLY_BLOCKING, statistics
    )
    return time.perf_counter() - started_s


def figures(on_progress: Callable[[str], None]) -> dict[str, float]:
    """All rows of the table.

    Args:
        on_progress: called with what is measured next.
    """
    rows: dict[str, Callable[[], float]] = {
        "ksp_ff_k5_per_s": lambda: requests_per_s(5, "ksp_ff", 10_000_000),
        "ksp_ff_k50_per_s": lambda: requests_per_s(50, "ksp_ff", 5_000_000),
        "mscl_ksp_k5_per_s": lambda: requests_per_s(5, "mscl_ksp", 60_000),
        "ksp_mscl_k5_per_s": lambda: requests_per_s(5, "ksp_mscl", 100_000),
        "vector_env_steps_per_s": vector_env_steps_per_s,
        "vector_env_after_state_2_steps_per_s": lambda: vector_env_steps_per_s(steps=1000, shortlist=2),
        "vector_env_after_state_8_steps_per_s": lambda: vector_env_steps_per_s(steps=1000, shortlist=8),
        "linear_policy_per_s": lambda: requests_per_s(5, "least_fragmentation", 500_000),
        "two_process_ksp_ff_k5_per_s": two_process_requests_per_s,
        "naive_ksp_ff_k5_per_s": lambda: naive_requests_per_s(nsfnet(5)),
        "pce_observation_ms": pce_observation_ms,
        "compile_s": compile_s,
    }
    measured = {}
    for name, measure in rows.items():
        on_progress(name)
        measured[name] = measure()
    return measured
