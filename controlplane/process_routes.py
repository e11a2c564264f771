"""The routes that elements and PCE have alike: does it live, what does it offer, how is it.

Not here: what else each of them offers (``elements/routes.py``, ``pce/routes.py``).
"""

from __future__ import annotations

from controlplane.metrics import METRICS, READY
from controlplane.roles import Role
from controlplane.routes import HEALTH, JSON, OPENAPI, ApiRoute

PROCESS_ROUTES = (
    ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
    ApiRoute(OPENAPI, ("GET",), "openapi", Role.READER, "this description"),
    ApiRoute(
        READY,
        ("GET",),
        "ready",
        Role.READER,
        "whether everything needed is there, with reasons",
        answers={200: JSON, 503: JSON},
    ),
    ApiRoute(
        METRICS, ("GET",), "metrics", Role.READER, "figures for Prometheus", answers={200: "text/plain"}
    ),
)
