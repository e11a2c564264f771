"""HTTP to the controller and the PCE, the only two the console talks to. Not here: when (``feed.py``)."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from configs.home import Credentials
from controlplane.auth import bearer_header
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError, error_reason
from controlplane.tapi.ids import sip_uuid
from controlplane.tapi.service_body import build_service

CONTEXT = "/restconf/data/tapi-common:context"
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"
TIMEOUT_S = 10.0  # of one question; a set-up waits for every element on the route


class RefusedError(ValueError):
    """The other side answered, and said no; the message is its reason."""


@dataclass(frozen=True)
class ServiceRequest:
    """What the form asks for."""

    source: str
    destination: str
    bit_rate_gbps: float
    max_latency_ms: float = math.inf  # infinite: any


class ControllerDoor:
    """The controller's northbound: TAPI under ``/restconf`` and ``/changes``."""

    def __init__(
        self, url: str, credentials: Credentials, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            auth=(credentials.user, credentials.password),
            timeout=TIMEOUT_S,
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def context(self) -> dict[str, Any]:
        """The object under ``tapi-common:context``."""
        return (await _json(self._http, CONTEXT))["tapi-common:context"]

    async def changes(self, since: int) -> dict[str, Any]:
        """``{"version", "reset", "changes"}`` after a version."""
        return await _json(self._http, "/changes", since=since)

    async def notifications(self) -> AsyncIterator[None]:
        """One item once connected, then one per notification, until the stream ends."""
        timeout = httpx.Timeout(TIMEOUT_S, read=None)
        async with self._http.stream("GET", "/restconf/streams/tapi-notification", timeout=timeout) as answer:
            answer.raise_for_status()
            yield
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield

    async def request(self, topology: str, wanted: ServiceRequest) -> str:
        """The uuid of the service that the controller set up.

        Raises:
            RefusedError: the controller refused it; nothing is allocated.
            httpx.HTTPError: the controller does not answer.
        """
        uuid = str(uuid4())
        ends = (sip_uuid(topology, wanted.source), sip_uuid(topology, wanted.destination))
        try:
            body = build_service(uuid, *ends, wanted.bit_rate_gbps, wanted.max_latency_ms)
        except TapiError as error:
            raise RefusedError(error.message) from None
        _check(await self._http.post(CONNECTIVITY, json=body, headers={"Content-Type": YANG_DATA_JSON}))
        return uuid

    async def delete(self, service_uuid: str) -> None:
        """Take a service down; one that is gone already is fine.

        Raises:
            RefusedError: the controller refused.
            httpx.HTTPError: the controller does not answer.
        """
        answer = await self._http.delete(f"{CONNECTIVITY}/connectivity-service={service_uuid}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            _check(answer)


class PceDoor:
    """The PCE's own words about itself."""

    def __init__(
        self, url: str, credentials: Credentials, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=bearer_header(credentials),
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def status(self) -> dict[str, Any]:
        """Policy, model, endpoint and counts."""
        return await _json(self._http, "/status")

    async def decisions(self, limit: int) -> list[dict[str, Any]]:
        """The last decisions, newest first."""
        answer = await _json(self._http, "/decisions", limit=limit)
        return answer["decisions"] if isinstance(answer, dict) else answer


async def _json(http: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await http.get(path, params=query)
    _check(answer)
    return answer.json()


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise RefusedError(
            "the console's credentials are not accepted; start all processes with the same secrets.env"
        )
    raise RefusedError(refusal_reason(answer))


def refusal_reason(answer: httpx.Response) -> str:
    """The reason in an ``ietf-restconf:errors`` body (RFC 8040 7.1), or the status where there is none."""
    try:
        reason = error_reason(answer.json())
    except ValueError:
        reason = ""
    return reason or f"{answer.status_code} {answer.reason_phrase}"
