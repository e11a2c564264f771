"""The outer door: foreign names, foreign pages, frames."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from controlplane.guard import Guard

HERE = "http://127.0.0.1:8702"


async def hello(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"access-control-allow-origin": "*"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/", hello, methods=["GET", "POST", "DELETE"]), WebSocketRoute("/socket", socket)]
    return TestClient(Guard(Starlette(routes=routes), ["net.example"]), base_url=HERE)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8702", "localhost:8702", "LOCALHOST", "[::1]:8702", "net.example", "Net.Example:443"]
)
def test_names_of_ours_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8702", "127.0.0.1.evil.example", "localhost@evil.example", "", "127.0.0.2",
     "net.example.evil.example", "evil.example:127.0.0.1"],
)  # fmt: skip
def test_a_foreign_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "http://127.0.0.1:8702.evil.example",
     "file://", "http://localhost:8702", "chrome-extension://abcdef"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_foreign_page_is_refused(client: TestClient, origin: str, method: str) -> None:
    answer = client.request(method, "/", headers={"origin": origin})

    assert answer.status_code == 403
    assert "another site" in answer.json()["ietf-restconf:errors"]["error"][0]["error-message"]


def test_a_page_of_ours_is_answered(client: TestClient) -> None:
    assert client.post("/", headers={"origin": HERE, "sec-fetch-site": "same-origin"}).status_code == 200
    assert client.get("/", headers={"sec-fetch-site": "none"}).status_code == 200


def test_a_person_may_follow_a_link_but_a_page_may_not_ask(client: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    assert client.get("/", headers=link).status_code == 200
    assert client.post("/", headers=link).status_code == 403
    assert client.get("/", headers=link | {"sec-fetch-dest": "iframe"}).status_code == 403
    assert client.get("/", headers=link | {"sec-fetch-mode": "no-cors"}).status_code == 403
    assert client.get("/", headers={"sec-fetch-site": "same-site"}).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_a_foreign_page_gets_no_socket(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers=headers):
        pass


def test_a_page_of_ours_gets_its_socket(client: TestClient) -> None:
    headers = {"host": "127.0.0.1:8702", "origin": HERE}
    with client.websocket_connect("/socket", headers=headers) as opened:
        assert opened.receive_text() == "hello"


def test_no_page_is_framed_and_nobody_else_reads(client: TestClient) -> None:
    headers = client.get("/").headers

    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_two_hosts_in_one_request_are_refused() -> None:
    app = Guard(Starlette(routes=[Route("/", hello)]))
    from starlette.datastructures import Headers

    raw = [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]
    refused = app.refusal(Headers(raw=raw), "GET")

    assert refused is not None
    assert refused[0] == 421
