"""The route that the login checked is the route that answers; whatever goes wrong is answered once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.testclient import TestClient

from configs.home import Credentials
from controlplane.application import Application, asked
from controlplane.auth import AuthMiddleware, bearer_header
from controlplane.roles import Role
from controlplane.routes import ApiRoute, RouteTable, RouteTableError

CREDENTIALS = Credentials("admin", "secret", "token")


class Page(BaseModel):
    limit: Annotated[int, Field(ge=1, le=9)] = 3


class OddError(Exception):
    """Of a kind that the application knows."""


class OdderError(OddError):
    """Of a kind below it."""


TABLE = RouteTable(
    "test",
    (
        ApiRoute("/things/own", ("GET",), "own", None, "before the next one, which fits too"),
        ApiRoute("/things/{name}", ("GET", "PUT"), "thing", Role.READER, "a thing", max_body_bytes=5),
        ApiRoute("/things/{name}", ("DELETE",), "removed", Role.OPERATOR, "a thing taken away"),
        ApiRoute("/number/{number:int}/{rest:path}", ("GET",), "thing", None, "what stands in a path"),
        ApiRoute("/page", ("GET",), "page", None, "a page"),
        ApiRoute("/fails/{how}", ("GET",), "fails", None, "an exception"),
    ),
)


async def own(_request: Request) -> Response:
    return PlainTextResponse("own")


async def thing(request: Request) -> Response:
    return JSONResponse(request.path_params | {"body": (await request.body()).decode()})


def removed(request: Request) -> Response:
    with pytest.raises(RuntimeError):  # in a thread, where nobody else is held up
        asyncio.get_running_loop()
    return PlainTextResponse(f"removed {request.path_params['name']}")


async def page(request: Request) -> Response:
    return PlainTextResponse(str(asked(request, Page).limit))


async def fails(request: Request) -> Response:
    raise {"known": OddError, "below": OdderError}.get(request.path_params["how"], ZeroDivisionError)("so")


def told(status: int, request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{request.url.path}: {error}", status)


def http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


HANDLERS: tuple[Any, ...] = (own, thing, removed, page, fails)
LOGIN = partial(AuthMiddleware, credentials=CREDENTIALS, table=TABLE)


@pytest.fixture
def client() -> TestClient:
    refusals = {OddError: partial(told, 409), HTTPException: http_error, Exception: partial(told, 500)}
    return TestClient(Application(TABLE, HANDLERS, refusals, LOGIN), headers=bearer_header(CREDENTIALS))


def test_the_first_route_that_fits_path_and_method_answers(client: TestClient) -> None:
    assert client.get("/things/own").text == "own"
    assert client.get("/things/other").json() == {"name": "other", "body": ""}
    assert client.put("/things/own", content=b"12345").json() == {"name": "own", "body": "12345"}
    assert client.delete("/things/own").text == "removed own"
    assert client.get("/number/7/a/b").json() == {"number": 7, "rest": "a/b", "body": ""}


def test_a_path_in_other_clothes_is_the_same_for_login_and_handler(client: TestClient) -> None:
    stranger = TestClient(client.app)
    assert stranger.get("/things/%6Fwn").text == "own"  # open, and the open route's answer
    for path in ("/things/other", "/things//own", "/things/own/", "/THINGS/own", "/things/../things/x"):
        assert stranger.get(path).status_code == 401, path


def test_head_is_answered_where_get_is(client: TestClient) -> None:
    answer = client.head("/things/own")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "3")


def test_what_is_not_in_the_table_is_404_or_405_with_what_there_is(client: TestClient) -> None:
    assert client.get("/nothing").status_code == 404
    odd = client.post("/things/own")
    assert (odd.status_code, odd.headers["allow"]) == (405, "GET, PUT, DELETE")


def test_a_body_over_its_routes_limit_is_413(client: TestClient) -> None:
    assert client.put("/things/x", content=b"123456").status_code == 413


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("", 200, "3"),
        ("?limit=9&other=1", 200, "9"),
        ("?limit=10", 400, "query.limit: Input should be less than or equal to 9 (value '10')"),
        ("?limit=x", 400, "query.limit"),
    ],
)
def test_an_odd_query_is_told_with_place_and_value(
    client: TestClient, query: str, status: int, text: str
) -> None:
    answer = client.get(f"/page{query}")
    assert answer.status_code == status
    assert answer.text.startswith(text)


def test_an_exception_is_answered_by_the_nearest_kind_above_it(client: TestClient) -> None:
    assert client.get("/fails/known").status_code == 409
    assert client.get("/fails/below").text == "/fails/below: so"
    assert client.get("/fails/else").status_code == 500


def test_an_exception_that_nobody_answers_is_the_servers() -> None:
    bare = TestClient(Application(TABLE, HANDLERS, {}, LOGIN))
    with pytest.raises(ZeroDivisionError):
        bare.get("/fails/else")


def test_a_route_without_a_handler_is_found_at_the_start() -> None:
    with pytest.raises(RouteTableError, match="fails"):
        Application(TABLE, HANDLERS[:-1], {}, LOGIN)
