"""A small plant and its traffic."""

from __future__ import annotations

import pytest

from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import LatencyClass, PoissonTraffic
from tests.tasks.slots import registry, target, versions  # noqa: F401
from topologies.catalogue import load_topology


@pytest.fixture(scope="session")
def plant() -> Plant:
    spec = PlantSpec(num_slots=32, shared_spectrum=True, k_paths=3, max_candidates=12, starts_per_path=4)
    return build_plant(load_topology("five-node"), spec)


@pytest.fixture(scope="session")
def traffic() -> PoissonTraffic:
    classes = (LatencyClass("urgent", 0.25, 2.0, 1.3), LatencyClass("rest", 0.75))
    return PoissonTraffic(
        load_erlang=40.0, mean_holding_s=100.0, bit_rates_gbps=(25.0, 50.0, 100.0), classes=classes
    )
