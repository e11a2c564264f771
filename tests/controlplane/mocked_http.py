"""A client that asks a function in the place of a process, as ``httpx.MockTransport`` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from controlplane.process_http import HttpAnswer


class MockedClient:
    """``HttpClient`` over a function.

    Args:
        url: base address, in the requests that the function gets.
        answer: of a request; an ``httpx.HTTPError`` that it raises is a failed connection.
    """

    def __init__(self, url: str, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self._url = url
        self._answer = answer

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """As ``HttpClient.ask``."""
        waits = {"timeout": {"read": timeout_s}}
        request = httpx.Request(method, self._url + path, headers=headers, content=body, extensions=waits)
        try:
            response = self._answer(request)
        except httpx.HTTPError as error:
            raise OSError(repr(error)) from error
        return HttpAnswer(response.status_code, response.headers, response.read())

    def close(self) -> None:
        """As ``HttpClient.close``."""


def mocked(answer: Callable[[httpx.Request], httpx.Response]) -> Callable[[str], MockedClient]:
    """Makes such clients."""
    return lambda url: MockedClient(url, answer)
