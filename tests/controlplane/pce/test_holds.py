"""Slots of decisions on their way: taken for a moment, given back to the bit, in nobody's way."""

import asyncio

import numpy as np
import pytest

from controlplane.pce.databases import Databases
from controlplane.pce.holds import Holds
from envs.candidates import observe
from envs.network import UNTOLD, Network
from envs.request import Request
from tests.controlplane.pce.feeds import ToldChanges


def candidates(plant, network, pair=("A", "C")):
    index = plant.topology.node_index
    return observe(plant, network, Request(index(pair[0]), index(pair[1]), 100.0))[1]


@pytest.fixture
def now_s() -> list[float]:
    return [0.0]


@pytest.fixture
def network(plant) -> Network:
    return Network(plant)


@pytest.fixture
def holds(network, now_s) -> Holds:
    return Holds(network, held_s=5.0, clock=lambda: now_s[0])


def test_what_is_held_is_not_listed_until_its_moment_is_over(plant, network, holds, now_s):
    empty = network.free.copy()
    first = candidates(plant, network)[0]
    holds.take("d1", "s1", first, UNTOLD)
    assert first.first_slot not in {item.first_slot for item in candidates(plant, network)[:1]}
    now_s[0] = 4.9
    holds.expire()
    assert "d1" in holds
    now_s[0] = 5.0
    holds.expire()
    assert len(holds) == 0
    assert np.array_equal(network.free, empty)


def test_a_service_that_asks_again_holds_its_new_slots_only(plant, network, holds):
    listed = candidates(plant, network)
    holds.take("d1", "s1", listed[0], UNTOLD)
    holds.take("d2", "s2", candidates(plant, network)[0], UNTOLD)
    before = network.free.copy()
    holds.take("d3", "s1", listed[0], UNTOLD)  # the same slots: they are its own
    assert ("d1" in holds, "d2" in holds, "d3" in holds) == (False, True, True)
    assert np.array_equal(network.free, before)


def test_lifted_the_network_is_what_it_was_and_afterwards_what_it_is(plant, network, holds):
    empty = network.free.copy()
    for number in range(3):
        holds.take(f"d{number}", f"s{number}", candidates(plant, network)[0], UNTOLD)
    held = network.free.copy()
    with holds.lifted():
        assert np.array_equal(network.free, empty)
    assert np.array_equal(network.free, held)
    holds.end(["d0", "d1", "d2", "unknown"])
    assert np.array_equal(network.free, empty)


@pytest.mark.parametrize("decision_id", ["d1", "another"])
def test_what_the_controller_tells_counts_whatever_is_held(plant, decision_id):
    """Its lightpath, or one of others on the same slots; then a cut of a link with a hold, and its repair."""
    feed = ToldChanges()

    async def run() -> Databases:
        databases = Databases(plant, feed)
        await databases.bring_to(None)
        taken = candidates(plant, databases.network, ("A", "B"))[0]
        databases.holds.take("d1", "s1", taken, UNTOLD)
        block = {"first_slot": taken.first_slot, "num_slots": taken.num_slots}
        told = {"kind": "lightpath-added", "nodes": ["A", "B"], "service_uuid": "s1", **block}
        await databases.bring_to(feed.add(told | {"decision_id": decision_id}))
        assert len(databases.holds) == 0
        databases.holds.take("d2", "s2", candidates(plant, databases.network, ("C", "D"))[0], UNTOLD)
        feed.add({"kind": "link-failed", "nodes": ["D", "C"]})
        await databases.bring_to(feed.add({"kind": "link-repaired", "nodes": ["C", "D"]}))
        assert len(databases.holds) == 0
        return databases

    followed = asyncio.run(run())
    after = Databases(plant, feed)
    asyncio.run(after.bring_to(None))
    assert np.array_equal(followed.network.free, after.network.free)
