"""Elements of a test installation that refuse, hang, lie and break off, where its failpoints say so.

``elements.edit`` is passed before a change, and ``elements.edit.NODE`` is one element's: ``sleep(S)`` has it
hang, ``refuse`` refuse, ``lie`` say that it has done what it has not, ``break`` do it and close the
connection in the middle of the answer. ``elements.changed`` is passed between a change and its answer. Not
here: how failpoints are set (``controlplane/failpoints.py``).
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controlplane.failpoints import hit_awaited

REFUSE, LIE, BREAK = "refuse", "lie", "break"
_EDIT = re.compile("/elements/([^/]+)/edit")


class FaultyElements:
    """Stands in front of the elements' application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or have something go wrong with it."""
        change = _EDIT.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if change is None:
            await self.app(scope, receive, send)
            return
        node = unquote(change[1])
        happens = await hit_awaited("elements.edit", node)
        if happens == REFUSE:
            told = {"tag": "operation-failed", "message": f"element {node}: does not want to"}
            await JSONResponse(told, 500)(scope, receive, send)
        elif happens == LIE:
            await (await _as_if_done(scope, receive))(scope, receive, send)
        elif happens == BREAK:
            await self.app(scope, receive, _broken_off(send))
        else:
            await self.app(scope, receive, _killed_before(send))


async def _as_if_done(scope: Scope, receive: Receive) -> Response:
    asked = json.loads(await Request(scope, receive).body())
    return JSONResponse(asked.get("put", []))


def _killed_before(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            await hit_awaited("elements.changed")
        await send(message)

    return told


def _broken_off(send: Send) -> Send:
    """Half of the answer; the server closes the connection of an answer that is not whole."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.body":
            half = message.get("body", b"")
            message = {**message, "body": half[: len(half) // 2], "more_body": True}
        await send(message)

    return told
