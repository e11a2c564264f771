"""An element host over HTTP. Not here: what an element does (``host.py``)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from configs.home import Credentials
from controlplane.auth import NOBODY, AuthMiddleware, People
from controlplane.elements.host import ElementHost
from controlplane.elements.interface import EPOCH_HEADER, Edit, ElementError
from controlplane.elements.routes import TABLE
from controlplane.metrics import ready_answer

STATUS_OF_TAG = {
    "access-denied": 403,
    "unknown-element": 404,
    "in-use": 409,
    "data-missing": 409,
    "invalid-value": 422,
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CommitBody(_Body):
    """A confirmed commit on the wire."""

    persist_id: Annotated[str, Field(min_length=1)]
    timeout_s: Annotated[float, Field(gt=0, le=3600)]


class PersistIdBody(_Body):
    """Which commit is confirmed or cancelled."""

    persist_id: Annotated[str, Field(min_length=1)]


def build_app(host: ElementHost, credentials: Credentials, people: People = NOBODY) -> FastAPI:
    """The elements' HTTP application."""

    async def in_charge(
        request: Request, epoch: Annotated[int | None, Header(alias=EPOCH_HEADER, ge=0, lt=2**63)] = None
    ) -> None:
        if epoch is not None:
            host.meet(epoch, request.path_params.get("node", ""))

    app = FastAPI(
        title="lightloop elements",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(in_charge)],
    )
    operation = host.metrics.operation

    @app.exception_handler(ElementError)
    def refused(request: Request, error: ElementError) -> JSONResponse:
        return JSONResponse({"tag": error.tag, "message": str(error)}, STATUS_OF_TAG.get(error.tag, 500))

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    def ready() -> Response:
        return ready_answer(host.not_ready(), [])

    def metrics(request: Request) -> Response:
        return host.measured().answer(request.headers.get("accept"))

    def nodes() -> list[str]:
        return list(host.nodes())

    def running(node: str) -> list[dict[str, Any]]:
        return [asdict(item) for item in host.running(node)]

    def pending(node: str) -> dict[str, str | None]:
        return {"persist_id": host.pending(node)}

    def edit_candidate(node: str, body: Edit) -> None:
        with operation("edit-candidate"):
            host.edit_candidate(node, body)

    def discard(node: str) -> None:
        with operation("discard"):
            host.discard(node)

    def commit_confirmed(node: str, body: CommitBody) -> None:
        with operation("commit-confirmed"):
            host.commit_confirmed(node, body.persist_id, body.timeout_s)

    def confirm(node: str, body: PersistIdBody) -> None:
        with operation("confirm"):
            host.confirm(node, body.persist_id)

    def cancel(node: str, body: PersistIdBody) -> None:
        with operation("cancel"):
            host.cancel(node, body.persist_id)

    handlers = (
        *(health, ready, metrics, nodes, running, pending),
        *(edit_candidate, discard, commit_confirmed, confirm, cancel),
    )
    for route, handler in TABLE.handled_by(*handlers):
        status = 200 if "GET" in route.methods else 204
        app.add_api_route(route.path, handler, methods=list(route.methods), status_code=status)
    app.add_middleware(
        AuthMiddleware, credentials=credentials, table=TABLE, realm="lightloop elements", people=people
    )
    return app
