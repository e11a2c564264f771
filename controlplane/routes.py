"""One table per process says which routes it has, who may use them and how large a body may be.

The application is built from its table (``RouteTable.handled_by``), the login asks it for the role
(``auth.py``), the description that is served is made from it (``openapi.py``). Here is the form of a table;
the tables stand beside the applications (``controller/routes.py``, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import Message, Receive

from controlplane.roles import Role
from controlplane.tapi.wire import MAX_BODY_BYTES

HEALTH = "/health"
OPENAPI = "/openapi.json"
JSON = "application/json"
Schema = dict[str, Any]
READING = ("GET", "HEAD", "OPTIONS")


class RouteTableError(ValueError):
    """Table and application do not fit each other; names the routes."""


@dataclass(frozen=True)
class ApiRoute:
    """One route of a process.

    Attributes:
        path: as Starlette spells it, ``/elements/{node}/running``.
        methods: that it takes.
        does: name of its handler, and the operation's in the description.
        role: who may use it; None: everybody, without credentials.
        told: what it does, in a line.
        max_body_bytes: of a request's body; more is refused with 413.
        noted: when a change by it stands in the trail. ``people``: not when our own processes ask, which do
            it many times in the course of a change that is noted elsewhere.
        answers: media type by status of what is no refusal; empty: without content.
        refusals: statuses of refusals of its own, beside those that every route has.
        query, headers: schema by name of what may be told beside path and body.
        body: makes the schema of the body; None: none is read.
        takes: the body's media type.
        is_described: False where another's code answers, such as a page's socket.
    """

    path: str
    methods: tuple[str, ...]
    does: str
    role: Role | None
    told: str
    max_body_bytes: int = MAX_BODY_BYTES
    noted: Literal["always", "people", "never"] = "always"
    answers: Mapping[int, str] = field(default_factory=lambda: {200: JSON})
    refusals: tuple[int, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    body: Callable[[], Schema] | None = None
    takes: str = JSON
    is_described: bool = True


class RouteTable:
    """The routes of one process.

    Args:
        process: its name.
        routes: the first that fits a path and a method counts.
        is_whole: the application has no others. One that is not ours has, and takes bodies of any size there:
            models and reports are uploaded.
        own_refusal: schema of refusals in JSON, of a process that has a form of its own; what the login and
            the guard refuse has RESTCONF's form everywhere.
    """

    def __init__(
        self,
        process: str,
        routes: tuple[ApiRoute, ...],
        is_whole: bool = True,
        own_refusal: Schema | None = None,
    ) -> None:
        self.process = process
        self.routes = routes
        self.own_refusal = own_refusal
        self._is_whole = is_whole
        self._patterns = [(route, *_pattern(route.path)) for route in routes]

    def match(self, method: str, path: str) -> tuple[ApiRoute | None, dict[str, Any]]:
        """The route that a request asks for, with what stands in its path; None where there is none."""
        for route, values in self._at(path):
            if method in route.methods or (method == "HEAD" and "GET" in route.methods):
                return route, values
        return None, {}

    def methods(self, path: str) -> tuple[str, ...]:
        """What the routes at a path take; none where there is no route."""
        return tuple(dict.fromkeys(method for route, _ in self._at(path) for method in route.methods))

    def _at(self, path: str) -> Iterator[tuple[ApiRoute, dict[str, Any]]]:
        for route, begins, values_of in self._patterns:
            if path.startswith(begins) and (values := values_of(path)) is not None:
                yield route, values

    def named(self, does: str) -> ApiRoute:
        """The first route of a name."""
        return next(route for route in self.routes if route.does == does)

    def needed(self, method: str, route: ApiRoute | None) -> Role | None:
        """The role that a request for a route needs; None: it needs no credentials.

        What is not in the table is answered with 404 or 405. To be told so takes a reader, or an
        administrator where it would be a change.
        """
        if route is not None:
            return route.role
        return Role.READER if method in READING else Role.ADMINISTRATOR

    def limited(self, route: ApiRoute | None, receive: Receive) -> Receive:
        """``receive``, which refuses with 413 when a body is larger than its route takes."""
        if route is None and not self._is_whole:
            return receive
        most = route.max_body_bytes if route else MAX_BODY_BYTES
        num_bytes = 0

        async def counted() -> Message:
            nonlocal num_bytes
            message = await receive()
            if message["type"] == "http.request":
                num_bytes += len(message.get("body", b""))
                if num_bytes > most:
                    raise HTTPException(413, f"the body is over {most} bytes")
            return message

        return counted

    def handled_by(self, *handlers: Callable[..., Any]) -> Iterator[tuple[ApiRoute, Callable[..., Any]]]:
        """Each route with its handler, by name.

        Raises:
            RouteTableError: a route without a handler, a handler without a route.
        """
        named = {handler.__name__.removeprefix("_"): handler for handler in handlers}
        wanted = {route.does for route in self.routes}
        if wanted != named.keys():
            odd = ", ".join(sorted(wanted ^ named.keys()))
            raise RouteTableError(f"{self.process}: route without handler, or handler without route: {odd}")
        for route in self.routes:
            yield route, named[route.does]


def _pattern(path: str) -> tuple[str, Callable[[str], dict[str, Any] | None]]:
    """How a path begins that fits, and what stands in one that does; None: it does not."""
    pattern, _, convertors = compile_path(path)

    def values_of(asked: str) -> dict[str, Any] | None:
        found = pattern.match(asked)
        if found is None:
            return None
        return {name: convertors[name].convert(text) for name, text in found.groupdict().items()}

    return path.partition("{")[0], values_of


def only_open(process: str, *paths: str) -> RouteTable:
    """The table of an application that is not ours: what it answers without credentials, and nothing else."""
    opened = (ApiRoute(path, ("GET", "POST"), path, None, "open") for path in paths)
    return RouteTable(process, tuple(opened), is_whole=False)
