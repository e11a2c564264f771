"""An element host over HTTP. Not here: what an element does (``host.py``)."""

from __future__ import annotations

import logging
import sqlite3
from functools import partial

import orjson
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from configs.home import Credentials
from controlplane.application import Application
from controlplane.auth import NOBODY, AuthMiddleware, People
from controlplane.elements.host import ElementHost
from controlplane.elements.interface import EPOCH_HEADER, UNKNOWN_STATUS, Edit, ElementError
from controlplane.elements.routes import TABLE
from controlplane.elements.together import EditsTogether, Held
from controlplane.metrics import ready_answer
from controlplane.openapi import description

log = logging.getLogger(__name__)

STATUS_OF_TAG = {"access-denied": 403, "unknown-element": 404, "invalid-value": 422, "malformed-message": 400}
_EDIT = TypeAdapter(Edit)


def build_app(host: ElementHost, credentials: Credentials, people: People = NOBODY) -> Application:
    """The elements' HTTP application."""
    edits = EditsTogether(host)

    def element_of(request: Request) -> str:
        """Which element is asked, by a controller that is in charge or by none."""
        node: str = request.path_params["node"]
        if (epoch := request.headers.get(EPOCH_HEADER)) is not None:
            host.meet(_read_epoch(epoch, node), node)
        return node

    def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ElementError)
        return JSONResponse({"tag": error.tag, "message": str(error)}, STATUS_OF_TAG.get(error.tag, 500))

    def not_stored(request: Request, error: Exception) -> Response:
        """Whether the change is on disk nobody knows, so this is no refusal: who asked looks again."""
        log.warning("%s %s: %r", request.method, request.url.path, error)
        message = f"the elements' database failed: {error}"
        return JSONResponse({"tag": "operation-failed", "message": message}, UNKNOWN_STATUS)

    def plain_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = f"{request.method} {request.url.path}: {error.detail}"
        return JSONResponse({"tag": "invalid-value", "message": message}, error.status_code, error.headers)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(description(TABLE))

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def ready(_request: Request) -> Response:
        return ready_answer(host.not_ready(), [])

    def metrics(request: Request) -> Response:
        return host.measured().answer(request.headers.get("accept"))

    async def nodes(_request: Request) -> Response:
        return JSONResponse(list(host.nodes()))

    async def running(request: Request) -> Response:
        return _told(await run_in_threadpool(host.running, element_of(request)))

    async def edit(request: Request) -> Response:
        node, body = element_of(request), await request.body()
        with host.metrics.operation("edit"):
            return _told(await edits.edit(node, _read_edit(body, node)))

    def defect(request: Request, error: Exception) -> Response:
        log.error("%s %s", request.method, request.url.path, exc_info=error)
        return PlainTextResponse("a defect; the log of the elements has the details", 500)

    return Application(
        TABLE,
        (health, openapi, ready, metrics, nodes, running, edit),
        {ElementError: refused, sqlite3.Error: not_stored, HTTPException: plain_refusal, Exception: defect},
        partial(
            AuthMiddleware, credentials=credentials, table=TABLE, realm="lightloop elements", people=people
        ),
    )


def _told(held: Held) -> Response:
    return Response(orjson.dumps([vars(item) for item in held]), media_type="application/json")


def _read_epoch(text: str, node: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ElementError(node, "malformed-message", f"{EPOCH_HEADER} {text[:40]!r} is no number from 0 on")
    return int(text)


def _read_edit(body: bytes, node: str) -> Edit:
    try:
        return _EDIT.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise ElementError(node, "malformed-message", f"{place}: {first['msg']}") from None
