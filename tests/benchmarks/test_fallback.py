"""Refusals of a policy in a network that another one has filled."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fallback import refused
from envs.evaluation import replay
from envs.heuristics import baseline
from envs.plant import build_plant
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic, make_trace
from topologies.catalogue import load_topology

TRAFFIC = PoissonTraffic(
    load_erlang=400.0, bit_rates_gbps=(100.0, 200.0, 400.0), classes=(LatencyClass("any", 1.0),)
)


@pytest.mark.long
def test_who_takes_over_from_itself_refuses_as_in_the_twin_and_all_meet_the_same_network() -> None:
    spec = PlantSpec(bands=("L", "C"), channels_per_band=16, k_paths=2, starts_per_path=1, max_candidates=4)
    plant = build_plant(load_topology("five-node"), spec)
    first, other = baseline("band_by_band"), baseline("max_margin")

    found = refused(plant, TRAFFIC, first, (first, other, first), served=150, requests=200, runs=2)

    for run in range(2):
        trace = make_trace(TRAFFIC, plant, 350, seed=run + 1)
        twin = replay(plant, [trace], first, 150)[0]
        assert found[run, 0] == round(200 * twin.request_blocking)
    assert np.array_equal(found[:, 0], found[:, 2])
    assert found[:, 0].min() > 0
    assert not np.array_equal(found[:, 0], found[:, 1])
