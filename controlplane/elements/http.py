"""The southbound interface from afar: HTTP to the elements' process. Not here: what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.elements.interface import (
    EPOCH_HEADER,
    UNKNOWN_STATUS,
    CrossConnect,
    Edit,
    ElementError,
    UnreachableError,
)
from controlplane.process_http import ProcessClient


class HttpSouthbound:
    """``Southbound`` over HTTP, on connections that stay open; safe to share between threads.

    Args:
        base_url: of the elements' process.
        credentials: the bearer token is sent.
        epoch: of the controller that asks, told with every question; None: it is no controller.
        timeout_s: of a request.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        epoch: Callable[[], int] | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._base_url = base_url
        self._epoch = epoch
        told = bearer_header(credentials) | {"Content-Type": "application/json"}
        self._http = ProcessClient(base_url, told, timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def edit(self, node: str, edit: Edit) -> tuple[CrossConnect, ...]:
        """As ``Southbound.edit``."""
        body = {"put": [vars(item) for item in edit.put], "remove": list(edit.remove)}
        return _cross_connects(node, self._ask("POST", node, "edit", body))

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """As ``Southbound.running``."""
        return _cross_connects(node, self._ask("GET", node, "running"))

    def _ask(self, method: str, node: str, what: str, body: dict[str, Any] | None = None) -> Any:
        """What is in the answer."""
        sent = b"" if body is None else orjson.dumps(body)
        stamp = {EPOCH_HEADER: str(self._epoch())} if self._epoch else {}
        try:
            path = f"/elements/{quote(node, safe='')}/{what}"
            answer = self._http.ask(method, path, sent, stamp)
        except OSError as error:
            raise UnreachableError(node, f"{self._base_url} does not answer ({error!r})") from None
        try:
            document = orjson.loads(answer.body)
            if 200 <= answer.status < 300:
                return document
            tag, message = document["tag"], str(document["message"]).removeprefix(f"element {node}: ")
        except (ValueError, KeyError, TypeError):
            told = answer.body[:200].decode(errors="replace")
            raise UnreachableError(node, f"HTTP {answer.status}: {told}") from None
        if answer.status == UNKNOWN_STATUS:
            raise UnreachableError(node, message)
        raise ElementError(node, tag, message)


def _cross_connects(node: str, told: Any) -> tuple[CrossConnect, ...]:
    try:
        return tuple(CrossConnect(**item) for item in told)
    except TypeError as error:
        raise UnreachableError(node, f"its answer is not as agreed: {error}") from None
