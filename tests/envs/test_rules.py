"""What every rule of the request loop must hold, and the rule that docs/add-a-heuristic.md shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.defragmentation import defragmenting_rule
from envs.features import NUM_FEATURES
from envs.first_fit import FF_KSP, KSP_FF, first_fit_rule
from envs.mscl import KSP_MSCL, MSCL_KSP, capacity_loss_rule
from envs.plant import Plant, PlantSpec, build_plant
from envs.reward import ONLY_BLOCKING
from envs.search import linear_rule
from envs.serving import serve
from envs.state import active_lightpaths, new_states
from envs.tally import new_tally
from envs.traffic import BEST_EFFORT, LatencyClass, PoissonTraffic, Requests, make_trace, requests_of
from topologies.catalogue import load_topology

PAGE = Path(__file__).parents[2] / "docs" / "add-a-heuristic.md"
TRAFFIC = PoissonTraffic(120.0, classes=(*BEST_EFFORT, LatencyClass("urgent", 1.0, 12.0)))
PLANT = build_plant(load_topology("nsfnet"), PlantSpec(num_slots=80, k_paths=4))


def of_the_page(plant: Plant) -> Any:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(blocks[0], str(PAGE), "exec"), names)
    return names["EmptiestPath"](*(np.empty(plant.arrays.num_words, np.uint64) for _ in range(2)))


def room_of(plant: Plant) -> int:
    """Entries for lightpaths in a state under the traffic."""
    return new_states(plant, 1, TRAFFIC.load_erlang, TRAFFIC.mean_holding_s).lightpaths.shape[1]


RULES: dict[str, Callable[[Plant], Any]] = {
    "ksp_ff": lambda plant: first_fit_rule(plant, KSP_FF),
    "ff_ksp": lambda plant: first_fit_rule(plant, FF_KSP),
    "ksp_mscl": lambda plant: capacity_loss_rule(plant, TRAFFIC, KSP_MSCL),
    "mscl_ksp": lambda plant: capacity_loss_rule(plant, TRAFFIC, MSCL_KSP),
    "linear": lambda plant: linear_rule(plant, np.random.default_rng(5).normal(size=NUM_FEATURES)),
    "defragmentation": lambda plant: defragmenting_rule(
        plant, new_states(plant, 1, 120.0, 25.0).lightpaths.shape[1]
    ),
    "of the page": of_the_page,
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_keeps_the_spectrum_and_the_bounds(name: str) -> None:
    rule, num_requests = RULES[name](PLANT), 1500
    requests = requests_of([make_trace(TRAFFIC, PLANT, num_requests, seed=3)], PLANT)
    states, tally = new_states(PLANT, 1, TRAFFIC.load_erlang, TRAFFIC.mean_holding_s), new_tally(PLANT, 1, 2)
    for begin in range(0, num_requests, 100):
        some = Requests(*(np.ascontiguousarray(column[:, begin : begin + 100]) for column in requests))
        serve(PLANT.arrays, states, some, 0, rule, 0, ONLY_BLOCKING, tally)

        taken = np.zeros((PLANT.num_units, PLANT.spec.num_slots), np.int64)
        for lightpath in active_lightpaths(states, 0):
            first_slot, num_slots = int(lightpath["first_slot"]), int(lightpath["num_slots"])
            assert first_slot >= 0
            assert first_slot + num_slots <= PLANT.spec.num_slots
            hops = PLANT.arrays.path_hops[lightpath["path"]]
            for unit in PLANT.arrays.path_units[lightpath["path"], :hops]:
                taken[unit, first_slot : first_slot + num_slots] += 1
        assert taken.max() <= 1  # no slot twice; contiguous and the same on every link by construction
        bits = np.unpackbits(states.free[0].view(np.uint8), axis=1, bitorder="little")
        assert np.array_equal(bits[:, : PLANT.spec.num_slots] == 0, taken == 1)
        assert int(states.book["used_slots"][0]) == taken.sum()

    assert tally.bounds["violations"].sum() == 0
    assert tally.offered.sum() == num_requests
    assert 0 < tally.blocked.sum() < num_requests


def test_departures_give_everything_back() -> None:
    requests = requests_of([make_trace(TRAFFIC, PLANT, 300, seed=4)], PLANT)
    states, tally = new_states(PLANT, 1, TRAFFIC.load_erlang, TRAFFIC.mean_holding_s), new_tally(PLANT, 1, 2)
    rule = first_fit_rule(PLANT, KSP_FF)
    serve(PLANT.arrays, states, requests, 0, rule, 0, ONLY_BLOCKING, tally)
    late = Requests(*(column[:, -1:].copy() for column in requests))
    late.arrival_s[:] = requests.arrival_s.max() + 1e4
    late.max_latency_ms[:] = 1e-3  # nothing is that near: it is blocked

    serve(PLANT.arrays, states, late, 0, rule, 0, ONLY_BLOCKING, tally)

    assert int(states.book["num_active"][0]) == 0
    assert (states.free[0] == PLANT.arrays.full).all()


def test_the_page_runs_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)

    assert "of requests blocked" in capsys.readouterr().out
