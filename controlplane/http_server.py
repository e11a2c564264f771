"""How every process of the installation listens: time limits on connections, no trust in forwarded addresses.

uvicorn waits for ever for a request that has begun. Here a connection is closed that does not send the whole
head of its request in time, or stops in the middle of a body. Not here: who may ask (``guard.py``,
``auth.py``).
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0  # from the first byte of a connection, or of a further request, to the end of the head
BODY_PAUSE_S = 30.0  # without a byte of the body
IDLE_S = 75  # between two requests of a connection


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn that does not wait for ever."""

    head_s = HEAD_S
    body_pause_s = BODY_PAUSE_S
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection may take ``head_s`` to send its first request."""
        super().connection_made(transport)
        self._wait(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait(None)
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
        super().handle_websocket_upgrade()

    def _wait(self, seconds: float | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def server_config(app: ASGIApp, host: str, port: int, **further: Any) -> uvicorn.Config:
    """How an application is served; ``further`` settings are uvicorn's own."""
    settings: dict[str, Any] = {
        "http": TimedProtocol,
        "timeout_keep_alive": IDLE_S,
        "proxy_headers": False,
        "server_header": False,
        "log_level": "warning",
    }
    return uvicorn.Config(app, host=host, port=port, **(settings | further))


def run(app: ASGIApp, host: str, port: int, **further: Any) -> None:
    """Serve until SIGTERM or SIGINT."""
    uvicorn.Server(server_config(app, host, port, **further)).run()
