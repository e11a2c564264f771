"""The databases show what the controller's feed says, through resets, restarts and feeds that do not fit."""

import asyncio
import threading
from typing import Any

import httpx
import numpy as np
import pytest

from controlplane.pce.controller_feed import ChangePage, DatabasesError, HttpControllerFeed
from controlplane.pce.databases import Databases
from envs.network import Network
from tests.controlplane.pce.feeds import ToldChanges

INDEX = {name: index for index, name in enumerate("ABCD")}


def lightpath(
    service: str, nodes: str, first_slot: int, num_slots: int, kind: str = "added"
) -> dict[str, Any]:
    return {
        "kind": f"lightpath-{kind}",
        "service_uuid": service,
        "nodes": list(nodes),
        "first_slot": first_slot,
        "num_slots": num_slots,
    }


def occupied(plant, *lightpaths: tuple[str, int, int], failed: tuple[str, ...] = ()) -> np.ndarray:
    network = Network(plant)
    for nodes, first_slot, num_slots in lightpaths:
        network.provision([INDEX[name] for name in nodes], first_slot, num_slots)
    for ends in failed:
        network.fail_link(*(INDEX[name] for name in ends))
    return network.occupied()


def test_additions_removals_failures_and_repairs_are_followed(plant):
    feed, databases = ToldChanges(), None

    async def run() -> None:
        nonlocal databases
        databases = Databases(plant, feed)
        feed.add(lightpath("s1", "ABC", 0, 4))
        version = feed.add(lightpath("s2", "AC", 4, 3))
        await databases.bring_to(version)
        assert databases.version == 2
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("ABC", 0, 4), ("AC", 4, 3)))
        feed.add(lightpath("s1", "ABC", 0, 4, "removed"))
        feed.add({"kind": "link-failed", "nodes": ["A", "D"]})
        await databases.bring_to(4)
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("AC", 4, 3), failed=("AD",)))
        assert databases.failed_links == {frozenset("AD")}
        await databases.bring_to(feed.add({"kind": "link-repaired", "nodes": ["D", "A"]}))
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("AC", 4, 3)))

    asyncio.run(run())
    assert (feed.snapshots, feed.pulls) == (1, [2, 2, 4])


def test_a_lightpath_moved_after_a_cut_is_where_it_was_moved_to(plant):
    feed = ToldChanges()

    async def run() -> None:
        databases = Databases(plant, feed)
        await databases.bring_to(feed.add(lightpath("s1", "AC", 0, 4)))
        feed.add({"kind": "link-failed", "nodes": ["A", "C"]})
        feed.add(lightpath("s1", "AC", 0, 4, "removed"))
        feed.add(lightpath("s1", "ABC", 0, 4))
        await databases.bring_to(4)
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("ABC", 0, 4), failed=("AC",)))
        # the same in the other order: new before old
        feed.add(lightpath("s1", "ADC", 8, 4))
        feed.add(lightpath("s1", "ABC", 0, 4, "removed"))
        await databases.bring_to(6)
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("ADC", 8, 4), failed=("AC",)))

    asyncio.run(run())


def test_a_controller_with_a_new_database_resets_the_copy(plant, monkeypatch):
    monkeypatch.setattr("controlplane.pce.databases._LATELY_S", 0.0)  # as after a moment
    feed = ToldChanges()

    async def run() -> None:
        databases = Databases(plant, feed)
        for slot in range(0, 20, 4):
            feed.add(lightpath(f"s{slot}", "AB", slot, 4))
        await databases.bring_to(5)
        feed.log.clear()
        await databases.bring_to(feed.add(lightpath("new", "CD", 7, 2)))
        assert databases.version == 1
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("CD", 7, 2)))

    asyncio.run(run())


def test_who_asks_at_once_for_versions_that_are_there_shares_a_look_at_the_controller(plant):
    class Distant(ToldChanges):
        async def changes(self, since, store):
            await asyncio.sleep(0.01)
            return await super().changes(since, store)

    feed = Distant()

    async def run() -> None:
        databases = Databases(plant, feed)
        await databases.bring_to(None)
        for slot in range(0, 32, 2):
            feed.add(lightpath(f"s{slot}", "AB", slot, 2))
        feed.pulls.clear()
        await asyncio.gather(*(databases.bring_to(version) for version in (3, 9, 16, 1, 12)))
        assert (databases.version, len(feed.pulls)) == (16, 1)
        # Without a version a look counts that began after the question came: one for the first, one for all.
        await asyncio.gather(*(databases.bring_to(None) for _ in range(5)))
        assert len(feed.pulls) == 3

    asyncio.run(run())


def test_another_database_of_the_same_age_is_told_apart_by_its_name(plant):
    feed = ToldChanges()
    feed.store = "first"

    async def run() -> None:
        databases = Databases(plant, feed)
        await databases.bring_to(feed.add(lightpath("s1", "AB", 0, 4)))
        feed.log.clear()
        feed.store = "second"
        feed.add(lightpath("x1", "CD", 0, 4))
        await databases.bring_to(feed.add(lightpath("x2", "CD", 8, 4)))  # fits, but is not all
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("CD", 0, 4), ("CD", 8, 4)))

    asyncio.run(run())


def test_a_change_that_does_not_fit_makes_it_start_over_from_nothing(plant):
    feed = ToldChanges()

    async def run() -> None:
        databases = Databases(plant, feed)
        await databases.bring_to(feed.add(lightpath("s1", "AB", 0, 4)))
        # The controller was replaced by one of another history that has come just as far and further.
        feed.log.clear()
        feed.add(lightpath("x1", "CD", 0, 4))
        await databases.bring_to(feed.add(lightpath("x2", "AB", 2, 4)))
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("CD", 0, 4), ("AB", 2, 4)))

    asyncio.run(run())


def test_another_network_is_refused_by_name(plant):
    feed = ToldChanges()
    feed.add(lightpath("s1", "AC", 0, 4) | {"nodes": ["A", "Palo Alto"]})

    async def run() -> None:
        with pytest.raises(DatabasesError, match="Palo Alto"):
            await Databases(plant, feed).bring_to(1)

    asyncio.run(run())


def test_a_version_the_controller_never_reaches_is_refused(plant):
    async def run() -> None:
        with pytest.raises(DatabasesError, match="at version 0, asked for is 7"):
            await Databases(plant, ToldChanges(), patience_s=0.1).bring_to(7)

    asyncio.run(run())


def test_a_version_that_arrives_late_is_waited_for(plant):
    feed = ToldChanges()

    async def run() -> None:
        databases = Databases(plant, feed)
        waiting = asyncio.create_task(databases.bring_to(1))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        feed.add(lightpath("s1", "AB", 0, 4))
        await waiting
        assert databases.version == 1

    asyncio.run(run())


def test_over_http_a_dead_controller_and_a_strange_answer_are_told(plant, controller):
    async def run() -> None:
        async with httpx.AsyncClient(base_url=controller.url) as client:
            databases = Databases(plant, HttpControllerFeed(client))
            await databases.bring_to(controller.add(**lightpath("s1", "AB", 0, 4)))
            assert np.array_equal(databases.network.occupied(), occupied(plant, ("AB", 0, 4)))
            controller.add("link-painted", ["A", "B"])
            with pytest.raises(DatabasesError, match=r"not as agreed: changes\.0\.kind"):
                await databases.bring_to(None)
            controller.stop()
            with pytest.raises(DatabasesError, match="no answer from the controller"):
                await databases.bring_to(None)

    asyncio.run(run())


def test_changes_that_are_brought_along_are_followed_once_and_never_over_a_gap(plant):
    feed = ToldChanges()

    def told(since: int, until: int) -> ChangePage:
        page = {"version": until, "last": until, "store": feed.store, "changes": feed.log[since:until]}
        return ChangePage.model_validate(page)

    async def run() -> None:
        databases = Databases(plant, feed)
        for slot in range(0, 32, 4):
            feed.add(lightpath(f"s{slot}", "ABC", slot, 4))
        await databases.take(told(0, 2))  # not known yet whose store it is
        assert databases.version == 0
        feed.log, later = feed.log[:2], feed.log[2:]
        await databases.bring_to(2)
        feed.log, looked = feed.log + later, len(feed.pulls)
        # Two questions at once, one of which begins before what is shown; then one that is late.
        await asyncio.gather(databases.take(told(2, 4)), databases.take(told(1, 6)))
        await databases.take(told(2, 5))
        await asyncio.gather(*(databases.bring_to(version) for version in (4, 5, 6)))
        assert (databases.version, len(feed.pulls)) == (6, looked)
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("ABC", 0, 24)))
        # One that is missing is asked for; so is everything where what is brought along does not fit.
        await databases.take(told(7, 8))
        assert databases.version == 6
        feed.log, last = feed.log[:7], feed.log[7]
        await databases.bring_to(7)
        feed.log.append(last | {"first_slot": 0})
        await databases.take(told(7, 8))
        assert not databases.is_whole
        feed.log[7] = last
        await databases.bring_to(8)
        assert np.array_equal(databases.network.occupied(), occupied(plant, ("ABC", 0, 32)))

    asyncio.run(run())


def test_what_is_short_is_done_at_once_while_the_thread_rests_and_in_its_turn_while_it_does_not(plant):
    done: list[str] = []

    async def run() -> None:
        databases = Databases(plant, ToldChanges())
        here = threading.get_ident()
        assert await databases.alone_shortly(threading.get_ident) == here
        assert await databases.alone(threading.get_ident) != here
        has_begun, may_end = threading.Event(), threading.Event()

        def long() -> None:
            has_begun.set()
            assert may_end.wait(60)
            done.append("long")

        asked = asyncio.create_task(databases.alone(long))
        await asyncio.to_thread(has_begun.wait, 60)
        asked.cancel()  # whoever asked for it is gone; it goes on all the same
        short = asyncio.create_task(databases.alone_shortly(done.append, "short"))
        await asyncio.wait([asked])
        assert done == []
        may_end.set()
        await short
        assert await databases.alone_shortly(threading.get_ident) == here
        databases.close()

    asyncio.run(run())
    assert done == ["long", "short"]
