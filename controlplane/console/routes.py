"""The console's routes, with the role that each needs. The page's own files and socket are NiceGUI's."""

from __future__ import annotations

from controlplane.metrics import METRICS, READY
from controlplane.roles import Role
from controlplane.routes import HEALTH, ApiRoute, RouteTable

TABLE = RouteTable(
    "console",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(READY, ("GET",), "ready", Role.READER, "whether everything needed is there, with reasons"),
        ApiRoute(METRICS, ("GET",), "metrics", Role.READER, "figures for Prometheus"),
        ApiRoute("/", ("GET",), "index", Role.READER, "the page"),
        ApiRoute("/loop", ("GET",), "loop", Role.READER, "the loop page"),
        ApiRoute("/_nicegui/{path:path}", ("GET",), "files", Role.READER, "files of the page"),
        # What a click does the controller checks: the page asks it in its user's name.
        ApiRoute(
            "/_nicegui_ws/{path:path}",
            ("GET", "POST"),
            "socket",
            Role.READER,
            "the page's socket",
            noted="never",
        ),
    ),
)
