"""The console's routes, with the role that each needs. The page's own files and socket are NiceGUI's."""

from __future__ import annotations

from controlplane.console.loop.actions import PromoteOrder, RollBackOrder, TrainOrder
from controlplane.metrics import METRICS, READY
from controlplane.roles import Role
from controlplane.routes import HEALTH, JSON, OPENAPI, ApiRoute, RouteTable

_PAGE = {200: "text/html"}

TABLE = RouteTable(
    "console",
    (
        ApiRoute(HEALTH, ("GET",), "health", None, "whether the process answers"),
        ApiRoute(OPENAPI, ("GET",), "openapi", Role.READER, "this description"),
        ApiRoute(READY, ("GET",), "ready", Role.READER, "whether everything needed is there, with reasons"),
        ApiRoute(
            METRICS, ("GET",), "metrics", Role.READER, "figures for Prometheus", answers={200: "text/plain"}
        ),
        ApiRoute("/", ("GET",), "index", Role.READER, "the page", answers=_PAGE),
        ApiRoute(
            "/compare",
            ("GET",),
            "compare",
            Role.READER,
            "two policies side by side in the twin",
            answers=_PAGE,
        ),
        ApiRoute("/loop", ("GET",), "loop", Role.READER, "the loop page", answers=_PAGE),
        ApiRoute(
            "/loop/train",
            ("POST",),
            "train",
            Role.OPERATOR,
            "start a training",
            answers={202: JSON},
            refusals=(400, 503),
            body=TrainOrder.model_json_schema,
        ),
        ApiRoute(
            "/loop/promote",
            ("POST",),
            "promote",
            Role.ADMINISTRATOR,
            "have a version that passed its gate put into service",
            answers={202: JSON},
            refusals=(400, 503),
            body=PromoteOrder.model_json_schema,
        ),
        ApiRoute(
            "/loop/roll-back",
            ("POST",),
            "roll_back",
            Role.ADMINISTRATOR,
            "have the champion of before put back",
            answers={202: JSON},
            refusals=(400, 503),
            body=RollBackOrder.model_json_schema,
        ),
        ApiRoute(
            "/loop/lineage",
            ("GET",),
            "lineage",
            Role.READER,
            "where a decision, a service or a version comes from",
            refusals=(400, 404),
            query={"of": {"type": "string", "maxLength": 200}},
        ),
        ApiRoute(
            "/_nicegui/{path:path}", ("GET",), "files", Role.READER, "files of the page", is_described=False
        ),
        # What a click does the controller checks: the page asks it in its user's name.
        ApiRoute(
            "/_nicegui_ws/{path:path}",
            ("GET", "POST"),
            "socket",
            Role.READER,
            "the page's socket",
            noted="never",
            is_described=False,
        ),
    ),
)
