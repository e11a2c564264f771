"""HTTP/1.1 to our own processes, for what is asked several times in each set-up.

A question leaves in one packet, the answer is read by the parser that our servers use too, and connections
stay open: a tenth of the processor time of a general client. Not here: redirects, cookies, proxies, HEAD,
answers that end with their connection; no process of ours has them.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import httptools

CONNECTIONS = 128  # that are kept; more are opened where needed, and closed again
_PIECE = 65_536


class NoAnswerError(OSError):
    """The other side closed the connection, or what it sent is no HTTP."""


@dataclass(frozen=True)
class Answer:
    """An answer as it came.

    Attributes:
        status: of HTTP.
        headers: by name in lower case.
        body: without its transfer encoding.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """Asks one process."""

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """The answer to one request.

        Args:
            method: not HEAD.
            path: percent-encoded, with its query.
            body: none where it is empty.
            headers: beside those of each request.
            timeout_s: without a byte of the answer; None: as the client was made.

        Raises:
            OSError: no answer; whether the request arrived is not known.
        """

    def close(self) -> None:
        """Close the connections that are not in use."""


@dataclass
class _Reading:
    """What a parser has found in an answer until now."""

    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    is_whole: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.is_whole = True


class LeanClient:
    """``HttpClient`` on connections that stay open; safe to share between threads.

    Args:
        url: base address of the process, http or https.
        headers: of each request.
        timeout_s: without a byte of an answer.
        connect_s: to open a connection; None: ``timeout_s``.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], timeout_s: float, connect_s: float | None = None
    ) -> None:
        address = urlsplit(url)
        is_tls = address.scheme == "https"
        self._tls = ssl.create_default_context() if is_tls else None
        self._host, self._port = address.hostname or "", address.port or (443 if is_tls else 80)
        self._prefix = address.path.rstrip("/")
        self._headers = {"Host": address.netloc.rpartition("@")[2]} | dict(headers)
        self._timeout_s, self._connect_s = timeout_s, connect_s or timeout_s
        self._idle: deque[socket.socket] = deque()

    def close(self) -> None:
        """As ``HttpClient.close``."""
        while self._idle:
            self._idle.pop().close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """As ``HttpClient.ask``."""
        question = self._head(method, path, self._headers | dict(headers or {}), len(body)) + body
        connection = self._connection()
        try:
            connection.settimeout(timeout_s or self._timeout_s)
            connection.sendall(question)
            answer, stays_open = _read(connection)
        except BaseException:
            connection.close()
            raise
        if stays_open and len(self._idle) < CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _head(self, method: str, path: str, headers: Mapping[str, str], num_bytes: int) -> bytes:
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        if num_bytes or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {num_bytes}")
        head = "\r\n".join([*lines, "", ""])
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
            raise ValueError(f"a line break in the head of {method} {path[:100]!r}")
        return head.encode("latin-1")

    def _connection(self) -> socket.socket:
        while self._idle:
            try:
                kept = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if _is_silent(kept):
                return kept
            kept.close()
        opened = socket.create_connection((self._host, self._port), self._connect_s)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(opened, server_hostname=self._host) if self._tls else opened
        except BaseException:
            opened.close()
            raise


def _is_silent(connection: socket.socket) -> bool:
    """Nothing came on a connection since it was used: the other side has not closed it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def _read(connection: socket.socket) -> tuple[Answer, bool]:
    """The next answer, and whether the connection can be used again."""
    reading = _Reading()
    parser = httptools.HttpResponseParser(reading)
    try:
        while not reading.is_whole:
            piece = connection.recv(_PIECE)
            if not piece:
                raise NoAnswerError("the connection was closed before the answer had come")
            parser.feed_data(piece)
    except httptools.HttpParserError as error:
        raise NoAnswerError(f"what came is no HTTP/1.1: {error}") from None
    # Not the parser's own word: after the end of an answer it speaks of the next one.
    is_last = reading.headers.get("connection", "").lower() == "close" or parser.get_http_version() != "1.1"
    return Answer(parser.get_status_code(), reading.headers, b"".join(reading.pieces)), not is_last
