"""The PCE's routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from controlplane.metrics import METRICS, READY
from controlplane.pathcomp import COMP_ROUTE
from controlplane.roles import Role
from controlplane.routes import HEALTH, ApiRoute, RouteTable
from controlplane.tapi.path_body import COMPUTE_OPERATION, PATH_RESOURCE

TABLE = RouteTable(
    "pce",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(READY, ("GET",), "ready", Role.READER, "whether everything needed is there, with reasons"),
        ApiRoute(METRICS, ("GET",), "metrics", Role.READER, "figures for Prometheus"),
        ApiRoute(
            COMPUTE_OPERATION,
            ("POST",),
            "compute",
            Role.OPERATOR,
            "compute a path; allocates nothing",
            noted="people",
        ),
        ApiRoute(
            COMP_ROUTE, ("POST",), "comp_route", Role.OPERATOR, "routes as TeraFlowSDN asks", noted="people"
        ),
        ApiRoute(f"{PATH_RESOURCE}{{uuid}}", ("GET",), "path", Role.READER, "a path lately computed"),
        ApiRoute("/status", ("GET",), "status", Role.READER, "policy, model and counts"),
        ApiRoute("/endpoint", ("PUT",), "endpoint", Role.ADMINISTRATOR, "switch the model endpoint"),
        ApiRoute(
            "/challenger",
            ("PUT", "DELETE"),
            "challenger",
            Role.ADMINISTRATOR,
            "put a model beside the one in service, or take it away",
        ),
        ApiRoute("/decisions", ("GET",), "decisions", Role.READER, "the last decisions, newest first"),
    ),
)
