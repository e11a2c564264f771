"""The southbound interface from afar: HTTP to the elements' process. Not here: what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import httpx

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.elements.interface import EPOCH_HEADER, CrossConnect, Edit, ElementError, UnreachableError


class HttpSouthbound:
    """``Southbound`` over HTTP; safe to share between threads.

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
        timeout_s: float = 10.0,
    ) -> None:
        def stamp(request: httpx.Request) -> None:
            if epoch is not None:
                request.headers[EPOCH_HEADER] = str(epoch())

        self._http = httpx.Client(
            base_url=base_url,
            headers=bearer_header(credentials),
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
            event_hooks={"request": [stamp]},
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def edit_candidate(self, node: str, edit: Edit) -> None:
        """As ``Southbound.edit_candidate``."""
        body = {"put": [asdict(item) for item in edit.put], "remove": list(edit.remove)}
        self._ask("PUT", node, "candidate", body)

    def discard(self, node: str) -> None:
        """As ``Southbound.discard``."""
        self._ask("DELETE", node, "candidate")

    def commit_confirmed(self, node: str, persist_id: str, timeout_s: float) -> None:
        """As ``Southbound.commit_confirmed``."""
        self._ask("POST", node, "commit", {"persist_id": persist_id, "timeout_s": timeout_s})

    def running(self, node: str) -> tuple[CrossConnect, ...]:
        """As ``Southbound.running``."""
        return tuple(CrossConnect(**item) for item in self._ask("GET", node, "running").json())

    def pending(self, node: str) -> str | None:
        """As ``Southbound.pending``."""
        persist_id: str | None = self._ask("GET", node, "pending").json()["persist_id"]
        return persist_id

    def confirm(self, node: str, persist_id: str) -> None:
        """As ``Southbound.confirm``."""
        self._ask("POST", node, "confirm", {"persist_id": persist_id})

    def cancel(self, node: str, persist_id: str) -> None:
        """As ``Southbound.cancel``."""
        self._ask("POST", node, "cancel", {"persist_id": persist_id})

    def _ask(self, method: str, node: str, what: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._http.request(method, f"/elements/{quote(node, safe='')}/{what}", json=body)
        except httpx.HTTPError as error:
            raise UnreachableError(node, f"{self._http.base_url} does not answer ({error!r})") from None
        if answer.is_success:
            return answer
        try:
            document = answer.json()
            tag, message = document["tag"], str(document["message"]).removeprefix(f"element {node}: ")
        except (ValueError, KeyError, TypeError):
            raise UnreachableError(node, f"HTTP {answer.status_code}: {answer.text[:200]}") from None
        raise ElementError(node, tag, message)
