"""Access to every online process: who asks, and whether the role suffices.

Put ``AuthMiddleware`` around a whole application (Starlette, FastAPI, NiceGUI). Who asks is told by HTTP
Basic or a bearer token: the installation's own credentials, compared in constant time, are an
administrator's; everybody else is a user (``logins.py``). What is open and which role a route needs stands in
the process's table (``routes.py``), so that a new route is closed unless somebody opens it. Wrong user and
password are answered later and later (``slowdown.py``). A bearer token is too long to be guessed, so one that
is wrong is told so at once. Whatever may change something is noted (``trail.py``).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs.home import Credentials, Home
from controlplane.logins import Logins, TooManyLogins
from controlplane.roles import Role
from controlplane.routes import READING, ApiRoute, RouteTable
from controlplane.slowdown import Slowdown
from controlplane.tapi.errors import YANG_DATA_JSON, errors_document
from controlplane.trail import Outcome, Trail
from controlplane.trusted import TrustedClients
from controlplane.users import OUR_PROCESSES, TRUSTED, User, UserBook

ACTING_FOR = "x-acting-for"  # the user in whose name a process of ours asks
_WHO = "lightloop.who"
_ABOUT = "lightloop.about"
ROUTE = "lightloop.route"  # of the table, with what stands in the path


@dataclass(frozen=True)
class Identity:
    """Who asks.

    Attributes:
        user: the entry of the users' file; None where the installation's own credentials are shown.
        via: the process of ours that asks in the user's name; empty: the user does.
    """

    name: str
    role: Role
    user: User | None = None
    via: str = ""

    @property
    def is_ours(self) -> bool:
        """A process of the installation asks, in its own name."""
        return self.name == OUR_PROCESSES and self.user is None


@dataclass(frozen=True)
class People:
    """The users of a process and where their changes are noted; without either, the installation's own."""

    users: UserBook | None = None
    trail: Trail | None = None

    @classmethod
    def of(cls, home: Home, process: str) -> People:
        """Of a process of an installation."""
        return cls(UserBook(home.users), Trail(home.trail, process))


NOBODY = People()


def own_identity(header: str | None, credentials: Credentials) -> Identity | None:
    """Whose ``Authorization`` header it is, where it shows the installation's own credentials.

    Args:
        header: its value; None when there is none.
        credentials: ``Basic user:password`` and ``Bearer token`` are both accepted.
    """
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "bearer":
        right = _equal(value.strip(), credentials.token)
        return Identity(OUR_PROCESSES, Role.ADMINISTRATOR) if right else None
    login = _basic(header)
    # Both are compared always, so that the time taken does not tell which was wrong.
    if login and _equal(login[0], credentials.user) & _equal(login[1], credentials.password):
        return Identity(credentials.user, Role.ADMINISTRATOR)
    return None


def bearer_header(credentials: Credentials) -> dict[str, str]:
    """The header our own processes send each other; of somebody who has no token, user and password."""
    if not credentials.token:
        return {"Authorization": basic_value(credentials)}
    return {"Authorization": f"Bearer {credentials.token}"}


def basic_value(credentials: Credentials) -> str:
    """User and password, as people send them."""
    login = f"{credentials.user}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(login).decode()}"


def identity_of(request: Request) -> Identity:
    """Who asks, of a request that has passed."""
    found: Identity = request.scope[_WHO]
    return found


def tell_trail(request: Request, about: str) -> None:
    """Say what a request concerns, for its entry in the trail."""
    request.scope[_ABOUT] = about


@dataclass(eq=False)
class AuthMiddleware:
    """Lets in who may: 401 without credentials but on open paths, 403 where the role does not suffice.

    Args:
        app: what is behind.
        credentials: the installation's own.
        table: routes with their roles.
        realm: that a browser shows.
        people: users, and the trail.
        trusted: who may do what an operator may without credentials.
    """

    app: ASGIApp
    credentials: Credentials
    table: RouteTable
    realm: str = "lightloop"
    people: People = NOBODY
    slowdown: Slowdown = field(default_factory=Slowdown)
    trusted: TrustedClients = field(default_factory=TrustedClients)

    def __post_init__(self) -> None:
        self._logins = Logins(self.people.users) if self.people.users else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        method, path = scope.get("method", "GET"), scope.get("path", "")
        scope[ROUTE] = self.table.match(method, path)
        route = scope[ROUTE][0]
        needed = self.table.needed(method, route)
        receive = self.table.limited(route, receive)
        if needed is None:
            await self.app(scope, receive, send)
            return
        try:
            who = await self._who(scope)
        except TooManyLogins:
            reason = "many passwords wait to be checked; ask again in some seconds"
            await _refuse(scope, receive, send, 503, "resource-denied", reason, {"Retry-After": "5"})
            return
        if who is None:
            await self._unknown(scope, receive, send)
            return
        if self.people.trail and _is_noted(method, route, who):
            noting = _Noting(send, scope, who, self.people.trail)
            with noting:
                await self._let_in(who, needed, scope, receive, noting.send)
        else:
            await self._let_in(who, needed, scope, receive, send)

    async def _let_in(self, who: Identity, needed: Role, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on where the role suffices, else answer 403."""
        if not who.role.covers(needed):
            asked = f"{scope.get('method', 'GET')} {scope['path'][:200]}"
            reason = f"{asked} needs the role {needed}; {who.name} is {who.role}"
            await _refuse(scope, receive, send, 403, "access-denied", reason)
            return
        scope[_WHO] = who
        if who.user is not None:
            receive, send = self._while_known(who.user, scope["type"], receive, send)
        await self.app(scope, receive, send)

    async def _who(self, scope: Scope) -> Identity | None:
        """Who asks; None: nobody that is known.

        Raises:
            TooManyLogins: nobody can say now.
        """
        headers = Headers(scope=scope)
        header = headers.get("authorization")
        if header is None:
            return Identity(TRUSTED, Role.OPERATOR) if self.trusted.admits(scope) else None
        own = own_identity(header, self.credentials)
        if own is not None:
            return self._acting(own, headers.get(ACTING_FOR))
        login = _basic(header)
        if login is None or self._logins is None:
            return None
        user = await self._logins.user(*login)
        return None if user is None else Identity(user.name, user.role, user)

    def _acting(self, own: Identity, name: str | None) -> Identity | None:
        """A process of ours may ask in the name of a user, and may then what the user may."""
        if name is None or name in (own.name, self.credentials.user):
            return own
        user = self.people.users.get(name) if self.people.users else None
        return None if user is None else Identity(user.name, user.role, user, own.name)

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = Headers(scope=scope).get("authorization")
        if header is not None and header.lower().startswith("basic"):
            # Who shows nothing guesses nothing: a browser asks without a password first.
            await self.slowdown.wrong(_address(scope))
        reason = "credentials are needed: HTTP Basic or a bearer token"
        await _refuse(scope, receive, send, 401, "access-denied", reason, realm=self.realm)

    def _while_known(self, user: User, kind: str, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """An answer that goes on and on, and a socket, end when the user is not who it was any more."""
        users = self.people.users
        assert users is not None
        over = False

        def gone() -> bool:
            known = users.get(user.name)
            return known != user

        async def heard() -> Message:
            message = await receive()
            if kind == "websocket" and message["type"] == "websocket.receive" and gone():
                return {"type": "websocket.disconnect", "code": 1008}
            return message

        async def said(message: Message) -> None:
            nonlocal over
            if over:
                return
            goes_on = message["type"] == "http.response.body" and message.get("more_body")
            if (goes_on or message["type"] == "websocket.send") and gone():
                over = True
                message = (
                    {"type": "http.response.body", "body": b""}
                    if kind == "http"
                    else {"type": "websocket.close", "code": 1008}
                )
            await send(message)

        return heard, said


def _is_noted(method: str, route: ApiRoute | None, who: Identity) -> bool:
    noted = route.noted if route else "always"
    return method not in READING and (noted == "always" or (noted == "people" and who.name != OUR_PROCESSES))


class _Noting:
    """Appends to the trail before the answer leaves, or when it is clear that there will be none."""

    def __init__(self, send: Send, scope: Scope, who: Identity, trail: Trail) -> None:
        self._send, self._scope, self._who, self._trail = send, scope, who, trail
        self._is_noted = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if not self._is_noted:  # an exception is answered with 500 further out
            is_defect = isinstance(error, Exception)
            self._note("failed" if is_defect else "unanswered", "", 500 if is_defect else None)

    async def send(self, message: Message) -> None:
        """As ``Send``."""
        if message["type"] == "http.response.start" and not self._is_noted:
            status = message["status"]
            location = Headers(raw=message.get("headers", [])).get("location", "")
            self._note("done" if status < 400 else "refused" if status < 500 else "failed", location, status)
        await self._send(message)

    def _note(self, outcome: Outcome, location: str, status: int | None) -> None:
        self._is_noted = True
        who, scope = self._who, self._scope
        what, about = f"{scope['method']} {scope['path']}", scope.get(_ABOUT) or location
        self._trail.note(who.name, who.role, _address(scope), what, outcome, about, status, who.via)


async def _refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    tag: str,
    reason: str,
    headers: dict[str, str] | None = None,
    realm: str = "",
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps(errors_document(tag, reason, "", "protocol"))
    response = Response(body, status, headers, YANG_DATA_JSON)
    if realm:
        # Two headers, because Chromium does not ask a person for a password where both stand in one.
        response.headers.append("WWW-Authenticate", f'Basic realm="{realm}"')
        response.headers.append("WWW-Authenticate", "Bearer")
    await response(scope, receive, send)


def _basic(header: str | None) -> tuple[str, str] | None:
    """User and password of an ``Authorization`` header; None where it has none."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def _address(scope: Scope) -> str:
    client: Any = scope.get("client")
    return str(client[0]) if client else "unknown"


def _equal(given: str, wanted: str) -> bool:
    # An unset secret opens nothing: an empty string never matches.
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
