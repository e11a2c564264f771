"""HTTP to our own processes, for what is asked several times in each set-up: the pool of urllib3.

urllib3 takes less than half of httpx's processor time. Connections stay open. Not here: redirects, proxies,
asking again; who asks decides that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import urllib3

CONNECTIONS = 128  # that are kept; more are opened where needed, and closed again


class NoAnswerError(OSError):
    """There was no answer; whether the request arrived is not known."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer as it came.

    Attributes:
        status: of HTTP.
        headers: by name; a name may be written in either case.
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
    ) -> HttpAnswer:
        """The answer to one request.

        Args:
            method: of HTTP.
            path: percent-encoded, with its query.
            body: none where it is empty.
            headers: beside those of each request.
            timeout_s: without a byte of the answer; None: as the client was made.

        Raises:
            OSError: no answer; whether the request arrived is not known.
        """

    def close(self) -> None:
        """Close the connections; nothing can be asked afterwards."""


class ProcessClient:
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
        self._pool = urllib3.connection_from_url(url, maxsize=CONNECTIONS, retries=False)
        self._prefix = urlsplit(url).path.rstrip("/")
        self._headers = dict(headers)
        self._timeout_s, self._connect_s = timeout_s, connect_s or timeout_s

    def close(self) -> None:
        """As ``HttpClient.close``."""
        self._pool.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """As ``HttpClient.ask``."""
        timeout = urllib3.Timeout(connect=self._connect_s, read=timeout_s or self._timeout_s)
        told = self._headers | dict(headers or {})
        try:
            answer = self._pool.urlopen(
                method, self._prefix + path, body or None, told, redirect=False, timeout=timeout
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswerError(str(error)) from error
        return HttpAnswer(answer.status, answer.headers, answer.data)
