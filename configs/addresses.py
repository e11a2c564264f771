"""HTTP to a service that has several addresses, of which one at a time is in charge.

The address that answered last is asked first. Where it does not answer, or says with 503 and ``Retry-After``
that it is not its turn, the next one is asked. So a question may reach two of them: what is asked must be
safe to ask twice, as everything of ours is. An answer to such a question can be told by its request
(``may_be_done_already``). Not here: which addresses there are (``schema.py``).
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator, Sequence

import httpx

NOT_NOW = 503
RETRY_AFTER = "Retry-After"
_DONE_PERHAPS = "may_be_done_already"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
TAKEOVER_S, AGAIN_S = 20.0, 0.2  # that a standby may need; between two questions meanwhile


class _Addresses:
    def __init__(self, urls: Sequence[str], next_s: float = math.inf) -> None:
        self._urls = [httpx.URL(url) for url in urls]
        self._next_s = next_s
        self._first = 0

    def aimed(self, request: httpx.Request) -> Iterator[bool]:
        """Aim the request at one address after another; whether it is the last."""
        first, number = self._first, len(self._urls)
        patience: dict[str, float | None] = request.extensions.get("timeout", {})
        short = {what: min(self._next_s, self._next_s if s is None else s) for what, s in patience.items()}
        for place in (*range(first, number), *range(first)):
            url = self._urls[place]
            request.url = request.url.copy_with(scheme=url.scheme, host=url.host, port=url.port)
            request.headers["Host"] = url.netloc.decode()
            self._first = place
            is_last = (place + 1) % number == first
            if math.isfinite(self._next_s):
                request.extensions["timeout"] = patience if is_last else short
            yield is_last


def may_be_done_already(answer: httpx.Response) -> bool:
    """Whether one that did not answer got the question before the one that answered."""
    return _DONE_PERHAPS in answer.request.extensions


def _note_sent(request: httpx.Request, error: httpx.TransportError) -> None:
    if not isinstance(error, _NEVER_SENT):
        request.extensions[_DONE_PERHAPS] = True


def _is_not_now(answer: httpx.Response) -> bool:
    return answer.status_code == NOT_NOW and RETRY_AFTER in answer.headers


class OneOf(httpx.BaseTransport):
    """A transport for ``httpx.Client``.

    Args:
        urls: base addresses; at least one.
        inner: carries a request to one of them; replaced in tests.
        verify: certificates, as httpx takes it.
        patience_s: so long all of several are asked again while none is in charge: one of them takes over.
    """

    def __init__(
        self,
        urls: Sequence[str],
        inner: httpx.BaseTransport | None = None,
        verify: ssl.SSLContext | bool = True,
        patience_s: float = 0.0,
    ) -> None:
        self._addresses = _Addresses(urls)
        self._inner = inner or httpx.HTTPTransport(verify=verify, trust_env=False)
        self._patience_s = patience_s if len(urls) > 1 else 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the first that is in charge; of the last asked where none is."""
        until_s = time.monotonic() + self._patience_s
        while True:
            try:
                answer = self._ask_all(request)
            except httpx.ConnectError:
                if time.monotonic() >= until_s:
                    raise
            else:
                if not _is_not_now(answer) or time.monotonic() >= until_s:
                    return answer
                answer.close()
            time.sleep(AGAIN_S)

    def _ask_all(self, request: httpx.Request) -> httpx.Response:
        for is_last in self._addresses.aimed(request):
            try:
                answer = self._inner.handle_request(request)
            except httpx.TransportError as error:
                if is_last:
                    raise
                _note_sent(request, error)
                continue
            if is_last or not _is_not_now(answer):
                return answer
            answer.close()
        raise AssertionError("no address")

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class AsyncOneOf(httpx.AsyncBaseTransport):
    """The same for ``httpx.AsyncClient``.

    Args:
        urls, inner, verify: as of ``OneOf``.
        next_s: how long an address may take while there is another one to ask; at most the client's own time.
    """

    def __init__(
        self,
        urls: Sequence[str],
        inner: httpx.AsyncBaseTransport | None = None,
        verify: ssl.SSLContext | bool = True,
        next_s: float = math.inf,
    ) -> None:
        self._addresses = _Addresses(urls, next_s)
        self._inner = inner or httpx.AsyncHTTPTransport(verify=verify, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As ``OneOf.handle_request``."""
        for is_last in self._addresses.aimed(request):
            try:
                answer = await self._inner.handle_async_request(request)
            except httpx.TransportError as error:
                if is_last:
                    raise
                _note_sent(request, error)
                continue
            if is_last or not _is_not_now(answer):
                return answer
            await answer.aclose()
        raise AssertionError("no address")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
