"""HTTPS of controller and console: a real server, real TLS clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from configs.home import Credentials
from configs.load import ConfigError, load_config
from configs.tls import TlsError, TlsFiles, client_context
from controlplane.certificate import make_certificate
from controlplane.client import ControllerClient, ServiceRefused
from controlplane.controller.routes import HOST_META
from controlplane.http_server import server_config
from deployments.health import answers
from deployments.services import service_table
from tests.controlplane.serving import served


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.url.scheme} {len(await request.body())}")


async def speak(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text((await socket.receive_text()).upper())
    await socket.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"), ("net.example",))


@pytest.fixture(scope="module")
def port(files: TlsFiles) -> Iterator[int]:
    routes = [Route("/{path:path}", echo, methods=["GET", "POST"]), WebSocketRoute("/socket", speak)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("controlplane.http_server.HEAD_S", 2.0)
        with served(server_config(Starlette(routes=routes), "127.0.0.1", 0, files)) as found:
            yield found


def get(url: str, context: ssl.SSLContext) -> httpx.Response:
    return httpx.post(url, content=b"x" * 100_000, verify=context, timeout=30, trust_env=False)


def test_our_clients_take_this_certificate_and_no_other(port: int, files: TlsFiles, tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{port}"
    assert get(url, client_context(files.certificate)).text == "https 100000"
    other = make_certificate(tmp_path / "other", ("net.example",))
    for context in (client_context(other.certificate), client_context("")):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            get(url, context)
    nobody = Credentials("u", "p", "t")
    with ControllerClient(url, nobody, certificate=files.certificate) as client:
        assert client._http.get(HOST_META).text.startswith("https")
    with (
        ControllerClient(url, nobody, certificate=other.certificate) as client,
        pytest.raises(ServiceRefused, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.nodes()
    assert answers(f"{url}/health", files.certificate)
    assert not answers(f"{url}/health", other.certificate)


def test_clients_of_others_find_the_names_in_it(port: int, files: TlsFiles) -> None:
    strict = ssl.create_default_context(cafile=files.certificate)
    for host in ("localhost", "127.0.0.1"):
        assert get(f"https://{host}:{port}", strict).status_code == 200
    found = ssl.get_server_certificate(("127.0.0.1", port))
    assert found.strip() == Path(files.certificate).read_text().strip()


def test_plain_http_is_told_so_and_a_silent_client_is_left(port: int) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}", content=b"x" * 100_000, timeout=30, trust_env=False)
    assert answer.status_code == 400
    assert "write https:// instead" in answer.text
    for sent in (b"", b"\x16\x03\x01", b"\x16nonsense that is no handshake"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(sent)
            ended = b"end"
            try:
                while ended not in (b"",):
                    ended = connection.recv(4096)  # an alert may come first
            except ConnectionResetError:
                pass


def test_an_old_version_of_tls_is_refused(port: int, files: TlsFiles) -> None:
    old = client_context(files.certificate)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        get(f"https://127.0.0.1:{port}", old)


def test_the_socket_of_the_console_goes_on_tls_too(port: int, files: TlsFiles) -> None:
    async def ask() -> str:
        url = f"wss://127.0.0.1:{port}/socket"
        async with websockets.connect(url, ssl=client_context(files.certificate), proxy=None) as connection:
            await connection.send("spectrum")
            return str(await connection.recv())

    assert asyncio.run(ask()) == "SPECTRUM"


def test_the_key_is_private_and_nothing_is_overwritten(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, ("10.0.0.5", "net.example"))
    assert stat.S_IMODE(Path(made.key).stat().st_mode) == 0o600
    with pytest.raises(TlsError, match="is there already"):
        make_certificate(tmp_path, ())
    with pytest.raises(TlsError, match="no name of ASCII"):
        make_certificate(tmp_path / "b", ("bücher.example",))
    Path(made.key).write_text("no key")
    with pytest.raises(TlsError, match="northbound_key"):
        made.server_context()
    with pytest.raises(TlsError, match=r"missing\.pem"):
        client_context(str(tmp_path / "missing.pem"))


def test_the_configuration_decides_who_speaks_https(files: TlsFiles, tmp_path: Path) -> None:
    both = [
        f"services.northbound_certificate={files.certificate}",
        f"services.northbound_key={files.key}",
    ]
    config = load_config("five-node", both)
    assert config.services.url("controller").startswith("https://127.0.0.1:")
    assert config.services.url("pce").startswith("http://")
    assert config.services.northbound_tls == files
    from configs.home import Home

    shown = {item.name: item.certificate for item in service_table(config, Home(tmp_path))}
    assert {name for name, certificate in shown.items() if certificate} == {"controller", "console"}
    with pytest.raises(ConfigError, match="northbound_certificate and northbound_key are needed together"):
        load_config("five-node", both[:1])
    assert load_config("five-node").services.northbound_tls is None
