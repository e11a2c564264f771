"""Wrong passwords wait longer each time; whatever is right never does."""

from __future__ import annotations

import asyncio
import base64
import logging

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from configs.home import Credentials
from controlplane.auth import AuthMiddleware, bearer_header
from controlplane.routes import only_open
from controlplane.slowdown import KEPT_ADDRESSES, WAITING, Slowdown, address_of

CREDENTIALS = Credentials("admin", "right", "token")


class Door:
    """An application behind a login whose clock a test sets and whose waiting is only noted."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waited: list[float] = []

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)

        self.slowdown = Slowdown(lambda: self.now_s, sleep)
        inner = Starlette(routes=[Route("/", lambda request: PlainTextResponse("in"))])
        self.app = AuthMiddleware(inner, CREDENTIALS, only_open("door"), slowdown=self.slowdown)

    def knock(self, headers: dict[str, str], address: str = "192.0.2.1") -> tuple[int, float]:
        """Status, and how long the answer was held back."""

        async def ask() -> int:
            transport = httpx.ASGITransport(self.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return (await client.get("/", headers=headers)).status_code

        before = sum(self.waited)
        return asyncio.run(ask()), sum(self.waited) - before


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


WRONG, RIGHT = basic("wrong"), basic("right")


@pytest.fixture
def door() -> Door:
    return Door()


def test_each_wrong_password_waits_longer_and_is_forgotten(door: Door) -> None:
    assert [door.knock(WRONG)[1] for _ in range(8)] == [0, 0, 0.5, 1, 2, 4, 4, 4]
    door.now_s += 299
    assert door.knock(WRONG) == (401, 4)
    door.now_s += 300
    assert [door.knock(WRONG)[1] for _ in range(3)] == [0, 0, 0.5]


def test_what_is_right_never_waits_and_other_addresses_are_apart(door: Door) -> None:
    for _ in range(5):
        door.knock(WRONG)
    assert door.knock(RIGHT) == (200, 0)
    assert door.knock(bearer_header(CREDENTIALS)) == (200, 0)
    assert door.knock({"Authorization": "Bearer old"}) == (401, 0)
    assert door.knock({}) == (401, 0)  # as a browser asks first
    assert door.knock(WRONG, "192.0.2.2") == (401, 0)
    assert door.knock({"Authorization": "Basic ****"}) == (401, 4)


def test_memory_and_held_answers_are_bounded(door: Door) -> None:
    for number in range(2 * KEPT_ADDRESSES):
        asyncio.run(door.slowdown.wrong(f"10.0.{number // 256}.{number % 256}"))
    assert len(door.slowdown._seen) == KEPT_ADDRESSES

    async def flood() -> list[bool]:
        gate, held = asyncio.Event(), 0

        async def hold(seconds: float) -> None:
            nonlocal held
            held += 1
            await gate.wait()

        slowdown = Slowdown(lambda: 0.0, hold)
        tasks = [asyncio.create_task(slowdown.wrong("192.0.2.1")) for _ in range(3 * WAITING)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answered = sum(task.done() for task in tasks)
        gate.set()
        await asyncio.gather(*tasks)
        return [held == WAITING, answered == 2 * WAITING]

    assert asyncio.run(flood()) == [True, True]


def test_one_line_a_minute_names_the_address_and_nothing_else(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "controlplane.slowdown"):
        for _ in range(5):
            door.knock(WRONG)
        door.now_s += 60
        door.knock(WRONG, "192.0.2.9")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("wrong credentials from 192.0.2.1 (1 ")
    assert second.startswith("wrong credentials from 192.0.2.9 (5 ")
    assert "admin" not in first + second


def test_one_client_is_an_address_or_a_network_that_one_host_owns() -> None:
    assert address_of("2001:db8:0:1::5") == address_of("2001:db8:0:1:ffff::") != address_of("2001:db8:0:2::")
    assert address_of("::ffff:192.0.2.1") == address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("testclient") == "testclient"
