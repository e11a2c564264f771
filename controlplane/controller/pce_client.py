"""Asking the path computation element. Not here: whether its answer is any good (``verify.py``)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import orjson

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.controller.recent_changes import RecentChanges
from controlplane.lightpath import Lightpath
from controlplane.process_http import HttpClient, ProcessClient
from controlplane.state_headers import STATE_CHANGES, STATE_STORE, STATE_VERSION
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    build_compute_input,
    parse_compute_output,
)
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import ComputeRequest

log = logging.getLogger(__name__)

CONNECT_S = 2.0  # that opening a connection may take


class PathComputation(Protocol):
    """What the controller needs of a path computation element."""

    def compute(
        self, request: ComputeRequest, state_version: int, purpose: Purpose, waiting: int = 0
    ) -> Lightpath:
        """A path, computed on the state at a version.

        ``purpose`` is told and changes nothing; ``waiting``: how many more changes wait for their turn.

        Raises:
            TapiError: no path, with the reason; or no answer.
        """

    def forward(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and decoded body of a request passed on.

        Raises:
            TapiError: no answer.
        """


class HttpPathComputation:
    """The path computation element over HTTP, or several of them; safe to share between threads.

    The one that answered last is asked first. Where it does not answer in time, or answers that it cannot
    compute now (503), the next one is asked.

    A question brings the changes along that lead from where the element said last that it is to now.

    Args:
        base_url: of the element; of several in the order in which they are asked at first.
        credentials: the bearer token is sent.
        naming: the topology, for the UUIDs in the documents.
        timeout_s: of a request.
        next_s: of a request, while there is another one to ask.
        recent: the changes to bring along; None: the element asks for them itself.
        connect: makes the client of an address; replaced in tests.
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        credentials: Credentials,
        naming: Naming,
        timeout_s: float = 15.0,
        next_s: float = 3.0,
        recent: RecentChanges | None = None,
        connect: Callable[[str], HttpClient] | None = None,
    ) -> None:
        self._naming = naming
        self._recent = recent
        self._shown: dict[str, int] = {}  # version that an element's databases showed last, by its address
        self._urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self._first = 0  # of the urls, the one that answered last
        self._timeout_s, self._next_s = timeout_s, next_s
        if connect is None:
            told = bearer_header(credentials) | {"Accept": YANG_DATA_JSON}
            connect = partial(ProcessClient, headers=told, timeout_s=timeout_s, connect_s=CONNECT_S)
        self._clients = {url: connect(url) for url in self._urls}

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def compute(
        self, request: ComputeRequest, state_version: int, purpose: Purpose, waiting: int = 0
    ) -> Lightpath:
        """As ``PathComputation.compute``."""
        headers = {
            STATE_VERSION: str(state_version),
            "X-Waiting": str(waiting),
        }
        body = build_compute_input(request, self._naming, purpose)
        status, document = self._first_answer("POST", COMPUTE_OPERATION, body, headers, is_ours=True)
        if 200 <= status < 300:
            return parse_compute_output(document)
        raise _as_refusal(status, document)

    def forward(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """As ``PathComputation.forward``. It has no decision id, so it is for no service."""
        return self._first_answer(method, path, body, headers, is_ours=False)

    def _first_answer(
        self, method: str, path: str, body: Any, headers: dict[str, str], is_ours: bool
    ) -> tuple[int, Any]:
        content_type = {"Content-Type": YANG_DATA_JSON} if body is not None else {}
        first, number = self._first, len(self._urls)
        for turn, place in enumerate((*range(first, number), *range(first)), start=1):
            is_last = turn == number
            # An id of its own for each question: one that is given up on may have been decided all the same.
            asked = headers | content_type
            url = self._urls[place]
            if is_ours:
                asked |= {"X-Decision-Id": str(uuid4())} | self._news_for(url)
            try:
                answer = self._ask(url, method, path, body, asked, is_last)
            except TapiError as error:
                if is_last:
                    raise
                log.warning("%s; the next one is asked", error.message)
                continue
            if answer[0] != 503 or is_last:
                self._first = place
                return answer
            log.warning("the path computation element at %s cannot compute now", url)
        raise AssertionError("no address")

    def _news_for(self, url: str) -> dict[str, str]:
        """The header with what an element does not know yet; none where it asks better itself."""
        shown = self._shown.get(url)
        if self._recent is None or shown is None:
            return {}
        changes = self._recent.after(shown)
        return {STATE_CHANGES: changes} if changes else {}

    def _note_shown(self, url: str, headers: Mapping[str, str]) -> None:
        store, version = headers.get(STATE_STORE), headers.get(STATE_VERSION, "")
        if self._recent is None or store is None:
            return
        if store == self._recent.store and version.isdecimal():
            self._shown[url] = int(version)
        else:
            self._shown.pop(url, None)

    def _ask(
        self, url: str, method: str, path: str, body: Any, headers: dict[str, str], is_last: bool
    ) -> tuple[int, Any]:
        timeout_s = self._timeout_s if is_last else self._next_s
        content = b"" if body is None else json.dumps(body).encode()
        try:
            answer = self._clients[url].ask(method, path, content, headers, timeout_s)
            self._note_shown(url, answer.headers)
            return answer.status, orjson.loads(answer.body) if answer.body else None
        except OSError as error:
            raise TapiError(
                503, "operation-failed", f"the path computation element at {url} does not answer ({error!r})"
            ) from None
        except ValueError:
            raise TapiError(502, "operation-failed", "the path computation element sent no JSON") from None


def _as_refusal(status: int, document: Any) -> TapiError:
    """The element's own refusal, passed on; a refusal that says nothing becomes a 502."""
    try:
        entry = document["ietf-restconf:errors"]["error"][0]
        tag, message = str(entry["error-tag"]), str(entry["error-message"])
    except (KeyError, IndexError, TypeError):
        return TapiError(502, "operation-failed", f"the path computation element answered HTTP {status}")
    if status in (401, 403):
        return TapiError(
            502, "operation-failed", f"the path computation element refused our credentials: {message}"
        )
    return TapiError(status, tag, message)
