"""What every process lets in: whose name it is called by, and from whose page.

A browser lets any page send requests to any address, also to this machine. Three rules keep foreign pages
out. The ``Host`` must be a name of ours, because a foreign name may be made to point here (DNS rebinding). An
``Origin`` must be the address itself. What the browser says comes from another site may only be a person who
follows a link. And no page may be put into a frame of another. Not here: credentials (``auth.py``), which
every process asks for too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Literal

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controlplane.tapi.errors import YANG_DATA_JSON, errors_document

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAFE_METHODS = ("GET", "HEAD")
ANY_ORIGIN = (b"access-control-allow-origin", b"*")
MISDIRECTED, FORBIDDEN = 421, 403  # RFC 9110 15.5.20, 15.5.4


class Guard:
    """Refuses foreign hosts and origins, websockets included; ends framing and foreign reading.

    Args:
        app: what is guarded.
        hosts: names and addresses that it may be called by, beside those of the loopback.
        framed_by: ``self`` where the pages put pages of their own into frames.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str] = (), framed_by: Literal["none", "self"] = "none"
    ) -> None:
        self.app = app
        self.hosts = frozenset(name.lower() for name in (*LOOPBACK, *hosts))
        framing = b"DENY" if framed_by == "none" else b"SAMEORIGIN"
        self._headers = {
            b"x-frame-options": framing,
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"same-origin",
        }
        self._framing = b"content-security-policy", f"frame-ancestors '{framed_by}'".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self.refusal(Headers(scope=scope), scope.get("method", "GET"))
        if refused is None:
            await self.app(scope, receive, self._marked(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, reason = refused
            body = json.dumps(errors_document("access-denied", reason, "", "protocol"))
            await Response(body, status, media_type=YANG_DATA_JSON)(scope, receive, self._marked(send))

    def refusal(self, headers: Headers, method: str) -> tuple[int, str] | None:
        """Status and reason of a refusal; None where the request may pass."""
        named = headers.getlist("host")
        if len(named) != 1 or host_name(named[0]) not in self.hosts:
            shown = ", ".join(named)[:100]
            return MISDIRECTED, f"Host {shown!r} is no name of this installation: services.northbound_names"
        origins = headers.getlist("origin")
        if origins and any(origin.lower().partition("://")[2] != named[0].lower() for origin in origins):
            return FORBIDDEN, f"Origin {origins[0][:100]!r} is another site"
        site = headers.get("sec-fetch-site", "none").lower()
        if site not in ("none", "same-origin"):
            follows_link = (
                method in SAFE_METHODS
                and headers.get("sec-fetch-mode", "").lower() == "navigate"
                and headers.get("sec-fetch-dest", "document").lower() == "document"
            )
            if not follows_link:
                return FORBIDDEN, f"the request comes from another site ({site})"
        return None

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = [
                    (name, value)
                    for name, value in message.get("headers", ())
                    if name not in self._headers and (name, value) != ANY_ORIGIN
                ]
                message["headers"] = [*said, *self._headers.items(), self._framing]
            await send(message)

        return marked


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port, in lower case.

    >>> host_name("LocalHost:8080"), host_name("[::1]:80"), host_name("10.0.0.1")
    ('localhost', '::1', '10.0.0.1')
    """
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, _, port = text.rpartition(":")
    return name if name and port.isascii() and port.isdigit() else text
