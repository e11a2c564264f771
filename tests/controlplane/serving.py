"""A real server in a thread, for tests of what is on the wire."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn


def leave_in_the_middle(url: str, path: str, headers: Mapping[str, str]) -> None:
    """Begin a POST, and be gone before its body is whole."""
    address = urlsplit(url)
    head = {"Host": address.netloc, "Content-Length": "100", **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", "{"]
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())


@contextmanager
def served(config: uvicorn.Config) -> Iterator[int]:
    """The port on which an application is served during the block."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join(10)
