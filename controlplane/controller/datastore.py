"""The data tree behind ``/restconf/data``: what is read and what is written. Not here: HTTP (``app.py``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from controlplane.controller.clients import ClientSettings
from controlplane.controller.pce_client import PathComputation
from controlplane.controller.rendered import RenderedContext
from controlplane.controller.restconf import resource, yang_response
from controlplane.controller.services import ServiceManager
from controlplane.controller.state import NetworkState
from controlplane.tapi import connectivity
from controlplane.tapi.connectivity import CONNECTION, SERVICE
from controlplane.tapi.context import CONTEXT
from controlplane.tapi.errors import TapiError, unknown
from controlplane.tapi.fields import as_uuid, bare
from controlplane.tapi.path_body import PATH_RESOURCE
from controlplane.tapi.query import Selection, parse_query, select
from controlplane.tapi.restconf_monitoring import restconf_state
from controlplane.tapi.service_body import ServiceRequest, parse_service
from controlplane.tapi.service_patch import patched
from controlplane.tapi.yang_library import modules_state

SERVICES = f"/restconf/data/{CONTEXT}/tapi-connectivity:connectivity-context/connectivity-service="
_COLLECTIONS = (
    ["context", "connectivity-context"],
    ["context", "connectivity-context", "connectivity-service"],
)

Write = Callable[[Any], Response]


class Datastore:
    """Reads from the state, writes through the manager."""

    def __init__(
        self,
        state: NetworkState,
        manager: ServiceManager,
        pce: PathComputation,
        clients: ClientSettings | None = None,
        notification_context: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._notification_context = notification_context
        self._state = state
        self._clients = clients or ClientSettings()
        self._manager = manager
        self._pce = pce
        self._rendered = RenderedContext(state)

    def read(self, path: str, query: Iterable[tuple[str, str]] = ()) -> Response:
        """The answer to a GET below ``/restconf/data``.

        Raises:
            TapiError: 404; 400 a query parameter that is wrong; 503 a computed path was asked for and the
                path computation element is away.
        """
        selection = parse_query(query)
        names = [bare(unquote(segment.partition("=")[0])) for segment in path.split("/") if segment]
        status, document = self._resource(path, names, selection)
        if status == 200 and not selection.is_all:
            document = {name: select(value, names, selection) for name, value in document.items()}
        return yang_response(document, status)

    def asks(self, path: str) -> bool:
        """Whether a GET below ``/restconf/data`` may wait for the path computation element."""
        names = [bare(unquote(segment.partition("=")[0])) for segment in path.split("/") if segment]
        return names == ["context", "path-computation-context", "path"]

    def _resource(self, path: str, names: list[str], selection: Selection) -> tuple[int, Any]:
        """Status and document of a resource, as a GET without parameters answers."""
        key = unquote(path.rstrip("/").rpartition("/")[2].partition("=")[2])
        match names:
            case ["context", "connectivity-context", "connectivity-service"] if key:
                return 200, {SERVICE: [connectivity.service_entry(self._service(key))]}
            case ["context", "connectivity-context", "connection"] if key:
                return 200, {CONNECTION: [self._connection(key)]}
            case ["context", "path-computation-context", "path"] if key and not self._is_installed(key):
                return self._pce.forward("GET", PATH_RESOURCE + as_uuid(key, "path"), None, {})
        of_the_server = modules_state() | restconf_state()
        if names and names[0] in map(bare, of_the_server):
            return 200, resource(of_the_server, path)
        if selection.is_all and len(names) <= 2:
            document = self._rendered.whole()
        else:
            document = self._rendered.document(names[1] if len(names) > 1 else None)
        document[CONTEXT] |= self._notification_context()
        if not names:
            return 200, {"ietf-restconf:data": document | of_the_server}
        return 200, resource(document, path)

    def writer(self, method: str, path: str) -> Write:
        """What a POST, PUT, PATCH or DELETE does to the resource at a path; called with the decoded body.

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
            if method == "PATCH":
                return lambda body: self._patch(uuid, body)
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
            methods = (*methods, "PUT", "PATCH", "DELETE")
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
        plant = self._state.plant
        request = parse_service(
            body,
            self._state.naming,
            plant.shared_spectrum,
            uuid,
            plant.channel_rate_gbps,
            self._clients.default_capacity_gbps,
        )
        nested = request.capacity_nested or self._clients.capacity_in_constraint
        return replace(request, capacity_nested=nested)

    def _create(self, request: ServiceRequest) -> Response:
        service, is_new = self._manager.create(request)
        return yang_response(None, 201 if is_new else 204, {"Location": SERVICES + service.uuid})

    def _patch(self, uuid: str, body: Any) -> Response:
        def changed(known: ServiceRequest) -> ServiceRequest:
            asked = self._parse(patched(body, known.document))
            return replace(asked, capacity_nested=known.capacity_nested)

        self._manager.changes.change(self._service(uuid).uuid, changed)
        return yang_response(None, 204)

    def _delete(self, uuid: str) -> Response:
        self._manager.delete(self._service(uuid).uuid)
        return yang_response(None, 204)

    def _service(self, uuid: str) -> connectivity.Service:
        service = self._state.service(uuid)
        if service is None:
            # A version before took UUIDs with a line break behind; by that name no address leads to them.
            odd = (item for item in self._state.services() if item.uuid.strip() == uuid.lower().strip())
            service = next(odd, None)
        if service is None or service.request.protects:
            raise unknown(f"no connectivity service {uuid!r}")
        return service

    def _connection(self, uuid: str) -> dict[str, Any]:
        service = self._state.service_of_connection(uuid)
        if service is None:
            raise unknown(f"no connection {uuid!r}")
        return connectivity.connection_entry(service, self._state.naming)

    def _is_installed(self, path_uuid: str) -> bool:
        return self._state.service_of_path(path_uuid) is not None
