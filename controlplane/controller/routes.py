"""The controller's routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from controlplane.controller.subscriptions import CHANGING_OPERATIONS, READING_OPERATIONS
from controlplane.metrics import METRICS, READY
from controlplane.pathcomp import COMP_ROUTE
from controlplane.roles import Role
from controlplane.routes import HEALTH, ApiRoute, RouteTable
from controlplane.tapi.path_body import COMPUTE_OPERATION

HOST_META = "/.well-known/host-meta"
OPERATIONS = "/restconf/operations"
FAIL_LINK, REPAIR_LINK = "lightloop:fail-link", "lightloop:repair-link"
OPTICAL_TFS = "/OpticalTFS"
READ = ("GET", "HEAD")


def _subscriptions() -> Iterator[ApiRoute]:
    """The operations of tapi-notification (``subscriptions.py``)."""
    kinds: tuple[tuple[tuple[str, ...], Role, Literal["always", "never"]], ...] = (
        (READING_OPERATIONS, Role.READER, "never"),
        (CHANGING_OPERATIONS, Role.OPERATOR, "always"),
    )
    for names, role, noted in kinds:
        for name in names:
            told = name.partition(":")[2].replace("-", " ")
            yield ApiRoute(
                f"{OPERATIONS}/{name}", ("POST",), "notification_operation", role, told, noted=noted
            )


def _lightpaths() -> Iterator[ApiRoute]:
    """The interface of ETSI TeraFlowSDN's optical controller (``optical_tfs.py``)."""
    for kind in ("Lightpath", "FlexLightpath"):
        add, told = f"{OPTICAL_TFS}/Add{kind}/{{src}}/{{dst}}/{{bitrate}}", "set up a lightpath by names"
        yield ApiRoute(add, ("PUT",), "add_lightpath", Role.OPERATOR, told)
        yield ApiRoute(f"{add}/{{bidir}}", ("PUT",), "add_lightpath", Role.OPERATOR, told)
        yield ApiRoute(
            f"{OPTICAL_TFS}/Del{kind}/{{src}}/{{dst}}/{{bitrate}}/{{flow_id}}",
            ("DELETE",),
            "delete_lightpath",
            Role.OPERATOR,
            "release a lightpath by its number",
        )
    in_band = f"{OPTICAL_TFS}/AddFlexLightpath/{{src}}/{{dst}}/{{bitrate}}/{{bidir}}/{{band}}"
    yield ApiRoute(in_band, ("PUT",), "add_lightpath_in_band", Role.OPERATOR, "refused: no optical bands")
    for name, does, told in (
        ("GetLightpaths", "lightpaths_by_number", "lightpaths that were asked for by names"),
        ("GetLinks", "optical_links", "links with their free slots"),
        ("GetTopology/{context}/{topology}", "topology", "that the topology is known"),
    ):
        yield ApiRoute(f"{OPTICAL_TFS}/{name}", ("GET",), does, Role.READER, told)


TABLE = RouteTable(
    "controller",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(HOST_META, ("GET",), "host_meta", None, "where RESTCONF begins (RFC 8040 3.1)"),
        ApiRoute(READY, READ, "ready", Role.READER, "whether everything needed is there, with reasons"),
        ApiRoute(METRICS, READ, "metrics", Role.READER, "figures for Prometheus"),
        ApiRoute("/changes", ("GET",), "changes", Role.READER, "the next changes after a version"),
        ApiRoute("/snapshot", ("GET",), "snapshot", Role.READER, "the state at one version, in pages"),
        ApiRoute("/trail", ("GET",), "trail", Role.ADMINISTRATOR, "who changed what, the newest entries"),
        ApiRoute("/restconf", READ, "root", Role.READER, "the API resource (RFC 8040 3.3)"),
        ApiRoute(OPERATIONS, READ, "operations", Role.READER, "the operations that there are"),
        ApiRoute(COMPUTE_OPERATION, ("POST",), "compute", Role.OPERATOR, "compute a path; allocates nothing"),
        ApiRoute(COMP_ROUTE, ("POST",), "comp_route", Role.OPERATOR, "the same as TeraFlowSDN asks"),
        ApiRoute(
            f"{OPERATIONS}/{FAIL_LINK}",
            ("POST",),
            "fail_link",
            Role.OPERATOR,
            "cut a link; its services are restored",
        ),
        ApiRoute(
            f"{OPERATIONS}/{REPAIR_LINK}",
            ("POST",),
            "repair_link",
            Role.OPERATOR,
            "repair a link; services come back",
        ),
        ApiRoute(
            "/restconf/streams/tapi-notification",
            ("GET",),
            "notifications",
            Role.READER,
            "notifications as server-sent events",
        ),
        ApiRoute("/restconf/data", READ, "read", Role.READER, "the whole datastore"),
        ApiRoute("/restconf/data/{path:path}", READ, "read", Role.READER, "any part of the datastore"),
        ApiRoute(
            "/restconf/data/{path:path}",
            ("POST", "PUT", "DELETE", "PATCH"),
            "write",
            Role.OPERATOR,
            "create and delete services",
        ),
        ApiRoute("/restconf", ("OPTIONS",), "options", Role.READER, "what the API resource takes"),
        ApiRoute("/restconf/{path:path}", ("OPTIONS",), "options", Role.READER, "what a resource takes"),
        *_subscriptions(),
        *_lightpaths(),
    ),
)
