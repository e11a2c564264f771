"""Time limits on connections, with real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from controlplane.http_server import GATHERED_BYTES, GatheredWrites, TimedProtocol, server_config
from tests.controlplane.serving import served

WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(TimedProtocol):
    """The limits of the product, shorter."""

    head_s = 0.5
    body_pause_s = 0.5


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def port() -> Iterator[int]:
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    with served(server_config(app, "127.0.0.1", 0, http=Hasty)) as found:
        yield found


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection; waits for it."""
    try:
        return connection.recv(4096) == b""
    except ConnectionResetError:
        return True


def test_hundreds_of_half_open_connections_are_closed(port: int) -> None:
    silent = [connected(port) for _ in range(200)]
    begun = [connected(port) for _ in range(200)]
    for connection in begun:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    assert all(is_closed(connection) for connection in (*silent, *begun))
    with connected(port) as another:  # and others are served
        another.sendall(WHOLE)
        assert another.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_head_that_drips_is_not_waited_for(port: int) -> None:
    with connected(port) as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        drip(connection)


def drip(connection: socket.socket) -> None:
    """A byte now and then, for half a minute."""
    for _ in range(600):
        connection.sendall(b"X")
        time.sleep(0.05)


def test_a_body_that_stops_is_not_waited_for(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")

        assert is_closed(connection)


def test_a_client_that_is_gone_in_the_middle_of_its_body_is_logged_as_no_fault(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("uvicorn.error")
    log.addHandler(caplog.handler)
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    with connected(port) as another:  # answered behind it
        another.sendall(WHOLE)
        assert another.recv(4096).startswith(b"HTTP/1.1 200")
    log.removeHandler(caplog.handler)

    assert caplog.records == []


def test_a_slow_body_that_goes_on_is_taken(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            time.sleep(0.15)
            connection.sendall(b"x")

        assert connection.recv(4096).endswith(b"8")


def test_the_next_request_of_a_connection_must_be_whole_too(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(WHOLE)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTT")

        assert is_closed(connection)


class Recording:
    """A transport that remembers what was asked of it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def is_closing(self) -> bool:
        return "close" in self.done


def test_what_is_written_in_one_turn_leaves_together_and_before_the_connection_closes() -> None:
    async def run() -> None:
        transport = Recording()
        gathered = GatheredWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        gathered.write(b"head")
        gathered.write(b"body")
        assert transport.done == []
        await asyncio.sleep(0)
        much = b"x" * GATHERED_BYTES
        gathered.write(b"y")
        gathered.write(much)
        assert transport.done == [b"headbody", b"y" + much]
        gathered.write(b"last")
        gathered.close()
        gathered.write(b"too late")
        await asyncio.sleep(0)
        assert transport.done[2:] == [b"last", "close"]

    asyncio.run(run())
