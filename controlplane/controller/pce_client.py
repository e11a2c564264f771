"""Asking the path computation element. Not here: whether its answer is any good (``verify.py``)."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import uuid4

import httpx

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.lightpath import Lightpath
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError
from controlplane.tapi.naming import Naming
from controlplane.tapi.path_body import (
    COMPUTE_OPERATION,
    build_compute_input,
    parse_compute_output,
)
from controlplane.tapi.purpose import Purpose
from controlplane.tapi.service_body import ComputeRequest


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
    """The path computation element over HTTP; safe to share between threads.

    Args:
        base_url: of the element.
        credentials: the bearer token is sent.
        naming: the topology, for the UUIDs in the documents.
        timeout_s: of a request.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        naming: Naming,
        timeout_s: float = 15.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._naming = naming
        self._http = httpx.Client(
            base_url=base_url,
            headers=bearer_header(credentials) | {"Accept": YANG_DATA_JSON},
            timeout=httpx.Timeout(timeout_s, connect=2.0),
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def compute(
        self, request: ComputeRequest, state_version: int, purpose: Purpose, waiting: int = 0
    ) -> Lightpath:
        """As ``PathComputation.compute``."""
        headers = {
            "X-State-Version": str(state_version),
            "X-Decision-Id": str(uuid4()),
            "X-Waiting": str(waiting),
        }
        body = build_compute_input(request, self._naming, purpose)
        status, document = self.forward("POST", COMPUTE_OPERATION, body, headers)
        if 200 <= status < 300:
            return parse_compute_output(document)
        raise _as_refusal(status, document)

    def forward(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """As ``PathComputation.forward``."""
        content_type = {"Content-Type": YANG_DATA_JSON} if body is not None else {}
        try:
            answer = self._http.request(method, path, json=body, headers=headers | content_type)
            return answer.status_code, answer.json() if answer.content else None
        except httpx.HTTPError as error:
            raise TapiError(
                503,
                "operation-failed",
                f"the path computation element at {self._http.base_url} does not answer ({error!r})",
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
