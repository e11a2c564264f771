"""Access to every online process: HTTP Basic or a bearer token, compared in constant time.

Put ``AuthMiddleware`` around a whole application (Starlette, FastAPI, NiceGUI); what is open is listed there,
so that a new route is closed unless somebody opens it. Wrong user and password are answered later and later
(``slowdown.py``). A bearer token is too long to be guessed, so a process of ours that shows an old one is
told so at once. Not here: where credentials are kept (``configs.home``).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from configs.home import Credentials
from controlplane.slowdown import Slowdown
from controlplane.tapi.errors import YANG_DATA_JSON, errors_document
from controlplane.trusted import TrustedClients

HEALTH = "/health"


def authorised(header: str | None, credentials: Credentials) -> bool:
    """Whether an ``Authorization`` header gives access.

    Args:
        header: its value; None when there is none.
        credentials: ``Basic user:password`` and ``Bearer token`` are both accepted.
    """
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "bearer":
        return _equal(value.strip(), credentials.token)
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        # Both are compared always, so that the time taken does not tell which was wrong.
        return _equal(user, credentials.user) & _equal(password, credentials.password)
    return False


def bearer_header(credentials: Credentials) -> dict[str, str]:
    """The header our own processes send each other."""
    return {"Authorization": f"Bearer {credentials.token}"}


class AuthMiddleware:
    """401 with ``ietf-restconf:errors`` unless the request carries credentials or asks for an open path."""

    def __init__(
        self,
        app: ASGIApp,
        credentials: Credentials,
        realm: str = "lightloop",
        open_paths: tuple[str, ...] = (),
        slowdown: Slowdown | None = None,
        trusted: TrustedClients | None = None,
    ) -> None:
        self.app = app
        self.credentials = credentials
        self.realm = realm
        self.open_paths = frozenset((HEALTH, *open_paths))
        self.slowdown = slowdown or Slowdown()
        self.trusted = trusted or TrustedClients()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "lifespan" or scope.get("path") in self.open_paths:
            await self.app(scope, receive, send)
            return
        header = Headers(scope=scope).get("authorization")
        if authorised(header, self.credentials) or (header is None and self.trusted.admits(scope)):
            await self.app(scope, receive, send)
            return
        if header is not None and header.lower().startswith("basic"):
            # Who shows nothing guesses nothing: a browser asks without a password first.
            client = scope.get("client")
            await self.slowdown.wrong(client[0] if client else None)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        body = errors_document(
            "access-denied", "credentials are needed: HTTP Basic or a bearer token", "", "protocol"
        )
        response = Response(
            json.dumps(body),
            status_code=401,
            media_type=YANG_DATA_JSON,
        )
        # Two headers, because Chromium does not ask a person for a password where both stand in one.
        response.headers.append("WWW-Authenticate", f'Basic realm="{self.realm}"')
        response.headers.append("WWW-Authenticate", "Bearer")
        await response(scope, receive, send)


def _equal(given: str, wanted: str) -> bool:
    # An unset secret opens nothing: an empty string never matches.
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
