"""The data tree behind ``/restconf/data``: what is read and what is written. Not here: HTTP (``app.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from controlplane.controller.pce_client import PathComputation
from controlplane.controller.restconf import resource, yang_response
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.tapi import connectivity, ids
from controlplane.tapi.connectivity import CONNECTION, SERVICE
from controlplane.tapi.context import CONTEXT, context
from controlplane.tapi.errors import TapiError, unknown
from controlplane.tapi.fields import as_uuid, bare
from controlplane.tapi.path_body import PATH_RESOURCE
from controlplane.tapi.service_body import ServiceRequest, parse_service

SERVICES = f"/restconf/data/{CONTEXT}/tapi-connectivity:connectivity-context/connectivity-service="
_COLLECTIONS = (
    ["context", "connectivity-context"],
    ["context", "connectivity-context", "connectivity-service"],
)

Write = Callable[[Any], Response]


class Datastore:
    """Reads from the state, writes through the manager."""

    def __init__(self, state: NetworkState, manager: ServiceManager, pce: PathComputation) -> None:
        self._state = state
        self._manager = manager
        self._pce = pce

    def read(self, path: str) -> Response:
        """The answer to a GET below ``/restconf/data``.

        Raises:
            TapiError: 404; 503 a computed path was asked for and the path computation element is away.
        """
        match [bare(segment) for segment in path.split("/") if segment]:
            case ["context", "connectivity-context", last] if "=" in last:
                name, _, key = last.partition("=")
                if bare(name) == "connectivity-service":
                    return yang_response({SERVICE: [connectivity.service_entry(self._service(unquote(key)))]})
                if bare(name) == "connection":
                    return yang_response({CONNECTION: [self._connection(unquote(key))]})
            case ["context", "path-computation-context", last] if last.startswith("path="):
                return self._computed_path(path, last.removeprefix("path="))
        document = {CONTEXT: context(self._state.view())}
        return yang_response(
            resource(document, path) if path.strip("/") else {"ietf-restconf:data": document}
        )

    def writer(self, method: str, path: str) -> Write:
        """What a POST, PUT or DELETE does to the resource at a path; called with the decoded body.

        Raises:
            TapiError: 405, nothing there can be changed so.
        """
        segments = [bare(segment) for segment in path.split("/") if segment]
        if method == "POST" and segments in _COLLECTIONS:
            return lambda body: self._create(self._parse(body))
        if segments[:-1] == _COLLECTIONS[0] and segments[-1].startswith("connectivity-service="):
            uuid = unquote(segments[-1].partition("=")[2])
            if method == "PUT":
                uuid = as_uuid(uuid, "connectivity-service")
                return lambda body: self._create(self._parse(body, uuid))
            if method == "DELETE":
                return lambda _body: self._delete(uuid)
        raise TapiError(
            405,
            "operation-not-supported",
            f"{method} is not possible on {path!r}; services are created by POST to "
            f"/restconf/data/{CONTEXT}/tapi-connectivity:connectivity-context",
            error_type="protocol",
        )

    def allowed(self, path: str) -> tuple[str, ...]:
        """Methods that the resource at a path takes (RFC 8040 4.1)."""
        methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS")
        segments = [bare(segment) for segment in path.split("/") if segment]
        if segments in _COLLECTIONS:
            methods = (*methods, "POST")
        if segments[:-1] == _COLLECTIONS[0] and segments[-1].startswith("connectivity-service="):
            methods = (*methods, "PUT", "DELETE")
        return methods

    def current(self, path: str, body: Any = None) -> Response | None:
        """What a GET of the service that a change at ``path`` concerns answers now; None: there is none.

        Args:
            path: of the change.
            body: of a POST, which names the service.
        """
        segments = [bare(segment) for segment in path.split("/") if segment]
        key = segments[-1].partition("=")[2] if "=" in segments[-1] else ""
        uuid = unquote(key) if key else self._parse(body).uuid
        try:
            return yang_response({SERVICE: [connectivity.service_entry(self._service(uuid))]})
        except TapiError:
            return None

    def _parse(self, body: Any, uuid: str | None = None) -> ServiceRequest:
        return parse_service(body, self._state.naming, self._state.plant.shared_spectrum, uuid)

    def _create(self, request: ServiceRequest) -> Response:
        service, is_new = self._manager.create(request)
        return yang_response(None, 201 if is_new else 204, {"Location": SERVICES + service.uuid})

    def _delete(self, uuid: str) -> Response:
        self._manager.delete(self._service(uuid).uuid)
        return yang_response(None, 204)

    def _service(self, uuid: str) -> connectivity.Service:
        service = self._state.service(uuid)
        if service is None:
            # A version before took UUIDs with a line break behind; by that name no address leads to them.
            odd = (item for item in self._state.services() if item.uuid.strip() == uuid.lower().strip())
            service = next(odd, None)
        if service is None:
            raise unknown(f"no connectivity service {uuid!r}")
        return service

    def _connection(self, uuid: str) -> dict[str, Any]:
        for service in self._state.services():
            if service.path and ids.connection_uuid(service.uuid) == uuid.lower():
                return connectivity.connection_entry(service, self._state.naming)
        raise unknown(f"no connection {uuid!r}")

    def _computed_path(self, path: str, uuid: str) -> Response:
        if any(service.path and service.path.uuid == uuid.lower() for service in self._state.services()):
            return yang_response(resource({CONTEXT: context(self._state.view())}, path))
        status, answer = self._pce.forward("GET", PATH_RESOURCE + as_uuid(unquote(uuid), "path"), None, {})
        return yang_response(answer, status)
