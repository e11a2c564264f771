"""The elements' routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from controlplane.metrics import METRICS, READY
from controlplane.roles import Role
from controlplane.routes import HEALTH, ApiRoute, RouteTable

TABLE = RouteTable(
    "elements",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(READY, ("GET",), "ready", Role.READER, "whether everything needed is there, with reasons"),
        ApiRoute(METRICS, ("GET",), "metrics", Role.READER, "figures for Prometheus"),
        ApiRoute("/elements", ("GET",), "nodes", Role.READER, "names of the elements"),
        ApiRoute(
            "/elements/{node}/running", ("GET",), "running", Role.READER, "cross-connects that it holds"
        ),
        # The controller does this many times for each change of a service, which its own trail tells.
        ApiRoute(
            "/elements/{node}/edit",
            ("POST",),
            "edit",
            Role.ADMINISTRATOR,
            "put cross-connects in place and take others out, whole or not at all",
            noted="people",
        ),
    ),
)
