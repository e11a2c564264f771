"""The controller's HTTP routes: RESTCONF northbound, snapshot and changes, the notification stream.

Not here: what happens to the network (``services.py``), documents (``controlplane.tapi``).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from configs.home import Credentials
from controlplane.application import Application, Handler, asked
from controlplane.auth import NOBODY, AuthMiddleware, People, tell_trail
from controlplane.controller.change_log import LAST_VERSION, PAGE_ROWS
from controlplane.controller.clients import ClientSettings
from controlplane.controller.datastore import Datastore
from controlplane.controller.draining import Drain
from controlplane.controller.maintenance import Maintenance
from controlplane.controller.monitored import degraded, measured, not_ready
from controlplane.controller.optical_tfs import Lightpaths, optical_tfs_handlers
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.restconf import (
    accepts_json,
    check_conditions,
    error_response,
    is_known,
    plain_error,
    read_json,
    tagged,
    yang_response,
)
from controlplane.controller.restoration import Restoration
from controlplane.controller.routes import DATA, DRAIN, FAIL_LINK, REPAIR_LINK, TABLE, UNDRAIN
from controlplane.controller.services import ServiceManager
from controlplane.controller.snapshot import Snapshots
from controlplane.controller.state import NetworkState
from controlplane.controller.stream import NotificationStream
from controlplane.controller.subscriptions import (
    CHANGING_OPERATIONS,
    READING_OPERATIONS,
    SubscribedReader,
    Subscriptions,
)
from controlplane.metrics import ready_answer
from controlplane.openapi import description
from controlplane.pathcomp import COMP_ROUTE
from controlplane.routes import JSON
from controlplane.state_headers import STATE_VERSION
from controlplane.tapi import yang_library
from controlplane.tapi.errors import TapiError, invalid
from controlplane.tapi.path_body import COMPUTE_OPERATION
from controlplane.trail import TrailError, parse_since, read_trail

log = logging.getLogger(__name__)

HOST_META_BODY = (
    "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link rel='restconf' href='/restconf'/></XRD>"
)
OPERATIONS = (
    "tapi-path-computation:compute-p-2-p-path",
    FAIL_LINK,
    REPAIR_LINK,
    DRAIN,
    UNDRAIN,
    *READING_OPERATIONS,
    *CHANGING_OPERATIONS,
)
MAX_CHANGES = 64  # side by side
MAX_QUESTIONS = 16  # that are passed on to the PCE, side by side
MAX_READERS = 32
Version = Annotated[int, Field(ge=-LAST_VERSION, le=LAST_VERSION)]
Rows = Annotated[int, Field(ge=1, le=PAGE_ROWS)]
Result = TypeVar("Result")


class _Page(BaseModel):
    limit: Rows = PAGE_ROWS


class _ChangesPage(_Page):
    since: Version = 0
    store: Annotated[str | None, Field(max_length=200)] = None


class _SnapshotPage(_Page):
    version: Version | None = None
    after: Version = 0


class _TrailPage(_Page):
    since: Annotated[str, Field(max_length=40)] = "-1d"
    user: Annotated[str, Field(max_length=200)] = ""


def build_app(
    state: NetworkState,
    manager: ServiceManager,
    pce: PathComputation,
    credentials: Credentials,
    stream: NotificationStream,
    maintenance: Maintenance | None = None,
    clients: ClientSettings | None = None,
    people: People = NOBODY,
) -> Application:
    """The controller's HTTP application; it starts and stops the maintenance with itself."""
    clients = clients or ClientSettings()
    snapshots, subscriptions = Snapshots(state), Subscriptions(state, stream.look_again)
    datastore = Datastore(state, manager, pce, clients, subscriptions.context)
    # Changes wait for elements and for the PCE; with threads of their own they never hold up the readers.
    changing = ThreadPoolExecutor(MAX_CHANGES, "change")
    asking = ThreadPoolExecutor(MAX_QUESTIONS, "ask")
    reading = ThreadPoolExecutor(MAX_READERS, "read")

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        stream.open()
        if maintenance:
            maintenance.start()
        yield
        stream.close()
        if maintenance:
            await asyncio.to_thread(maintenance.stop)

    async def in_one_of(threads: ThreadPoolExecutor, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, function)

    async def change(function: Callable[[], Result]) -> Result:
        return await in_one_of(changing, function)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, TapiError)
        count(error.status)
        answer = error_response(error)
        if error.status == 405:
            answer.headers["Allow"] = ", ".join(allowed_at(request.url.path))
        return answer

    def count(status: int) -> None:
        manager.metrics.refusals.labels(str(status)).inc()

    def allowed_at(path: str) -> tuple[str, ...]:
        """Methods that a resource below ``/restconf`` takes (RFC 8040 4.1); none where there is none."""
        if path == DATA or path.startswith(f"{DATA}/"):
            return datastore.allowed(path.removeprefix(DATA))
        taken = [method for route in TABLE.routes if route.path == path for method in route.methods]
        return tuple(dict.fromkeys((*taken, "OPTIONS"))) if taken else ()

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status, detail, allow = error.status_code, error.detail, (error.headers or {}).get("Allow", "")
        if status == 405 and request.url.path.startswith("/restconf"):
            allow = ", ".join(allowed_at(request.url.path))
            if not allow:  # only the route of OPTIONS takes every path
                status, detail = 404, "Not Found"
        count(status)
        answer = plain_error(status, f"{request.method} {request.url.path}: {detail}")
        if status == 405:
            answer.headers["Allow"] = allow
        return answer

    def defect(request: Request, error: Exception) -> Response:
        count(500)
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return plain_error(500, f"{type(error).__name__}: see the controller's log")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def ready(_request: Request) -> Response:
        return ready_answer(not_ready(manager), degraded(manager))

    def metrics(request: Request) -> Response:
        return measured(manager).answer(request.headers.get("accept"))

    async def host_meta(_request: Request) -> Response:
        return Response(HOST_META_BODY, media_type="application/xrd+xml")

    def changes(request: Request) -> Response:
        page = asked(request, _ChangesPage)
        return Response(json.dumps(state.feed(page.since, page.store, page.limit)), media_type=JSON)

    def snapshot(request: Request) -> Response:
        page = asked(request, _SnapshotPage)
        return Response(snapshots.page(page.version, max(0, page.after), page.limit), media_type=JSON)

    def setups(request: Request) -> Response:
        return Response(json.dumps(manager.progress.told(asked(request, _Page).limit)), media_type=JSON)

    def openapi(_request: Request) -> Response:
        return Response(json.dumps(description(TABLE)), media_type=JSON)

    def trail(request: Request) -> Response:
        page, folder = asked(request, _TrailPage), people.trail.folder if people.trail else None
        try:
            found = read_trail(folder, parse_since(page.since), page.user) if folder else ()
        except TrailError as error:
            raise invalid(str(error)) from None
        entries = [asdict(entry) for entry in deque(found, maxlen=page.limit)]
        return Response(json.dumps({"entries": entries}), media_type=JSON)

    async def root(request: Request) -> Response:
        accepts_json(request)
        resources = {"data": {}, "operations": {}, "yang-library-version": yang_library.REVISION}
        return yang_response({"ietf-restconf:restconf": resources})

    async def yang_library_version(request: Request) -> Response:
        accepts_json(request)
        return yang_response({"ietf-restconf:yang-library-version": yang_library.REVISION})

    async def options(request: Request) -> Response:
        allowed = allowed_at(request.url.path)
        if not allowed:
            raise HTTPException(404)
        return Response(status_code=200, headers={"Allow": ", ".join(allowed)})

    async def operations(request: Request) -> Response:
        accepts_json(request)
        return yang_response({"ietf-restconf:operations": {name: [None] for name in OPERATIONS}})

    async def passed_on(request: Request, path: str) -> Response:
        body = await read_json(request)
        headers = {STATE_VERSION: str(state.version)}
        status, answer = await in_one_of(asking, partial(pce.forward, "POST", path, body, headers))
        return yang_response(answer, status)

    async def compute(request: Request) -> Response:
        return await passed_on(request, COMPUTE_OPERATION)

    async def comp_route(request: Request) -> Response:
        return await passed_on(request, COMP_ROUTE)

    async def fail_link(request: Request) -> Response:
        nodes = _link_input(await read_json(request))
        tell_trail(request, "-".join(nodes))
        return yang_response(_restoration(await change(lambda: manager.fail_link(nodes))))

    async def repair_link(request: Request) -> Response:
        nodes = _link_input(await read_json(request))
        tell_trail(request, "-".join(nodes))
        return yang_response(_restoration(await change(lambda: manager.repair_link(nodes))))

    async def drain(request: Request) -> Response:
        nodes = _drain_input(await read_json(request))
        tell_trail(request, "-".join(nodes))
        return yang_response(_drain(await change(lambda: manager.draining.drain(nodes))))

    async def undrain(request: Request) -> Response:
        nodes = _drain_input(await read_json(request))
        tell_trail(request, "-".join(nodes))
        return yang_response(_restoration(await change(lambda: manager.draining.undrain(nodes))))

    async def notification_operation(request: Request) -> Response:
        body = await read_json(request) if await request.body() else {}
        operation = request.url.path.rpartition("/")[2]
        return yang_response(await asyncio.to_thread(subscriptions.operate, operation, body))

    async def notifications(request: Request) -> Response:
        since = stream.start_after(request.headers.get("last-event-id"))
        uuid = request.query_params.get("subscription")
        subscribed = None if uuid is None else SubscribedReader(subscriptions, uuid)
        return StreamingResponse(
            stream.events(since, subscribed),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache"},
        )

    async def read(request: Request) -> Response:
        accepts_json(request)
        path, query = _below_data(request), request.query_params.multi_items()
        threads = asking if datastore.asks(path) else reading
        answer = await in_one_of(threads, lambda: tagged(datastore.read(path, query)))
        if is_known(request, answer):
            return Response(status_code=304, headers={"ETag": answer.headers["ETag"]})
        return answer

    async def write(request: Request) -> Response:
        path = _below_data(request)
        act = datastore.writer(request.method, path)
        body = await read_json(request) if request.method in ("POST", "PUT", "PATCH") else None

        def act_on_conditions() -> Response:
            check_conditions(request, lambda: datastore.current(path, body))
            return act(body)

        return await change(act_on_conditions)

    handlers: tuple[Handler, ...] = (
        *(health, ready, metrics, host_meta, openapi, changes, snapshot, setups, trail, root),
        *(yang_library_version, options, operations, compute, comp_route),
        *(fail_link, repair_link, drain, undrain, notification_operation, notifications, read, write),
        *optical_tfs_handlers(Lightpaths(state, manager), change),
    )
    refusals = {TapiError: refused, HTTPException: http_error, Exception: defect}
    login = partial(
        AuthMiddleware,
        credentials=credentials,
        table=TABLE,
        realm="lightloop controller",
        people=people,
        trusted=clients.trusted,
    )
    return Application(TABLE, handlers, refusals, login, lifespan)


def _below_data(request: Request) -> str:
    """Which resource of the datastore is asked for."""
    path: str = request.scope["path"]
    return path.removeprefix(DATA).lstrip("/")


def _link_input(body: Any) -> list[str]:
    content = body.get("lightloop:input", body.get("input")) if isinstance(body, dict) else None
    nodes = content.get("nodes") if isinstance(content, dict) else None
    if not (isinstance(nodes, list) and len(nodes) == 2 and all(isinstance(node, str) for node in nodes)):
        raise invalid('the body must be {"lightloop:input": {"nodes": ["A", "B"]}}')
    return nodes


def _drain_input(body: Any) -> list[str]:
    content = body.get("lightloop:input", body.get("input")) if isinstance(body, dict) else None
    if isinstance(content, dict) and set(content) == {"node"} and isinstance(content["node"], str):
        return [content["node"]]
    if isinstance(content, dict) and set(content) == {"nodes"}:
        return _link_input(body)
    raise invalid(
        'the body must be {"lightloop:input": {"node": "A"}}, or {"lightloop:input": {"nodes": ["A", "B"]}} '
        "for a link"
    )


def _drain(result: Drain) -> dict[str, Any]:
    stayed = [{"service-uuid": uuid, "reason": reason} for uuid, reason in result.stayed]
    took_ms = str(round(result.took_s * 1000.0))
    return {"lightloop:output": {"moved": list(result.moved), "stayed": stayed, "took-ms": took_ms}}


def _restoration(result: Restoration) -> dict[str, Any]:
    lost = [{"service-uuid": uuid, "reason": reason} for uuid, reason in result.lost]
    reverted = {"reverted": list(result.reverted)} if result.reverted else {}
    return {"lightloop:output": {"restored": list(result.restored), "lost": lost} | reverted}
