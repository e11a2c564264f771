"""The deletion of a service without a lightpath moves the databases on and changes nothing in them."""

from __future__ import annotations

import asyncio

from controlplane.pce.databases import Databases
from envs.plant import build_plant
from envs.spec import PlantSpec
from tests.controlplane.pce.feeds import ToldChanges
from topologies.catalogue import load_topology


def test_only_the_version_changes() -> None:
    added = {
        "version": 1,
        "kind": "lightpath-added",
        "service_uuid": "s",
        "nodes": ["A", "C"],
        "first_slot": 0,
        "num_slots": 4,
        "modulation_format": "QPSK",
    }
    gone = {
        "version": 2,
        "kind": "service-removed",
        "service_uuid": "dark",
        "nodes": ["A", "C"],
        "bit_rate_gbps": 100.0,
        "service_class": "any",
        "cause": "delete",
        "time_s": 1.0,
    }
    feed = ToldChanges([added])

    async def story() -> None:
        databases = Databases(build_plant(load_topology("five-node"), PlantSpec(num_slots=32)), feed)
        await databases.bring_to(1)
        before, free = dict(databases.lightpaths), databases.network.free.copy()
        feed.log.append(gone)
        await databases.bring_to(2)
        assert (databases.version, databases.lightpaths) == (2, before)
        assert (databases.network.free == free).all()

    asyncio.run(story())
