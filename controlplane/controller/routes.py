"""The controller's routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from controlplane.controller.change_log import LAST_VERSION, PAGE_ROWS
from controlplane.controller.subscriptions import CHANGING_OPERATIONS, READING_OPERATIONS
from controlplane.metrics import METRICS, READY
from controlplane.pathcomp import COMP_ROUTE
from controlplane.roles import Role
from controlplane.routes import HEALTH, JSON, OPENAPI, ApiRoute, RouteTable, Schema
from controlplane.tapi.errors import YANG_DATA_JSON
from controlplane.tapi.json_schema import (
    comp_route_schema,
    compute_schema,
    drain_schema,
    link_schema,
    operation_schema,
    patch_schema,
    service_schema,
)
from controlplane.tapi.path_body import COMPUTE_OPERATION
from controlplane.tapi.subscription import STREAM

HOST_META = "/.well-known/host-meta"
OPERATIONS = "/restconf/operations"
FAIL_LINK, REPAIR_LINK = "lightloop:fail-link", "lightloop:repair-link"
DRAIN, UNDRAIN = "lightloop:drain", "lightloop:undrain"
OPTICAL_TFS = "/OpticalTFS"
READ = ("GET", "HEAD")
DATA = "/restconf/data"
CONNECTIVITY = f"{DATA}/tapi-common:context/tapi-connectivity:connectivity-context"
TEXT, YANG_ANSWER = {200: "text/plain"}, {200: YANG_DATA_JSON}
READ_ANSWERS = {200: YANG_DATA_JSON, 304: ""}
READ_REFUSALS = (400, 404, 406)
CREATED = {201: "", 204: ""}
# What a change of the network may be refused with; 502, 503: whoever is needed for it does not answer.
CHANGE_REFUSALS = (400, 404, 405, 409, 412, 502, 503)
PAGE: dict[str, Schema] = {"limit": {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS}}
_VERSION: Schema = {"type": "integer", "minimum": -LAST_VERSION, "maximum": LAST_VERSION}
_TAG: Schema = {"type": "string", "pattern": '^(\\*|"[!#-~]{1,64}")$'}
_SELECTION: dict[str, Schema] = {
    "content": {"enum": ["all", "config", "nonconfig"]},
    "depth": {"type": "string", "pattern": "^([1-9][0-9]{0,4}|unbounded)$"},
    "fields": {"type": "string", "minLength": 1, "maxLength": 1000},
}
_KNOWN: dict[str, Schema] = {"If-None-Match": _TAG}
_CONDITIONS: dict[str, Schema] = {"If-Match": _TAG, "If-None-Match": _TAG}


def _subscriptions() -> Iterator[ApiRoute]:
    """The operations of tapi-notification (``subscriptions.py``)."""
    kinds: tuple[tuple[tuple[str, ...], Role, Literal["always", "never"]], ...] = (
        (READING_OPERATIONS, Role.READER, "never"),
        (CHANGING_OPERATIONS, Role.OPERATOR, "always"),
    )
    for names, role, noted in kinds:
        for name in names:
            yield ApiRoute(
                f"{OPERATIONS}/{name}",
                ("POST",),
                "notification_operation",
                role,
                name.partition(":")[2].replace("-", " "),
                noted=noted,
                answers=YANG_ANSWER,
                refusals=(404, 409, 503),
                body=operation_schema,
                takes=YANG_DATA_JSON,
            )


def _lightpaths() -> Iterator[ApiRoute]:
    """The interface of ETSI TeraFlowSDN's optical controller (``optical_tfs.py``)."""
    refused = (400, 404, 405, 409, 502, 503)
    for kind in ("Lightpath", "FlexLightpath"):
        add, told = f"{OPTICAL_TFS}/Add{kind}/{{src}}/{{dst}}/{{bitrate}}", "set up a lightpath by names"
        for path in (add, f"{add}/{{bidir}}"):
            yield ApiRoute(path, ("PUT",), "add_lightpath", Role.OPERATOR, told, refusals=refused)
        yield ApiRoute(
            f"{OPTICAL_TFS}/Del{kind}/{{src}}/{{dst}}/{{bitrate}}/{{flow_id}}",
            ("DELETE",),
            "delete_lightpath",
            Role.OPERATOR,
            "release a lightpath by its number",
            refusals=refused,
        )
    yield ApiRoute(
        f"{OPTICAL_TFS}/AddFlexLightpath/{{src}}/{{dst}}/{{bitrate}}/{{bidir}}/{{band}}",
        ("PUT",),
        "add_lightpath_in_band",
        Role.OPERATOR,
        "refused: no optical bands",
        answers={},
        refusals=(400, 404, 405),
    )
    for name, does, told in (
        ("GetLightpaths", "lightpaths_by_number", "lightpaths that were asked for by names"),
        ("GetLinks", "optical_links", "links with their free slots"),
        ("GetTopology/{context}/{topology}", "topology", "that the topology is known"),
    ):
        yield ApiRoute(f"{OPTICAL_TFS}/{name}", ("GET",), does, Role.READER, told, refusals=(404,))


def _readable(path: str, told: str) -> ApiRoute:
    return ApiRoute(
        path,
        READ,
        "read",
        Role.READER,
        told,
        answers=READ_ANSWERS,
        refusals=(*READ_REFUSALS, 503),
        query=_SELECTION,
        headers=_KNOWN,
    )


def _creation(path: str, method: str, told: str) -> ApiRoute:
    return ApiRoute(
        path,
        (method,),
        "write",
        Role.OPERATOR,
        told,
        answers=CREATED,
        refusals=CHANGE_REFUSALS,
        headers=_CONDITIONS,
        body=service_schema,
        takes=YANG_DATA_JSON,
    )


def _data() -> Iterator[ApiRoute]:
    """The datastore: the resources that clients know by name, then whatever else is in it."""
    service = f"{CONNECTIVITY}/connectivity-service={{uuid}}"
    yield _readable(DATA, "the whole datastore")
    yield _readable(f"{DATA}/tapi-common:context", "the whole context")
    yield _readable(f"{DATA}/ietf-yang-library:modules-state", "the YANG modules that are served")
    yield _readable(f"{DATA}/ietf-restconf-monitoring:restconf-state", "capabilities and streams")
    yield _readable(service, "a service")
    yield _readable(f"{CONNECTIVITY}/connection={{uuid}}", "the lightpath of a service")
    yield _creation(CONNECTIVITY, "POST", "create a service")
    yield _creation(f"{CONNECTIVITY}/connectivity-service", "POST", "create a service")
    yield _creation(service, "PUT", "create a service of this UUID")
    yield ApiRoute(
        service,
        ("PATCH",),
        "write",
        Role.OPERATOR,
        "change the capacity or the administrative state of a service",
        answers={204: ""},
        refusals=CHANGE_REFUSALS,
        headers=_CONDITIONS,
        body=patch_schema,
        takes=YANG_DATA_JSON,
    )
    yield ApiRoute(
        service,
        ("DELETE",),
        "write",
        Role.OPERATOR,
        "release a service",
        answers={204: ""},
        refusals=CHANGE_REFUSALS,
        headers=_CONDITIONS,
    )
    yield _readable(f"{DATA}/{{path:path}}", "any part of the datastore")
    yield ApiRoute(
        f"{DATA}/{{path:path}}",
        ("POST", "PUT", "DELETE", "PATCH"),
        "write",
        Role.OPERATOR,
        "the same by other spellings; 405 where nothing can be changed so",
        answers=CREATED,
        refusals=CHANGE_REFUSALS,
        body=service_schema,
        takes=YANG_DATA_JSON,
    )


def _operation(name: str, does: str, told: str, body: Callable[[], Schema] = link_schema) -> ApiRoute:
    return ApiRoute(
        f"{OPERATIONS}/{name}",
        ("POST",),
        does,
        Role.OPERATOR,
        told,
        answers=YANG_ANSWER,
        refusals=(404, 503),
        body=body,
        takes=YANG_DATA_JSON,
    )


def _computation(path: str, does: str, told: str, body: Callable[[], Schema]) -> ApiRoute:
    return ApiRoute(
        path,
        ("POST",),
        does,
        Role.OPERATOR,
        told,
        answers=YANG_ANSWER,
        refusals=(404, 409, 502, 503),
        body=body,
    )


TABLE = RouteTable(
    "controller",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(
            HOST_META,
            ("GET",),
            "host_meta",
            None,
            "where RESTCONF begins (RFC 8040 3.1)",
            answers={200: "application/xrd+xml"},
        ),
        ApiRoute(OPENAPI, ("GET",), "openapi", Role.READER, "this description"),
        ApiRoute(
            READY,
            READ,
            "ready",
            Role.READER,
            "whether everything needed is there, with reasons",
            answers={200: JSON, 503: JSON},
        ),
        ApiRoute(
            METRICS, READ, "metrics", Role.READER, "figures for Prometheus", answers={200: "text/plain"}
        ),
        ApiRoute(
            "/changes",
            ("GET",),
            "changes",
            Role.READER,
            "the next changes after a version",
            refusals=(400, 410),
            query={"since": _VERSION, "store": {"type": "string", "maxLength": 200}, **PAGE},
        ),
        ApiRoute(
            "/snapshot",
            ("GET",),
            "snapshot",
            Role.READER,
            "the state at one version, in pages",
            refusals=(400, 410),
            query={"version": _VERSION, "after": _VERSION, **PAGE},
        ),
        ApiRoute(
            "/setups",
            ("GET",),
            "setups",
            Role.READER,
            "the last set-ups and those under way, newest first, with the time of each step",
            refusals=(400,),
            query=PAGE,
        ),
        ApiRoute(
            "/trail",
            ("GET",),
            "trail",
            Role.ADMINISTRATOR,
            "who changed what, the newest entries",
            refusals=(400,),
            query={
                "since": {"type": "string", "pattern": "^-[0-9]{1,3}[mhd]$"},
                "user": {"type": "string", "maxLength": 200},
                **PAGE,
            },
        ),
        ApiRoute(
            "/restconf",
            READ,
            "root",
            Role.READER,
            "the API resource (RFC 8040 3.3)",
            answers=YANG_ANSWER,
            refusals=(406,),
        ),
        ApiRoute(
            "/restconf/yang-library-version",
            READ,
            "yang_library_version",
            Role.READER,
            "the revision of ietf-yang-library (RFC 8040 3.3.3)",
            answers=YANG_ANSWER,
            refusals=(406,),
        ),
        ApiRoute(
            OPERATIONS,
            READ,
            "operations",
            Role.READER,
            "the operations that there are",
            answers=YANG_ANSWER,
            refusals=(406,),
        ),
        _computation(COMPUTE_OPERATION, "compute", "compute a path; allocates nothing", compute_schema),
        _computation(COMP_ROUTE, "comp_route", "the same as TeraFlowSDN asks", comp_route_schema),
        _operation(FAIL_LINK, "fail_link", "cut a link; its services are restored"),
        _operation(REPAIR_LINK, "repair_link", "repair a link; services come back"),
        _operation(DRAIN, "drain", "drain a link or node; its services move away", drain_schema),
        _operation(UNDRAIN, "undrain", "end a drain", drain_schema),
        ApiRoute(
            STREAM,
            ("GET",),
            "notifications",
            Role.READER,
            "notifications as server-sent events",
            answers={200: "text/event-stream"},
            refusals=(400, 404),
            query={"subscription": {"type": "string"}},
            headers={"Last-Event-ID": {"type": "string", "pattern": "^[0-9]{1,18}$"}},
        ),
        *_data(),
        ApiRoute(
            "/restconf",
            ("OPTIONS",),
            "options",
            Role.READER,
            "what the API resource takes",
            answers={200: ""},
        ),
        ApiRoute(
            "/restconf/{path:path}",
            ("OPTIONS",),
            "options",
            Role.READER,
            "what it takes",
            answers={200: ""},
            refusals=(404,),
        ),
        *_subscriptions(),
        *_lightpaths(),
    ),
)
