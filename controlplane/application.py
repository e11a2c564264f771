"""From a request to its handler, the same for elements, PCE and controller.

The route whose role the login has checked is the route that answers: there is no second router that could see
a path otherwise. A second one, with what Starlette and FastAPI put around each handler, also took 7 % of the
controller's processor time. Not here: the form of a table (``routes.py``), who may ask (``auth.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from controlplane.auth import ROUTE, AuthMiddleware
from controlplane.routes import RouteTable

Handler = Callable[[Request], Any]  # an answer, or what is awaited for it
Refusal = Callable[[Request, Exception], Response]
Asked = TypeVar("Asked", bound=BaseModel)


class Application:
    """The ASGI application of one process: its table, with a handler for each route.

    Args:
        table: its routes.
        handlers: named as in the table. One that is no coroutine runs in a thread.
        refusals: the answer to an exception, by its class or the nearest one above. 404 and 405 come as
            Starlette's ``HTTPException``.
        login: puts the login around what it is given.
        lifespan: what is opened before the first request, and closed after the last.

    Attributes:
        state: what handlers find as ``request.app.state``.

    Raises:
        RouteTableError: a route without a handler, a handler without a route.
    """

    def __init__(
        self,
        table: RouteTable,
        handlers: tuple[Handler, ...],
        refusals: Mapping[type[Exception], Refusal],
        login: Callable[[ASGIApp], AuthMiddleware],
        lifespan: Lifespan[Any] | None = None,
    ) -> None:
        self.state = State()
        self._table = table
        self._handlers = {route.does: _awaited(handler) for route, handler in table.handled_by(*handlers)}
        self._refusals: dict[type, Refusal] = {ClientDisconnect: _to_nobody, **refusals}
        self._guarded = login(self._answer)
        self._rest = Starlette(lifespan=lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            scope["app"] = self
            await self._guarded(scope, receive, send)
        else:
            await self._rest(scope, receive, send)  # begins and ends; a websocket is closed

    def opened(self) -> AbstractAsyncContextManager[Any]:
        """What is open while requests are answered, for who serves it by other means than ASGI's lifespan."""
        return self._rest.router.lifespan_context(self._rest)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            answer = await self._handler(scope)(request)
        except Exception as error:
            answer = self._refusal(error)(request, error)
        await answer(scope, receive, send)

    def _handler(self, scope: Scope) -> Handler:
        route, scope["path_params"] = scope[ROUTE]
        if route is not None:
            return self._handlers[route.does]
        if allowed := self._table.methods(scope["path"]):
            raise HTTPException(405, "Method Not Allowed", {"Allow": ", ".join(allowed)})
        raise HTTPException(404, "Not Found")

    def _refusal(self, error: Exception) -> Refusal:
        for kind in type(error).__mro__:
            if kind in self._refusals:
                return self._refusals[kind]
        raise error


def _to_nobody(_request: Request, _error: Exception) -> Response:
    """A client that is gone before its whole request has come is no defect."""
    return Response(status_code=400)


def _awaited(handler: Handler) -> Handler:
    if iscoroutinefunction(handler):
        return handler

    async def in_thread(request: Request) -> Any:
        return await run_in_threadpool(handler, request)

    return in_thread


def asked(request: Request, kind: type[Asked]) -> Asked:
    """What the query of a request asks for.

    Raises:
        HTTPException: 400, a value is odd; names the first one.
    """
    try:
        return kind.model_validate(dict(request.query_params))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(("query", *map(str, first["loc"])))
        told = f"{place}: {first['msg']} (value {str(first.get('input'))[:80]!r})"
        raise HTTPException(400, told) from None
