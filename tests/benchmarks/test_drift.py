"""The drift benchmark: how it counts alarms and delays; a little of what it measures."""

from __future__ import annotations

import pytest

from benchmarks.drift import STATIONARY, alarms_in, delay, of_trace, shifts
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import make_trace
from tasks.limits import DriftLimits
from tasks.traffic_reference import TrafficReference, make_reference
from topologies.catalogue import load_topology


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build_plant(load_topology("nsfnet"), PlantSpec(shared_spectrum=True))


@pytest.fixture(scope="module")
def reference(plant: Plant) -> TrafficReference:
    return make_reference([make_trace(STATIONARY, plant, 30_000, 1)])


def test_unchanged_traffic_is_looked_at_to_its_end(reference: TrafficReference, plant: Plant) -> None:
    trace = make_trace(STATIONARY, plant, 1000, 5)

    assert alarms_in(reference, of_trace(trace), trace.num_requests, DriftLimits()) == []


def test_a_delay_is_counted_from_the_change_and_an_alarm_is_followed_by_a_rest(
    reference: TrafficReference, plant: Plant
) -> None:
    changed = make_trace(shifts(plant.num_nodes)["class mix"], plant, 2000, 5)
    limits = DriftLimits(cool_down_requests=300)

    alarms = alarms_in(reference, of_trace(changed), changed.num_requests, limits)

    assert alarms[0] <= 500
    assert alarms[1] >= alarms[0] + limits.cool_down_requests + limits.min_requests
    assert delay(reference, changed, 0, limits) == alarms[0]
    assert delay(reference, changed, 1999, DriftLimits(min_requests=1999)) in (1, None)
