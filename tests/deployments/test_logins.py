"""Every route of every process, and what it asks for: a new route is closed unless it stands here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from configs.home import Credentials, Home
from configs.load import load_config
from controlplane.auth import AuthMiddleware
from controlplane.console.routes import TABLE as CONSOLE
from controlplane.controller.routes import TABLE as CONTROLLER
from controlplane.elements.routes import TABLE as ELEMENTS
from controlplane.guard import Guard
from controlplane.pce.routes import TABLE as PCE
from controlplane.roles import Role
from controlplane.routes import READING, RouteTable
from deployments.mlflow_server import TABLE as MLFLOW
from deployments.model_slot import TABLE as MODEL_SLOT
from deployments.model_slot import guarded

CREDENTIALS = Credentials("admin", "a-password", "a-token")
HERE = "http://127.0.0.1:8702"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What answers without credentials. Everything else must ask for them.
OPEN = {
    "controller": {"/health", "/.well-known/host-meta"},
    "pce": {"/health"},
    "elements": {"/health"},
    "console": {"/health"},
    "model slot": {"/ping", "/health"},
    "mlflow": {"/health"},
}
TABLES = (CONTROLLER, PCE, ELEMENTS, CONSOLE, MODEL_SLOT, MLFLOW)


def paths_of(routes: Iterable[Any], prefix: str = "") -> set[str]:
    """Every path of an application, parameters filled in, mounted ones too."""
    found: set[str] = set()
    for route in routes:
        path = prefix + str(getattr(route, "path", ""))
        inner = getattr(route, "routes", None) or getattr(getattr(route, "app", None), "routes", None)
        if inner:
            found |= paths_of(inner, path.rstrip("/"))
        else:
            found.add(re.sub(r"{(\w+)(:path)?}", r"\1", path) or "/")
    return found


def apps(tmp_path: Path) -> dict[str, tuple[Any, Any]]:
    """The routes of each process, and the whole with login and guard.

    Those of an ``Application`` are its table; the others have a router of their own behind the login.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    from configs.build import plant_of
    from controlplane.console.main import build_app as console_app
    from controlplane.console.main import make_feed, page_settings
    from controlplane.controller.app import build_app as controller_app
    from controlplane.elements.app import build_app as elements_app
    from controlplane.elements.host import ElementHost
    from controlplane.elements.store import ElementStore
    from controlplane.pce.app import PceSettings
    from controlplane.pce.app import build_app as pce_app

    config = load_config("five-node")
    host = ElementHost({}, ElementStore(tmp_path / "elements.db"))
    settings = PceSettings(["http://127.0.0.1:1"], tmp_path / "decisions", tmp_path / "endpoint.json")
    served = ("/ping", "/invocations", "/version")
    slot = Starlette(routes=[Route(path, lambda request: None) for path in served])
    page = console_app(make_feed(config, CREDENTIALS), page_settings(config), CREDENTIALS)
    nodes, paths = elements_app(host, CREDENTIALS), pce_app(plant_of(config), settings, CREDENTIALS)
    # The routes need neither state nor elements to refuse.
    nothing = MagicMock()
    network = controller_app(nothing, nothing, nothing, CREDENTIALS, nothing)
    return {
        "controller": (CONTROLLER.routes, Guard(network)),
        "elements": (ELEMENTS.routes, Guard(nodes)),
        "pce": (PCE.routes, Guard(paths)),
        "console": (page.routes, Guard(page)),
        "model slot": (slot.routes, guarded(slot, CREDENTIALS)),
    }


def answers(app: Any, path: str, method: str, **further: Any) -> int:
    async def ask() -> int:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
            return (await client.request(method, path, **further)).status_code

    return asyncio.run(ask())


def test_what_is_open_stands_here_and_what_changes_takes_more_than_a_reader() -> None:
    for table in TABLES:
        assert {route.path for route in table.routes if route.role is None} == OPEN[table.process]
        for route in table.routes:
            if route.noted != "never" and {*route.methods} - {*READING} and route.role is not None:
                assert route.role is not Role.READER, (table.process, route.path)


def test_every_route_of_a_router_stands_in_its_table(tmp_path: Path) -> None:
    routes, _ = apps(tmp_path)["console"]

    paths = paths_of(routes)

    assert len(paths) > 2
    for path in paths:  # a mounted application begins behind its path
        assert any(CONSOLE.match(m, p)[0] for m in (*METHODS, "OPTIONS") for p in (path, path + "/")), path


def test_every_route_of_our_own_processes_asks_for_credentials(tmp_path: Path) -> None:
    for name, (routes, whole) in apps(tmp_path).items():
        paths = paths_of(routes) | {"/nowhere"}
        assert len(paths) > 2, name
        for path in paths - OPEN[name]:
            for method in METHODS:
                assert answers(whole, path, method) == 401, (name, method, path)


def test_every_route_of_every_process_refuses_foreign_names_and_pages(tmp_path: Path) -> None:
    for name, (routes, whole) in apps(tmp_path).items():
        for path in paths_of(routes):
            for method in METHODS:
                login = {"Authorization": f"Bearer {CREDENTIALS.token}"}
                foreign = login | {"Origin": "http://evil.example"}
                assert answers(whole, path, method, headers=foreign) == 403, (name, method, path)
                rebound = login | {"Host": "evil.example:8702"}
                assert answers(whole, path, method, headers=rebound) == 421, (name, method, path)


def test_every_route_of_mlflow_asks_for_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.server import app as flask_app
    from mlflow.server.fastapi_app import app

    whole = Guard(AuthMiddleware(app, CREDENTIALS, MLFLOW), framed_by="self")
    rules = {re.sub(r"<(path:)?(\w+)>", r"\2", str(rule)) for rule in flask_app.url_map.iter_rules()}
    paths = (rules | paths_of(app.routes) | {"/"}) - OPEN["mlflow"]

    assert len(paths) > 100
    for path in paths:
        assert answers(whole, path, "GET") == answers(whole, path, "POST") == 401, path


@pytest.mark.parametrize(("table", "taken"), [(MLFLOW, 3_000_000), (PCE, 413)])
def test_reports_and_models_of_any_size_are_uploaded_and_nothing_large_is_put_before_the_pce(
    table: RouteTable, taken: int
) -> None:
    async def counting(scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        await JSONResponse(len(body))(scope, receive, send)

    app = ExceptionMiddleware(AuthMiddleware(counting, CREDENTIALS, table))
    headers = {"Authorization": f"Bearer {CREDENTIALS.token}"}

    async def put() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as client:
            return await client.put("/somewhere", content=b"x" * 3_000_000)

    answer = asyncio.run(put())

    assert taken in (answer.status_code, answer.json() if answer.status_code == 200 else None)


def test_the_homes_of_an_older_version_are_closed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.root.chmod(0o755)
    database = home.state / "prefect.db"
    database.touch(mode=0o644)

    home.tighten()

    assert home.root.stat().st_mode & 0o077 == 0
    assert database.stat().st_mode & 0o077 == 0
