"""The feed against a controller and a PCE on real sockets: in step, through outages and loss of state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest
import uvicorn

from configs.home import Credentials
from controlplane.auth import Identity
from controlplane.client import ControllerClient, PceClient, ServiceRefused
from controlplane.console import feed as console_feed
from controlplane.console.feed import Feed
from controlplane.console.permit import NotPermittedError
from controlplane.roles import Role
from controlplane.tapi.ids import sip_uuid
from topologies.catalogue import load_topology
from topologies.grid import c_band

CREDENTIALS = Credentials("operator", "a-password", "a-token")


class Served(uvicorn.Server):
    """A server in the test's own event loop."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[Served]:
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", timeout_graceful_shutdown=0)
    server = Served(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        server.should_exit = server.force_exit = True
        await running


@contextlib.asynccontextmanager
async def following(controller_url: str, pce_url: str, topology: str = "nsfnet") -> AsyncIterator[Feed]:
    feed = Feed(
        ControllerClient(controller_url, CREDENTIALS),
        PceClient(pce_url, CREDENTIALS),
        load_topology(topology),
        bands=(c_band(100),),
        shared_spectrum=True,
    )
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        feed.close()


@contextlib.asynccontextmanager
async def in_step(apps: tuple[Any, Any], topology: str = "nsfnet") -> AsyncIterator[Feed]:
    async with (
        serving(apps[0]) as controller,
        serving(apps[1]) as pce,
        following(controller.url, pce.url, topology) as feed,
    ):
        yield feed


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; ``story`` ends a wait without end."""
    while not condition():
        await asyncio.sleep(0.005)


def services(feed: Feed) -> set[str]:
    return set(feed.snapshot.network.lightpaths) if feed.snapshot.network else set()


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(told(), 60))


def test_a_notification_alone_brings_a_service_placed_elsewhere_to_the_listeners(
    fake: Any, apps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_feed, "REFRESH_S", 3600.0)

    async def told() -> None:
        first = fake.place("WA", "NY")
        async with in_step(apps) as feed:
            heard: list[set[str]] = []
            stop = feed.subscribe(lambda snapshot: heard.append(services(feed)))
            await until(lambda: services(feed) == {first} and fake.listeners)
            await asyncio.sleep(0.3)  # the first questions are over
            second = fake.place("CA1", "TX")
            await until(lambda: services(feed) == {first, second})
            assert heard[-1] == {first, second}
            stop()
            fake.remove(first)
            await until(lambda: services(feed) == {second})
            assert heard[-1] == {first, second}

    story(told)


def test_a_page_that_fails_does_not_stop_the_others(fake: Any, apps: Any) -> None:
    async def told() -> None:
        async with in_step(apps) as feed:
            feed.subscribe(lambda snapshot: 1 / 0)
            heard: list[Any] = []
            feed.subscribe(heard.append)
            await until(lambda: feed.snapshot.network and fake.listeners)
            first = fake.place("WA", "NY")
            await until(lambda: heard and services(feed) == {first})

    story(told)


def test_news_beside_the_network_are_told_together(fake: Any, apps: Any) -> None:
    async def told() -> None:
        fake.amiss["controller"] = ["elements suspect: A", "not enough space left"]
        async with in_step(apps) as feed:
            await until(lambda: len(feed.snapshot.alarms) == 2)
            heard: list[list[str]] = []
            feed.subscribe(lambda snapshot: heard.append([each.noted_by for each in snapshot.alarms]))
            for alarm in feed.snapshot.alarms:
                feed.note_alarm(alarm.key, Identity("ann", Role.OPERATOR))
            await until(lambda: heard)
            assert heard[0] == ["ann", "ann"]

    story(told)


def test_a_burst_of_services_costs_few_questions(fake: Any, apps: Any) -> None:
    async def told() -> None:
        async with in_step(apps) as feed:
            await until(lambda: feed.snapshot.network and fake.listeners)
            fake.questions.clear()
            fake.page_rows = 100
            for _ in range(40):
                fake.place("WA", "CA1", 25)
                await asyncio.sleep(0.005)
            await until(lambda: len(services(feed)) == 40)
            assert fake.questions.count("/changes") <= 8

    story(told)


def test_the_form_asks_over_tapi_and_the_answer_is_shown(fake: Any, apps: Any) -> None:
    async def told() -> None:
        async with in_step(apps) as feed:
            request = partial(asyncio.to_thread, feed.controller.request_service)
            delete = partial(asyncio.to_thread, feed.controller.delete_service)
            uuid = await request("WA", "NY", 75, 20.0)
            await feed.refresh_network()
            assert feed.snapshot.network is not None
            assert feed.snapshot.network.lightpaths[uuid].bit_rate_gbps == 75
            body = fake.bodies[-1]["tapi-connectivity:connectivity-service"][0]
            assert body["max-allowed-delay"] == {"value": "20000"}  # microseconds
            assert body["requested-capacity"]["total-size"] == {"value": "75", "unit": "GBPS"}
            ends = [end["service-interface-point"] for end in body["end-point"]]
            assert ends[0] == {"service-interface-point-uuid": sip_uuid("nsfnet", "WA")}
            with pytest.raises(ServiceRefused, match=r"no path from WA to NY within 0\.5 ms"):
                await request("WA", "NY", 75, 0.5)
            with pytest.raises(ServiceRefused, match="whole Gb/s"):
                await request("WA", "NY", 33.3)
            feed.stir()
            await until(lambda: feed.snapshot.decisions and not feed.snapshot.decisions[0].accepted)
            await delete(uuid)
            with pytest.raises(ServiceRefused) as gone:
                await delete(uuid)
            assert gone.value.status == 404
            await until(lambda: not services(feed))

    story(told)


def test_an_outage_is_said_and_over_by_itself(fake: Any, apps: Any) -> None:
    async def told() -> None:
        first = fake.place("WA", "NY")
        async with serving(apps[1]) as pce:
            async with serving(apps[0]) as controller:
                port = int(controller.url.rpartition(":")[2])
                url = controller.url
                async with contextlib.AsyncExitStack() as stack:
                    feed = await stack.enter_async_context(following(url, pce.url))
                    await until(lambda: services(feed) == {first})
                    kept = stack.pop_all()
            async with kept:
                await until(lambda: feed.snapshot.controller_fault)
                assert services(feed) == {first}  # the last known state stays
                second = fake.place("CA1", "TX")
                async with serving(apps[0], port):
                    await until(lambda: feed.snapshot.controller_fault is None)
                    assert services(feed) == {first, second}

    story(told)


def test_a_controller_that_lost_its_state_is_believed(fake: Any, apps: Any) -> None:
    async def told() -> None:
        for _ in range(3):
            fake.place("WA", "NY")
        async with in_step(apps) as feed:
            await until(lambda: len(services(feed)) == 3 and fake.listeners)
            fake.changes.clear()
            fake.services.clear()
            only = fake.place("CA1", "TX", service_uuid="only")
            await until(lambda: services(feed) == {only})

    story(told)


def test_refused_credentials_and_odd_answers_are_said_in_words(fake: Any, apps: Any) -> None:
    async def told() -> None:
        fake.silent = True
        async with in_step(apps) as feed:
            await until(lambda: feed.snapshot.controller_fault == "HTTP 503 Service Unavailable")
            fake.silent = False
            await until(lambda: feed.snapshot.controller_fault is None)
            fake.note("link-painted", nodes=["WA", "IL"])
            await until(lambda: "unknown kind 'link-painted'" in (feed.snapshot.controller_fault or ""))
        async with serving(apps[0]) as controller:
            with (
                PceClient(controller.url, Credentials("somebody", "else", "guessed")) as stranger,
                pytest.raises(ServiceRefused, match=r"secrets\.env"),
            ):
                await asyncio.to_thread(stranger.status)

    story(told)


def test_a_pce_that_is_away_does_not_hide_the_network(fake: Any, apps: Any) -> None:
    async def told() -> None:
        first = fake.place("WA", "NY")
        nowhere = "http://127.0.0.1:1"
        async with serving(apps[0]) as controller, following(controller.url, nowhere) as feed:
            await until(lambda: services(feed) == {first} and feed.snapshot.pce_fault == "not reachable")
            assert feed.snapshot.controller_fault is None

    story(told)


def test_the_controllers_topology_is_shown_whatever_is_configured(fake: Any, apps: Any) -> None:
    async def told() -> None:
        async with in_step(apps, "cost239") as feed:
            await until(lambda: feed.snapshot.network)
            assert feed.snapshot.network is not None
            assert feed.snapshot.network.topology.name == "nsfnet"

    story(told)


def test_the_steps_of_a_set_up_are_followed_while_it_is_under_way(
    fake: Any, apps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_feed, "REFRESH_S", 3600.0)
    row = {
        "service_uuid": "s",
        "source": "WA",
        "destination": "NY",
        "bit_rate_gbps": 100.0,
        "cause": "create",
        "began_s": 1.0,
        "outcome": "under-way",
        "step": "path-computation",
        "reason": None,
        "spent_ms": {"request": 0.1, "path-computation": 2.0},
        "total_ms": 2.1,
    }

    async def told() -> None:
        async with in_step(apps) as feed:
            await until(lambda: feed.snapshot.network and not feed.snapshot.pce_fault)
            await asyncio.sleep(0.3)  # the first questions are over
            with feed.watching():
                fake.set_ups.append(row)
                await until(lambda: [each.step for each in feed.snapshot.set_ups] == ["path-computation"])
            fake.set_ups[0] = row | {"outcome": "carried", "step": None}
            await until(lambda: feed.snapshot.set_ups[0].outcome == "carried")
            asked = fake.questions.count("/setups")
            await asyncio.sleep(0.5)
            assert fake.questions.count("/setups") <= asked + 1  # nothing goes on: nobody asks

    story(told)


def test_what_is_amiss_becomes_an_alarm_until_it_is_noted(
    fake: Any, apps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_feed, "ALARMS_S", 0.05)
    fake.amiss |= {"controller": ["elements suspect: NY"], "PCE": ["no space left on device"]}

    def alarms(feed: Feed) -> set[tuple[str, bool]]:
        return {(each.about, each.ended_s is None) for each in feed.snapshot.alarms}

    async def told() -> None:
        async with in_step(apps) as feed:
            await until(lambda: alarms(feed) == {("elements", True), ("disk", True)})
            fake.amiss["PCE"] = []
            await until(lambda: alarms(feed) == {("elements", True), ("disk", False)})
            for alarm in feed.snapshot.alarms:
                with pytest.raises(NotPermittedError, match="needs the role operator; bob is reader"):
                    feed.note_alarm(alarm.key, Identity("bob", Role.READER))
                assert feed.note_alarm(alarm.key, Identity("ann", Role.OPERATOR)) is not None
            assert [(each.about, each.noted_by) for each in feed.snapshot.alarms] == [("elements", "ann")]
            fake.amiss["controller"] = []
            await until(lambda: not feed.snapshot.alarms)

    story(told)
