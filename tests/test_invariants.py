"""What holds for every policy on every use case, whatever it decides.

Policies are found, not listed: every name that ``simulate`` knows, every trained policy that ships, and the
rule of the page that shows how to add one. Use cases are the scenarios. What does not apply stands in
``EXCEPTIONS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.artefact import load_policy, save_policy
from configs.build import plant_of, traffic_of
from configs.load import load_config, scenario_names
from envs.features import NUM_CONTEXT, NUM_FEATURES
from envs.gsnr.audit import standing_noise
from envs.heuristics import BASELINE_NAMES
from envs.plant import Plant
from envs.policy import ScoringPolicy
from envs.reward import ONLY_BLOCKING
from envs.serving import serve
from envs.simulation import (
    CAPACITY_LOSS,
    DEFRAGMENTATION,
    POLICY_NAMES,
    KernelPolicy,
    policy_named,
    server_of,
)
from envs.state import NetworkStates, active_lightpaths, new_states
from envs.statistics import Statistics, new_statistics
from envs.traffic import PoissonTraffic, Requests, make_trace, requests_of

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "add-a-heuristic.md"
SHIPPED = {folder.name: folder for folder in sorted((PROJECT / "agents" / "data").iterdir())}
OF_THE_PAGE = "of the page"
POLICIES = (*POLICY_NAMES, *SHIPPED, OF_THE_PAGE)
NUM_REQUESTS, CHUNK, LOAD_TIMES = 600, 50, 6
# (policy, use case): these look at slots alone, or move lightpaths, where noise decides.
EXCEPTIONS = tuple((name, "qot-rmbsa") for name in (*CAPACITY_LOSS, DEFRAGMENTATION, OF_THE_PAGE))
PAIRS = [(name, case) for case in scenario_names() for name in POLICIES if (name, case) not in EXCEPTIONS]

# Where it is planned for, nothing that comes disturbs anything: the harder case is held here.
OTHERWISE = {"qot-rmbsa": ["plant.planned_at_full_load=false"]}

Server = Callable[[NetworkStates, Requests, int, Statistics], None]


@cache
def situation(case: str) -> tuple[Plant, PoissonTraffic, Requests]:
    """A use case under so much more than its load that something is blocked."""
    config = load_config(case, OTHERWISE.get(case, []))
    plant, traffic = plant_of(config), traffic_of(config)
    traffic = PoissonTraffic(
        LOAD_TIMES * traffic.load_erlang,
        bit_rates_gbps=traffic.bit_rates_gbps,
        bit_rate_weights=traffic.bit_rate_weights,
        classes=traffic.classes,
    )
    return plant, traffic, requests_of([make_trace(traffic, plant, NUM_REQUESTS, seed=3)], plant)


def policy_of(name: str) -> ScoringPolicy | KernelPolicy:
    return load_policy(SHIPPED[name]) if name in SHIPPED else policy_named(name)


def server(name: str, plant: Plant, traffic: PoissonTraffic) -> Server:
    """What serves requests by a policy."""
    if name != OF_THE_PAGE:
        return server_of(plant, traffic, policy_of(name))
    names: dict[str, Any] = {}
    exec(
        compile(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0], str(PAGE), "exec"), names
    )
    rule = names["EmptiestPath"](*(np.empty(plant.arrays.num_words, np.uint64) for _ in range(2)))
    return lambda states, requests, warmup, statistics: serve(
        plant.arrays, states, requests, 0, rule, warmup, ONLY_BLOCKING, statistics
    )


def part_of(requests: Requests, begin: int, end: int) -> Requests:
    return Requests(*(column[:, begin:end].copy() for column in requests))


def check_spectrum(plant: Plant, states: NetworkStates) -> None:
    """No slot is used twice; a lightpath has the same slots, side by side, on every link of its path."""
    taken = np.zeros((plant.num_units, plant.spec.num_slots), np.int64)
    for lightpath in active_lightpaths(states, 0):
        first_slot, num_slots = int(lightpath["first_slot"]), int(lightpath["num_slots"])
        assert first_slot >= 0
        assert any(b.first_slot <= first_slot and first_slot + num_slots <= b.end_slot for b in plant.bands)
        hops = plant.arrays.path_hops[lightpath["path"]]
        for unit in plant.arrays.path_units[lightpath["path"], :hops]:
            taken[unit, first_slot : first_slot + num_slots] += 1
    assert taken.max() <= 1
    bits = np.unpackbits(states.free[0].view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(bits[:, : plant.spec.num_slots] == 0, taken == 1)
    assert int(states.counters["used_slots"][0]) == taken.sum()


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_spectrum_bounds_and_noise_are_kept_and_departures_give_everything_back(name: str, case: str) -> None:
    plant, traffic, requests = situation(case)
    serve_some = server(name, plant, traffic)
    states = new_states(plant, 1, traffic.load_erlang, traffic.mean_holding_s)
    statistics = new_statistics(plant, 1, len(traffic.classes))

    for begin in range(0, NUM_REQUESTS, CHUNK):
        serve_some(states, part_of(requests, begin, begin + CHUNK), 0, statistics)
        check_spectrum(plant, states)
        if plant.thresholds_db:
            worst, limit = standing_noise(plant, states, 0)
            assert (worst / limit).max() <= 1 + 1e-6  # 4e-6 dB

    assert statistics.bounds["violations"].sum() == 0
    assert statistics.offered.sum() == NUM_REQUESTS
    if name != DEFRAGMENTATION:
        assert 0 < statistics.blocked.sum() < NUM_REQUESTS

    late = part_of(requests, NUM_REQUESTS - 1, NUM_REQUESTS)
    late.arrival_s[:] = requests.arrival_s.max() + 1e6
    late.max_latency_ms[:] = 1e-6  # nothing is that near: it is blocked
    serve_some(states, late, 0, statistics)

    assert int(states.counters["num_active"][0]) == 0
    assert (states.free[0] == plant.arrays.full).all()
    assert not states.parts.energy.lit["mw"].any()


@pytest.mark.parametrize("name", [*BASELINE_NAMES, *SHIPPED])
def test_a_policy_scores_the_same_after_it_was_stored(name: str, tmp_path: Path) -> None:
    policy = policy_of(name)
    assert not isinstance(policy, KernelPolicy)
    plant, _, _ = situation("latency-rsa")
    rng = np.random.default_rng(1)
    shape = (20, plant.spec.max_candidates)

    features = rng.random((*shape, NUM_FEATURES)).astype(np.float32)
    mask, context = rng.random(shape) < 0.7, rng.random((20, NUM_CONTEXT)).astype(np.float32)

    save_policy(policy, tmp_path / "stored")
    again = load_policy(tmp_path / "stored")

    assert np.array_equal(policy.scores(features, mask, context), again.scores(features, mask, context))
