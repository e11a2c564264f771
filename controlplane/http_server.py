"""How every process of the installation listens: time limits on connections, no trust in forwarded addresses.

uvicorn waits for ever for a request that has begun. Here a connection is closed that does not send the whole
head of its request in time, or stops in the middle of a body. A client that goes away in the middle of its
request is no fault of ours and logs nothing. With a certificate it is HTTPS. Not here: who may ask
(``guard.py``, ``auth.py``).
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import socket
import ssl
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from configs.tls import TlsFiles

HEAD_S = 10.0  # from the first byte of a connection, or of a further request, to the end of the head
BODY_PAUSE_S = 30.0  # without a byte of the body
IDLE_S = 75  # between two requests of a connection
YOUNG_OBJECTS = 10_000  # made and not yet freed, before the garbage collector looks at the young ones
GATHERED_BYTES = 65_536  # of an answer, then it is sent on
TLS_HANDSHAKE = b"\x16"  # RFC 8446 5.1: the first byte of a client that speaks TLS
_PLAIN = b"this port speaks HTTPS only; write https:// instead of http://\n"
PLAIN_HTTP_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_PLAIN), _PLAIN)
)


class GatheredWrites:
    """A transport that sends together what is written in one turn of the loop.

    uvicorn writes the head of an answer, then its body. Two packets cost twice as much as one, and wake who
    waits for them twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._num_bytes = 0

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """As ``asyncio.Transport.write``."""
        if not self._written:
            self._loop.call_soon(self.flush)
        self._written.append(data)
        self._num_bytes += len(data)
        if self._num_bytes > GATHERED_BYTES:  # the transport says when it has enough
            self.flush()

    def write_eof(self) -> None:
        """As ``asyncio.Transport.write_eof``."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """As ``asyncio.Transport.close``: what is written still leaves."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send what is written until now; who is gone already gets nothing."""
        written, self._written, self._num_bytes = self._written, [], 0
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn that does not wait for ever, and sends an answer as one."""

    head_s = HEAD_S
    body_pause_s = BODY_PAUSE_S
    _due_s = math.inf  # on the loop's clock; until then something is waited for
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection may take ``head_s`` to send its first request."""
        self._single = transport
        self._gathered = GatheredWrites(transport, self.loop)
        super().connection_made(self._gathered)  # type: ignore[arg-type]
        self._wait(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait(None)
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The next request has begun."""
        super().on_message_begin()
        self._wait(self.head_s)

    def on_headers_complete(self) -> None:
        """The head is there; its body may pause for ``body_pause_s``."""
        self._wait(self.body_pause_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Bytes of the body: it may pause again."""
        self._wait(self.body_pause_s)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there; the answer may take its time."""
        self._wait(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes over."""
        self._wait(None)
        self._gathered.flush()
        self.transport = self._single
        super().handle_websocket_upgrade()

    def _wait(self, seconds: float | None) -> None:
        # Asked four times a request. A timer for each time would cost a twentieth of the whole process.
        self._due_s = math.inf if seconds is None else self.loop.time() + seconds
        if self._timer is not None and self._due_s < self._timer.when():
            self._timer.cancel()
            self._timer = None
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._due_s < math.inf:
            self._timer = self.loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self.loop.time() < self._due_s:
            self._arm()
        elif not self.transport.is_closing():
            self.transport.abort()


class TlsProtocol(asyncio.Protocol):
    """Begins TLS on each connection, and tells in clear words who speaks plain HTTP to it.

    The first byte is looked at and left where it is: a handshake goes on as TLS, anything else gets 400. It
    needs asyncio's own event loop; uvloop reads on although a new connection is told to pause.
    """

    context: ssl.SSLContext

    def __init__(self, **of_uvicorn: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = TimedProtocol(**of_uvicorn)
        self._opening: asyncio.Task[None] | None = None
        self._early = bytearray()  # what comes behind the handshake before the protocol is in its place

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first byte."""
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._opening = self._loop.create_task(self._open(transport))

    def data_received(self, data: bytes) -> None:
        """Keep what comes early."""
        self._early += data

    async def _open(self, transport: asyncio.Transport) -> None:
        try:
            async with asyncio.timeout(HEAD_S):
                if await self._first_byte(transport) not in (TLS_HANDSHAKE, b""):
                    await self._refuse(transport)
                    return
                secured = await self._loop.start_tls(transport, self, self.context, server_side=True)
        except (OSError, TimeoutError):  # of TLS too: no handshake, or a client that does not take ours
            transport.abort()
            return
        if secured is None or secured.is_closing():
            return
        secured.set_protocol(self._protocol)
        self._protocol.connection_made(secured)
        if self._early:
            self._protocol.data_received(bytes(self._early))

    async def _first_byte(self, transport: asyncio.Transport) -> bytes:
        # A duplicate, because the loop lets nobody else wait for the transport's own socket.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as twin:
            there: asyncio.Future[None] = self._loop.create_future()
            self._loop.add_reader(twin, _set, there)
            try:
                await there
                return twin.recv(1, socket.MSG_PEEK)
            finally:
                self._loop.remove_reader(twin)

    @staticmethod
    async def _refuse(transport: asyncio.Transport) -> None:
        transport.write(PLAIN_HTTP_REFUSED)
        transport.write_eof()
        # What the client still sends is read and dropped: a close before would take the answer from it.
        transport.set_protocol(asyncio.Protocol())
        transport.resume_reading()
        await asyncio.sleep(1.0)
        transport.close()


def _set(event: asyncio.Future[None]) -> None:
    if not event.done():
        event.set_result(None)


def tls_protocol(files: TlsFiles) -> type[TlsProtocol]:
    """The protocol of a process that shows a certificate.

    Raises:
        TlsError: certificate or key cannot be used.
    """
    return type("TlsProtocol", (TlsProtocol,), {"context": files.server_context()})


def forgiving(app: ASGIApp) -> ASGIApp:
    """The application, which ends quietly where a client is gone before its whole request has come."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is left to be told

    return answer


def server_config(
    app: ASGIApp, host: str, port: int, tls: TlsFiles | None = None, **further: Any
) -> uvicorn.Config:
    """How an application is served; ``further`` settings are uvicorn's own.

    Raises:
        TlsError: certificate or key cannot be used.
    """
    if tls is not None:
        further = {"http": tls_protocol(tls), "loop": "asyncio"} | further
    settings: dict[str, Any] = {
        "http": TimedProtocol,
        "timeout_keep_alive": IDLE_S,
        "proxy_headers": False,
        "server_header": False,
        "log_level": "warning",
        "access_log": False,  # the trail says who asked for what; uvicorn would make each line and drop it
    }
    return uvicorn.Config(forgiving(app), host=host, port=port, **(settings | further))


class Server(uvicorn.Server):
    """A server whose garbage collector passes over what is there before the first request.

    Modules and tables are some hundred thousand objects that stay; each full collection would look at all of
    them again, and nobody is answered for a tenth of a second. A request makes some thousand objects that
    reference counts free; to look for cycles among them several times a request finds none.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def run(app: ASGIApp, host: str, port: int, tls: TlsFiles | None = None, **further: Any) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        TlsError: certificate or key cannot be used.
    """
    Server(server_config(app, host, port, tls, **further)).run()
