"""An element host over HTTP. Not here: what an element does (``host.py``)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response

from configs.home import Credentials
from controlplane.auth import NOBODY, AuthMiddleware, People
from controlplane.elements.host import ElementHost
from controlplane.elements.interface import EPOCH_HEADER, CrossConnect, Edit, ElementError
from controlplane.elements.routes import TABLE
from controlplane.metrics import ready_answer

STATUS_OF_TAG = {"access-denied": 403, "unknown-element": 404, "invalid-value": 422}


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

    def running(node: str) -> Response:
        return _told(host.running(node))

    def edit(node: str, body: Edit) -> Response:
        with operation("edit"):
            return _told(host.edit(node, body))

    for route, handler in TABLE.handled_by(health, ready, metrics, nodes, running, edit):
        app.add_api_route(route.path, handler, methods=list(route.methods))
    app.add_middleware(
        AuthMiddleware, credentials=credentials, table=TABLE, realm="lightloop elements", people=people
    )
    return app


def _told(items: tuple[CrossConnect, ...]) -> Response:
    return JSONResponse([vars(item) for item in items])
