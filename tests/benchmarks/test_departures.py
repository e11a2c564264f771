"""What is compared: the same requests in every arm, and a placebo that tells nothing of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.departures import DAY_S, FAR, arms_of, traffic_of
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from envs.traffic import make_trace
from topologies.catalogue import load_topology


@pytest.fixture(scope="module")
def plant() -> Plant:
    return build_plant(load_topology("five-node"), PlantSpec(k_paths=2, departures_known=True))


def test_classes_stay_as_they_are_called_and_the_one_exponential_has_their_mean(plant: Plant) -> None:
    classes, one = traffic_of(True), traffic_of(False)
    trace = make_trace(replace(classes, load_erlang=20.0), plant, 60_000, seed=1)
    held_s = [trace.holding_s[trace.service_class == index].mean() for index in range(3)]
    assert np.array(held_s) / DAY_S == pytest.approx([1.0, 7.0, 30.0], rel=0.05)
    assert classes.offered_holding_s == pytest.approx(one.offered_holding_s)
    assert one.offered_holding_s == pytest.approx(trace.holding_s.mean(), rel=0.05)


def test_arms_meet_the_same_requests_and_the_placebo_tells_what_others_tell(plant: Plant) -> None:
    traffic = replace(traffic_of(True, told_share=0.5), load_erlang=20.0)
    without, right, placebo = (
        (arm, arm.tells(make_trace(arm.traffic, arm.plant, 500, seed=4))) for arm in arms_of(plant, traffic)
    )
    for _, trace in (right, placebo):
        for name in ("arrival_s", "holding_s", "source", "bit_rate_gbps"):
            assert np.array_equal(getattr(trace, name), getattr(without[1], name))
    assert without[1].told_s is None
    told, moved = right[1].told_s, placebo[1].told_s
    assert told is not None
    assert moved is not None
    assert sorted(FAR * told) == sorted(moved)
    assert (FAR * told != moved).sum() > 100
    assert (right[1].service_class != placebo[1].service_class).sum() > 100
    assert without[0].plant.forecast is None
    ours, theirs = right[0].plant.forecast, placebo[0].plant.forecast
    assert ours is not None
    assert theirs is not None
    assert [item.rest_s[0] * FAR for item in ours.rests] == [item.rest_s[0] for item in theirs.rests]
    assert set(ours.weights) == {1.0}
