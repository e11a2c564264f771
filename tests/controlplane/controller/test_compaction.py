"""The change log in pages and kept short: followers lose nothing, and are told what is gone."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import update

from controlplane.auth import bearer_header
from controlplane.controller import change_log, compaction, tables
from controlplane.controller.app import build_app
from controlplane.controller.change_log import GoneError
from controlplane.controller.compaction import Compaction
from controlplane.controller.snapshot import KEPT, Snapshots
from controlplane.controller.stream import NotificationStream
from controlplane.pce.controller_feed import ChangePage, HttpControllerFeed, SnapshotPage
from controlplane.pce.databases import Databases
from controlplane.tapi.errors import TapiError
from envs.plant import Plant, build_plant
from envs.spec import PlantSpec
from tests.controlplane.controller.conftest import ON_BOTH, Lab
from topologies.catalogue import load_topology

LONG_AGO = timedelta(days=100)


@pytest.fixture(scope="module")
def plant() -> Plant:
    """The twin of the lab's network."""
    return build_plant(
        load_topology("five-node"), PlantSpec(num_slots=32, shared_spectrum=True, guard_slots=1)
    )


class Dice:
    """Creations, deletions, cuts and repairs, thrown with a seed."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab, self._random = lab, Random(seed)

    def throw(self, times: int) -> None:
        lab, random = self._lab, self._random
        links = [(fibre.node_a, fibre.node_b) for fibre in lab.plant.topology.fibres]
        for _ in range(times):
            standing = lab.state.services()
            what = random.random()
            try:
                if what < 0.08:
                    lab.manager.fail_link(random.choice(links))
                elif what < 0.16:
                    lab.manager.repair_link(random.choice(links))
                elif what < 0.45 and standing:
                    lab.manager.delete(random.choice(standing).uuid)
                else:
                    pair = random.sample(lab.plant.topology.node_names, 2)
                    lab.manager.create(lab.request(*pair, random.choice((25, 50, 100))))
            except TapiError as error:
                if error.status != 409:  # the network is full, or a node is cut off
                    raise


class FromTheFirst(HttpControllerFeed):
    """A follower that begins with nothing and reads every change."""

    async def snapshot(self, version: int | None, after: int) -> SnapshotPage:
        first = await super().snapshot(None, 0)
        return SnapshotPage(version=0, store=first.store, next=None)


class InPages(HttpControllerFeed):
    """A follower with the smallest pages; something happens between two of the snapshot's."""

    def __init__(self, client: httpx.AsyncClient, dice: Dice) -> None:
        super().__init__(client)
        self._dice = dice

    async def snapshot(self, version: int | None, after: int) -> SnapshotPage:
        page = await super().snapshot(version, after)
        await asyncio.to_thread(self._dice.throw, 3)
        return page

    async def changes(self, since: int, store: str) -> ChangePage:
        return await self._page(ChangePage, "/changes", {"since": since, "store": store, "limit": 2})


def client_of(lab: Lab) -> httpx.AsyncClient:
    app = build_app(lab.state, lab.manager, lab.pce_client, lab.credentials, NotificationStream(lab.state))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://controller",
        headers=bearer_header(lab.credentials),
    )


def shown(databases: Databases) -> tuple[Any, ...]:
    paths = {key: entry.model_dump() for key, entry in databases.lightpaths.items()}
    return databases.version, paths, databases.failed_links, databases.network.free.tobytes()


def make_old(lab: Lab, up_to: int) -> None:
    """Let the first changes have happened long ago."""
    with lab.store._engine.begin() as connection:
        old = update(tables.changes).where(tables.changes.c.version <= up_to)
        connection.execute(old.values(happened=datetime.now(UTC) - LONG_AGO))


@pytest.mark.parametrize(
    ("database", "seed"),
    [("sqlite", 1), ("sqlite", 2), ("sqlite", 3), ("postgres", 1)],
    indirect=["database"],
)
def test_snapshot_and_stream_show_what_every_change_from_the_first_shows(
    lab: Lab, plant: Plant, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("controlplane.controller.snapshot.PAGE_ROWS", 3)
    dice = Dice(lab, seed)

    async def told() -> None:
        async with client_of(lab) as client:
            whole = Databases(plant, FromTheFirst(client))
            followers = []
            for _ in range(6):
                await asyncio.to_thread(dice.throw, 15)
                followers.append(Databases(plant, InPages(client, dice)))
                for databases in (*reversed(followers), whole):  # the newest first: it throws the dice
                    await databases.bring_to(None)
                assert [shown(databases) for databases in followers] == [shown(whole)] * len(followers)
            # The controller's own books, in other code.
            occupied = lab.state.lit.by_port()
            failed = whole.failed_links
            for fibre in lab.plant.topology.fibres:
                ends = (fibre.node_a, fibre.node_b)
                unit = plant.units_of_nodes([plant.topology.node_index(name) for name in ends])[0]
                bits = sum(1 << int(slot) for slot in np.flatnonzero(whole.network.occupied()[unit]))
                assert bits == ((1 << 32) - 1 if frozenset(ends) in failed else occupied[ends])

            told = {
                item["service_uuid"]: item
                for item in lab.state.feed(0)["changes"]
                if item["cause"] == "create"
            }
            for entry in whole.lightpaths.values():  # a restored one keeps its age
                change = told[entry.service_uuid]
                is_first = entry.version == change["version"]
                assert entry.began_s == (0.0 if is_first else change["time_s"])
            lab.pce.follow()  # it has no way back from too far behind
            version = lab.state.version
            make_old(lab, version)
            Compaction(lab.store.log, keep_days=1).turn(datetime.now(UTC), threading.Event())
            late = Databases(plant, HttpControllerFeed(client))
            await late.bring_to(None)
            assert shown(late) == shown(whole)
            with pytest.raises(GoneError):
                lab.state.feed(0)
            await asyncio.to_thread(dice.throw, 15)
            for databases in (late, whole):
                await databases.bring_to(None)
            assert shown(late) == shown(whole)

    asyncio.run(told())
    lab.stop()
    lab.start()
    assert lab.state.services() == lab.store.services()
    assert Snapshots(lab.state).page() == Snapshots(lab.state).page()


@ON_BOTH
def test_only_what_is_old_is_removed_and_the_last_version_is_never_forgotten(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "ROWS", 2)
    for pair in ("AD", "BE", "CA", "AC", "DB", "EC"):
        lab.manager.create(lab.request(*pair, 25))
    before = lab.state.feed(0)["changes"]
    keep, stop = Compaction(lab.store.log, keep_days=90), threading.Event()
    assert keep.turn(datetime.now(UTC), stop) == 0
    make_old(lab, 5)
    assert keep.turn(datetime.now(UTC), stop) == 5
    assert lab.state.feed(5)["changes"] == before[5:]
    with pytest.raises(GoneError) as caught:
        lab.state.feed(4)
    assert (caught.value.first_since, caught.value.last) == (5, 6)
    make_old(lab, 6)
    assert keep.turn(datetime.now(UTC), stop) == 0
    lab.stop()
    lab.start()
    assert lab.state.version == 6
    lab.pce.version, lab.pce.lit = 6, {}
    lab.manager.delete(lab.state.services()[0].uuid)
    assert [change["version"] for change in lab.state.feed(6)["changes"]] == [7]


@ON_BOTH
def test_a_page_is_bounded_in_bytes_and_holds_at_least_one_change(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pair in ("AD", "BE", "CA"):
        lab.manager.create(lab.request(*pair))
    document_bytes = 400
    monkeypatch.setattr(change_log, "PAGE_BYTES", 2 * document_bytes)
    assert len(lab.store.log.page(0).changes) == 2
    monkeypatch.setattr(change_log, "PAGE_BYTES", 1)
    assert [change.version for change in lab.store.log.page(1).changes] == [2]


@ON_BOTH
def test_an_old_version_of_the_snapshot_is_gone_once_others_were_asked_for(lab: Lab) -> None:
    snapshots = Snapshots(lab.state)
    snapshots.page()
    for pair in ("AD", "BE", "CA", "AC"):
        snapshots.page(0, 0)  # still there
        lab.manager.create(lab.request(*pair, 25))
    for _ in range(KEPT):
        lab.manager.create(lab.request("A", "B", 25))
        snapshots.page()
    with pytest.raises(GoneError):
        snapshots.page(0, 0)


def test_room_in_the_file_is_given_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "PAUSE_S", 0.0)
    row = {"kind": "link-failed", "cause": "cut", "happened": datetime.now(UTC) - LONG_AGO}
    rows = [row | {"version": number, "document": "x" * 400} for number in range(1, 5001)]
    with lab.store._engine.begin() as connection:
        connection.execute(tables.changes.insert(), rows)
    lab.stop()  # what is in the write-ahead log goes into the file
    before = size_of(lab.folder)
    lab.start()
    Compaction(lab.store.log, keep_days=90).turn(datetime.now(UTC), threading.Event())
    lab.stop()
    assert before > 2_000_000
    assert size_of(lab.folder) < 200_000
    lab.start()


def size_of(folder: Path) -> int:
    return (folder / "controller.db").stat().st_size
