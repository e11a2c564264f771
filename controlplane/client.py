"""Clients of the controller and of the PCE, for the command line and the console. Not here: printing.

They wait for the answer; a caller with an event loop gives them a thread each time.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from configs.addresses import TAKEOVER_S, AsyncOneOf, OneOf, may_be_done_already
from configs.home import Credentials
from configs.schema import Config
from configs.tls import client_context
from controlplane.auth import ACTING_FOR, basic_value, bearer_header
from controlplane.client_operations import NetworkOperations
from controlplane.service_lightpath import ServiceLightpath, asked_gbps, lightpath_of
from controlplane.tapi import names
from controlplane.tapi.errors import YANG_DATA_JSON, TapiError, error_reason
from controlplane.tapi.service_body import UNIDIRECTIONAL, build_service
from controlplane.tapi.wishes import NO_WISHES, Wishes

CONTEXT = "/restconf/data/tapi-common:context"
CONNECTIVITY = f"{CONTEXT}/tapi-connectivity:connectivity-context"


class ServiceRefused(ValueError):  # noqa: N818 - a refusal is an answer, not a failure of the program
    """The other side said no, or could not be reached; what kept it from answering is the cause.

    Attributes:
        reason: why, in a sentence.
        status: HTTP status, or 0 when there was no answer.
        may_be_done: by another process, which got the question before and gave no answer.
    """

    def __init__(self, reason: str, status: int = 0, may_be_done: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.may_be_done = may_be_done


class _Client:
    """One process's HTTP, safe to share between threads; whatever is no success is a ``ServiceRefused``."""

    whom = ""
    _acting_for = ""

    def __init__(
        self,
        base_url: str | Sequence[str],
        credentials: Credentials,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        certificate: str = "",
    ) -> None:
        self._urls = [base_url] if isinstance(base_url, str) else list(base_url)
        self._options: dict[str, Any] = {
            "base_url": self._urls[0],
            "headers": {"Accept": YANG_DATA_JSON, "Authorization": self.authorization(credentials)},
            "trust_env": False,
            "verify": client_context(certificate),  # made once: a stream that begins anew reads no files
        }
        self._timeout_s = timeout_s
        transport = transport or OneOf(self._urls, verify=self._options["verify"])
        self._http = httpx.Client(**self._options, timeout=timeout_s, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @staticmethod
    def authorization(credentials: Credentials) -> str:
        """The header that says who asks: people's login, or the token between our own processes."""
        return bearer_header(credentials)["Authorization"]

    def amiss(self) -> list[str]:
        """What the process says of itself is missing or degraded (``GET /ready``).

        Raises:
            ServiceRefused: it does not answer.
        """
        ready = (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE)
        document = self._send("GET", "/ready", accepted=ready).json()
        return [str(reason) for reason in document["reasons"]]

    def _get(self, path: str) -> Any:
        return self._send("GET", path).json()

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, accepted: Sequence[int] = ()
    ) -> httpx.Response:
        headers = {"Content-Type": YANG_DATA_JSON} if body is not None else {}
        if self._acting_for:
            headers[ACTING_FOR] = self._acting_for
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ServiceRefused(
                f"{self.whom} at {' or '.join(self._urls)} does not answer ({error}); "
                "`lightloop status` says what runs"
            ) from error
        if answer.is_success or answer.status_code in accepted:
            return answer
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            reason = "the credentials are not accepted; start all processes with the same secrets.env"
            raise ServiceRefused(reason, answer.status_code)
        try:
            reason = error_reason(answer.json())
        except ValueError:
            reason = ""
        told = reason or f"HTTP {answer.status_code} {answer.reason_phrase}"
        raise ServiceRefused(told, answer.status_code, may_be_done_already(answer))


class PceClient(_Client):
    """What a PCE says about itself; constructed as ``ControllerClient``, but asks with the bearer token."""

    whom = "the PCE"

    def status(self) -> dict[str, Any]:
        """Policy, model, endpoint and counts."""
        return self._get("/status")

    def put_endpoint(self, endpoint: dict[str, Any]) -> None:
        """Have it ask this model endpoint from now on.

        Raises:
            ServiceRefused: with 409, another model answers there, or its forecast is of another plant.
        """
        self._send("PUT", "/endpoint", endpoint)

    def decisions(self, limit: int) -> list[dict[str, Any]]:
        """The last decisions, newest first."""
        return self._get(f"/decisions?limit={limit}")

    def why(self, decision_id: str) -> dict[str, Any]:
        """Why a decision came out as it did (docs/contracts.md).

        Raises:
            ServiceRefused: with 404, it is none of the last ones of the process that is asked.
        """
        return self._get(f"/decisions/{quote(decision_id, safe='')}/why")


class ControllerClient(_Client, NetworkOperations):
    """Places, lists and deletes services.

    Args:
        base_url: of the controller, e.g. ``http://127.0.0.1:8702``; of several: whoever is in charge answers.
        credentials: user and password are sent as HTTP Basic.
        timeout_s: of a request.
        transport: for tests; None is the network.
        certificate: file of the only certificate that is taken; empty: those that the system trusts.
    """

    whom = "the controller"
    _sips: dict[str, str] | None = None

    @classmethod
    def of(cls, config: Config, credentials: Credentials, timeout_s: float = 60.0) -> Self:
        """The client of an installation; while one controller takes over from another it asks again."""
        urls, certificate = config.controller_urls, config.services.northbound_certificate
        transport = OneOf(urls, verify=client_context(certificate), patience_s=TAKEOVER_S)
        return cls(urls, credentials, timeout_s, transport, certificate)

    @staticmethod
    def authorization(credentials: Credentials) -> str:
        """User and password, as people send them."""
        return basic_value(credentials)

    def acting_for(self, user: str) -> ControllerClient:
        """The same client, which asks in a user's name: it may then what that user may."""
        client = copy(self)
        client._acting_for = user
        return client

    def topology(self) -> dict[str, Any]:
        """The topology context, by name; of nodes and links what tells which they are, and no spectrum."""
        fields = "topology(name;node(uuid;name);link(name;node-edge-point/node-uuid;cost-characteristic))"
        return self._get(f"{CONTEXT}/tapi-topology:topology-context?fields={fields}")

    def drained(self) -> frozenset[frozenset[str]]:
        """What takes nothing new because it is drained: a link by its two ends, a node by itself."""
        fields = "node(uuid;name;administrative-state);link(node-edge-point/node-uuid;administrative-state)"
        found = self._get(f"{CONTEXT}/tapi-topology:topology-context?fields=topology({fields})")
        (topology,) = found["tapi-topology:topology-context"]["topology"]
        by_uuid = {node["uuid"]: names.as_dict(node["name"])["local-name"] for node in topology["node"]}
        every = [(each, each.get("node-edge-point")) for each in (*topology["node"], *topology["link"])]
        return frozenset(
            frozenset(by_uuid[end["node-uuid"]] for end in ends or [{"node-uuid": each["uuid"]}])
            for each, ends in every
            if each.get("administrative-state") == "LOCKED"
        )

    def sips(self) -> dict[str, str]:
        """Node name to the UUID of its service interface point; asked for once."""
        if (known := self._sips) is None:
            found = self._get(f"{CONTEXT}/service-interface-point?fields=uuid;name")
            listed = found["tapi-common:service-interface-point"]
            self._sips = known = {names.as_dict(sip["name"])["node"]: sip["uuid"] for sip in listed}
        return known

    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return tuple(self.sips())

    def place_service(
        self,
        source: str,
        destination: str,
        bit_rate_gbps: float,
        max_latency_ms: float = math.inf,
        service_uuid: str | None = None,
        direction: str = UNIDIRECTIONAL,
        wishes: Wishes = NO_WISHES,
    ) -> ServiceLightpath:
        """The lightpath set up for a new service; arguments and refusals as of ``request_service``."""
        self.sips()  # asked for once: no part of the time
        began = time.perf_counter()
        asked = bit_rate_gbps, max_latency_ms, service_uuid, direction, wishes
        uuid = self.request_service(source, destination, *asked)
        total_ms = (time.perf_counter() - began) * 1000.0
        lightpath = self.service(uuid)
        if lightpath is None:
            raise ServiceRefused(
                f"service {uuid} was accepted but has no lightpath: a link on its path was cut"
            )
        return replace(lightpath, total_ms=total_ms)

    def request_service(
        self,
        source: str,
        destination: str,
        bit_rate_gbps: float,
        max_latency_ms: float = math.inf,
        service_uuid: str | None = None,
        direction: str = UNIDIRECTIONAL,
        wishes: Wishes = NO_WISHES,
    ) -> str:
        """The UUID of a new service, once its lightpath is set up; or kept, where its start is to come.

        Raises:
            ServiceRefused: an unknown node, no path within the bounds, or the controller cannot be reached.
        """
        sips = self.sips()
        for node in (source, destination):
            if node not in sips:
                raise ServiceRefused(f"unknown node {node!r}; known: {', '.join(sorted(sips))}")
        uuid, ends = service_uuid or str(uuid4()), (sips[source], sips[destination])
        try:
            body = build_service(uuid, *ends, bit_rate_gbps, max_latency_ms, direction, wishes)
        except TapiError as error:
            raise ServiceRefused(error.message) from None
        self._send("POST", CONNECTIVITY, body)
        return uuid

    def service(self, uuid: str) -> ServiceLightpath | None:
        """The lightpath of a service, the first of two; None while it has none.

        Raises:
            ServiceRefused: no such service.
        """
        return next(self.lightpaths(uuid), None)

    def lightpaths(self, uuid: str) -> Iterator[ServiceLightpath]:
        """The lightpaths of a service: none while a cut leaves it without or its start is to come, or two.

        Raises:
            ServiceRefused: no such service.
        """
        found = self._get(f"{CONNECTIVITY}/connectivity-service={uuid}")
        for reference in found["tapi-connectivity:connectivity-service"][0].get("connection", ()):
            answer = self._get(f"{CONNECTIVITY}/connection={reference['connection-uuid']}")
            yield lightpath_of(uuid, answer["tapi-connectivity:connection"][0])

    def services(self) -> tuple[ServiceLightpath, ...]:
        """Every lightpath that is set up."""
        found = self._get(CONNECTIVITY)["tapi-connectivity:connectivity-context"]
        connections = {entry["uuid"]: entry for entry in found["connection"]}
        return tuple(
            replace(
                lightpath_of(service["uuid"], connections[reference["connection-uuid"]]),
                bit_rate_gbps=asked_gbps(service),
            )
            for service in found["connectivity-service"]
            for reference in service.get("connection", ())
        )

    def delete_service(self, uuid: str) -> None:
        """Release a service.

        Raises:
            ServiceRefused: no such service, or an element could not be configured.
        """
        try:
            self._send("DELETE", f"{CONNECTIVITY}/connectivity-service={uuid}")
        except ServiceRefused as refusal:
            if refusal.status != httpx.codes.NOT_FOUND or not refusal.may_be_done:
                raise  # else a controller deleted it and was gone before it could say so

    def changes(self, since: int, store: str) -> dict[str, Any]:
        """The next changes after a version: ``{"version", "last", "store", "changes"}`` (docs/contracts.md).

        Raises:
            ServiceRefused: with status 410, the version is not of that store, or is not remembered.
        """
        return self._get(f"/changes?since={since}&store={quote(store)}")

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """The state at one version, page by page: ``{"version", "store", "changes"}``.

        Raises:
            ServiceRefused: with status 410, its pages were not taken in time: begin again.
        """
        page = self._get("/snapshot")
        yield page
        while page["next"] is not None:
            page = self._get(f"/snapshot?version={page['version']}&after={page['next']}")
            yield page

    def set_ups(self, limit: int) -> list[dict[str, Any]]:
        """The last set-ups and those under way, newest first (docs/contracts.md)."""
        return self._get(f"/setups?limit={limit}")

    async def notifications(self) -> AsyncIterator[None]:
        """One item once connected, then one per notification, until the stream ends.

        Raises:
            ServiceRefused: it does not begin, or breaks.
        """
        timeout = httpx.Timeout(self._timeout_s, read=None)
        transport = AsyncOneOf(self._urls, verify=self._options["verify"])
        try:
            async with (
                httpx.AsyncClient(**self._options, timeout=timeout, transport=transport) as http,
                http.stream("GET", "/restconf/streams/tapi-notification") as answer,
            ):
                answer.raise_for_status()
                yield
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        yield
        except httpx.HTTPError as error:
            raise ServiceRefused(f"notifications: {error}") from error
