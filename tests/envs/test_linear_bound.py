"""The linear bound against closed formulas, every way to place a few requests, and policies."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import poisson

from envs.errors import PlantError, TrafficError
from envs.linear_bound import OfferedSnapshot, SnapshotDraws, fewest_removed, linear_bound
from envs.plant import Plant, build_plant
from envs.simulation import simulate
from envs.spec import PlantSpec
from envs.traffic import DiurnalTraffic, LatencyClass, PoissonTraffic
from tests import naive
from topologies.catalogue import load_topology
from topologies.model import Fibre, Node, Topology

LINK = Topology("link", "test", (Node("a", 0, 0), Node("b", 1, 1)), (Fibre("a", "b", 100.0),))
RING = Topology(
    "ring",
    "test",
    tuple(Node(name, 0, 0) for name in "abcd"),
    (Fibre("a", "b", 300.0), Fibre("b", "c", 400.0), Fibre("c", "d", 300.0), Fibre("d", "a", 400.0)),
)


def test_one_link_has_closed_formulas() -> None:
    # E[(N - 10)+] / 12 of Poisson N, and Erlang B for who accepts what fits.
    plant = build_plant(LINK, PlantSpec(num_slots=10, guard_slots=0, k_paths=1, shared_spectrum=True))
    traffic = PoissonTraffic(12.0, 1.0, truncate_holding=False, bit_rates_gbps=(12.5,))
    found = linear_bound(plant, traffic, 1500)
    above = np.arange(11, 80)
    assert found.proven.low < ((above - 10) * poisson.pmf(above, 12.0)).sum() / 12.0 < found.proven.high
    assert found.optimistic.low < naive.erlang_b(12.0, 10) < found.optimistic.high
    assert found.proven.half_width < 0.025


def most_carried(plant: Plant, demands: OfferedSnapshot) -> int:
    """By trying every path, or none, for every request: slots anywhere on a link, as the bound has it."""
    requests = [c for c, count in enumerate(demands.number) for _ in range(count)]
    most = 0
    for choice in product(*([-1, *np.flatnonzero(demands.path[c] >= 0)] for c in requests)):
        load = np.zeros(plant.num_units, np.int64)
        for c, k in zip(requests, choice, strict=True):
            if k >= 0:
                path = demands.path[c, k]
                np.add.at(
                    load, plant.arrays.path_units[path, : plant.arrays.path_hops[path]], demands.slots[c, k]
                )
        if load.max() <= plant.spec.num_slots:
            most = max(most, sum(k >= 0 for k in choice))
    return most


def test_no_more_are_removed_than_a_search_of_all_placements_removes() -> None:
    plant = build_plant(RING, PlantSpec(num_slots=6, guard_slots=0, k_paths=2, shared_spectrum=True))
    traffic = PoissonTraffic(8.0, 1.0, truncate_holding=False, bit_rates_gbps=(25.0, 100.0, 200.0))
    snapshots, random = SnapshotDraws(plant, traffic), np.random.default_rng(1)
    exact = tried = 0
    while tried < 40:
        demands = snapshots.draw(random)
        if not 5 <= demands.number.sum() <= 8:
            continue
        fewest = int(demands.number.sum()) - most_carried(plant, demands)
        bound = fewest_removed(plant, demands)
        assert bound <= fewest
        tried, exact = tried + 1, exact + (bound == fewest and fewest > 0)
    assert exact >= 5  # and it is no empty promise


def test_no_policy_is_below_it_and_paths_over_a_bound_on_latency_do_not_count() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=16, k_paths=5))
    traffic = PoissonTraffic(40.0, 1.0, truncate_holding=True, bit_rates_gbps=(50.0, 100.0))
    found = linear_bound(plant, traffic, 1000)
    least = min(
        simulate(plant, traffic, policy, 40_000, 1).request_blocking.high for policy in ("ksp_ff", "ff_ksp")
    )
    assert 0.0 < found.proven.low < found.optimistic.mean < least
    tight = replace(traffic, classes=(LatencyClass("urgent", 1.0, 0.0, 1.0),))  # the fastest path or none
    assert linear_bound(plant, tight, 500).proven.low > found.proven.high


def test_what_the_bound_does_not_know_is_refused() -> None:
    plant = build_plant(load_topology("five-node"), PlantSpec(num_slots=16, k_paths=2))
    with pytest.raises(TrafficError, match="knows one load"):
        linear_bound(plant, DiurnalTraffic(20.0))
    with pytest.raises(TrafficError, match="one mean holding time"):
        linear_bound(plant, PoissonTraffic(20.0, classes=(LatencyClass("long", 1.0, mean_holding_s=99.0),)))
    with pytest.raises(ValueError, match="num_snapshots is 3"):
        linear_bound(plant, PoissonTraffic(20.0), 3)
    bands = build_plant(load_topology("five-node"), PlantSpec(bands=("C",), channels_per_band=8, k_paths=2))
    with pytest.raises(PlantError, match="reach decides"):
        linear_bound(bands, PoissonTraffic(20.0))
