"""Waking amplifiers: the closed form of one pair, and a slow twin that looks at each moment."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from envs.energy.model import DEFAULT_FILE, PowerModelError, load_power_model
from envs.energy.waking import SetUpLog, waking
from envs.errors import PolicyError
from envs.evaluation import interval
from envs.failures import FibreCut
from envs.plant import Plant, build_plant
from envs.simulation import SimulationResult, simulate
from envs.spec import PlantSpec
from envs.traffic import PoissonTraffic
from tests import naive_power
from topologies.catalogue import load_topology
from topologies.model import Fibre, Node, Topology

LINK = Topology("link", "test", (Node("a", 0, 0), Node("b", 1, 1)), (Fibre("a", "b", 400.0),))
TRAFFIC = PoissonTraffic(1.8, mean_holding_s=25.0, truncate_holding=False, bit_rates_gbps=(12.5,))


def plant_of(topology: Topology, sleep_after_s: float, wake_time_s: float, k_paths: int = 1) -> Plant:
    plant = build_plant(topology, PlantSpec(128, guard_slots=0, k_paths=k_paths, power_model="default"))
    assert plant.power is not None
    amplifier = replace(plant.power.amplifier, sleep_after_s=sleep_after_s, wake_time_s=wake_time_s)
    return replace(plant, power=replace(plant.power, amplifier=amplifier))


def on_link(sleep_after_s: float, wake_time_s: float) -> SimulationResult:
    plant = plant_of(LINK, sleep_after_s, wake_time_s)
    return simulate(plant, TRAFFIC, "ksp_ff", 200_000, seed=3, num_runs=20, warmup=200)


def contains(values: list[float], truth: float) -> bool:
    found = interval(values, 0.999)
    return found.low <= truth <= found.high and found.half_width < 0.05 * abs(truth)


def test_one_pair_is_an_infinite_server_queue() -> None:
    """Dark with probability exp(-a); dark periods are exponential, so it still stays awake for part of them.

    It is woken at the rate r exp(-a - r h), r requests a second; of those that come while it wakes for w < h
    all wait, r w on the average and w / 2 each.
    """
    erlang, rate_per_s, held_s, wake_s = 1.8, 1.8 / 25.0, 10.0, 5.0
    asleep = math.exp(-erlang - rate_per_s * held_s)
    pair_w = naive_power.fibre_pair_w(plant_of(LINK, 0.0, 0.0), load_power_model(), 0)

    plain, counted = on_link(0.0, 0.0), on_link(held_s, wake_s)

    runs = [run.power for run in counted.runs if run.power]
    assert contains([run.amplifiers_w for run in runs], (1 - asleep) * pair_w)
    assert contains([run.held_w for run in runs], (math.exp(-erlang) - asleep) * pair_w)
    assert contains([run.waiting_share for run in runs], asleep * (1 + rate_per_s * wake_s))
    mean_s = wake_s * (1 + rate_per_s * wake_s / 2) / (1 + rate_per_s * wake_s)
    assert contains([run.mean_wait_s for run in runs], mean_s)
    assert counted.request_blocking == plain.request_blocking
    for with_it, without in zip(counted.runs, plain.runs, strict=True):
        assert with_it.power
        assert without.power
        assert with_it.power.amplifiers_w - with_it.power.held_w == pytest.approx(without.power.amplifiers_w)
        assert (without.power.held_w, without.power.waiting_share, without.power.mean_wait_s) == (0, 0, 0)


@pytest.mark.parametrize(("sleep_after_s", "wake_time_s"), [(0.0, 3.0), (4.0, 0.0), (2.0, 7.0)])
def test_figures_equal_a_twin_that_looks_at_each_moment(sleep_after_s: float, wake_time_s: float) -> None:
    plant = plant_of(load_topology("five-node"), sleep_after_s, wake_time_s, k_paths=3)
    random = np.random.default_rng(5)
    arrival_s = np.cumsum(random.exponential(2.0, 120))
    path = random.integers(0, plant.path_table.num_paths, 120)
    path[random.random(120) < 0.2] = -1
    log = SetUpLog(arrival_s, arrival_s + random.exponential(6.0, 120), path)

    found = waking(plant, log, 20)

    waits_s, held_ws = naive(plant, log, 20, sleep_after_s, wake_time_s)
    waited = [wait_s for wait_s in waits_s if wait_s is not None]
    assert 0 < len(waited) < len(waits_s)
    assert found.waiting_share == pytest.approx(len(waited) / len(waits_s))
    assert found.mean_wait_s == pytest.approx(sum(waited) / len(waited))
    assert found.held_w == pytest.approx(held_ws / (arrival_s[-1] - arrival_s[20]))


def naive(
    plant: Plant, log: SetUpLog, warmup: int, sleep_after_s: float, wake_time_s: float
) -> tuple[list[float | None], float]:
    """Wait of each counted lightpath, None where nothing slept; watt seconds of what is dark and awake."""
    waits_s: list[float | None] = [None] * len(log.path)
    held_ws = 0.0
    for fibre in range(len(plant.topology.fibres)):
        on_it = [
            t
            for t, path in enumerate(log.path)
            if path >= 0 and {link // 2 for link in plant.path_table.links(int(path))} & {fibre}
        ]
        awake_from_s = math.inf
        for index, t in enumerate(on_it):
            now_s = log.arrival_s[t]
            last_s = max((log.end_s[other] for other in on_it[:index]), default=-math.inf)
            asleep = now_s >= last_s + sleep_after_s
            if asleep:
                awake_from_s = now_s + wake_time_s
            if asleep or now_s < awake_from_s:
                waits_s[t] = max(waits_s[t] or 0.0, awake_from_s - now_s)
        moments = {log.arrival_s[warmup], log.arrival_s[-1]}
        for t in on_it:
            moments |= {log.arrival_s[t], log.end_s[t], log.end_s[t] + sleep_after_s}
        sorted_s = sorted(m for m in moments if log.arrival_s[warmup] <= m <= log.arrival_s[-1])
        for begin_s, end_s in pairwise(sorted_s):
            now_s = (begin_s + end_s) / 2
            gone_s = [log.end_s[t] for t in on_it if log.arrival_s[t] <= now_s]
            if gone_s and max(gone_s) <= now_s < max(gone_s) + sleep_after_s:
                held_ws += (end_s - begin_s) * naive_power.fibre_pair_w(plant, load_power_model(), fibre)
    counted = [waits_s[t] for t in range(warmup, len(log.path)) if log.path[t] >= 0]
    return counted, held_ws


def test_where_lightpaths_do_not_stay_it_is_refused() -> None:
    plant = plant_of(load_topology("five-node"), 1.0, 0.0)
    for policy, cuts in (("defragmentation", ()), ("ksp_ff", (FibreCut(0, 10, 20),))):
        with pytest.raises(PolicyError, match="wake_time_s and sleep_after_s are counted in one band"):
            simulate(plant, TRAFFIC, policy, 100, seed=1, cuts=cuts)


def test_both_times_stand_in_the_file(tmp_path: Path) -> None:
    document, file = json.loads(DEFAULT_FILE.read_text()), tmp_path / "power.json"
    document["amplifier"] |= {"wake_time_s": 60, "sleep_after_s": 3600.5}
    file.write_text(json.dumps(document))
    amplifier = load_power_model(file).amplifier
    assert (amplifier.wake_time_s, amplifier.sleep_after_s) == (60.0, 3600.5)

    document["amplifier"]["wake_time_s"] = -1
    file.write_text(json.dumps(document))
    with pytest.raises(PowerModelError, match=r"amplifier\.wake_time_s is -1; it cannot be negative"):
        load_power_model(file)
