"""The PCE's routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from controlplane.pathcomp import COMP_ROUTE
from controlplane.pce.challenger import Challenger
from controlplane.pce.endpoint import Endpoint
from controlplane.process_routes import PROCESS_ROUTES
from controlplane.roles import Role
from controlplane.routes import ApiRoute, RouteTable, Schema
from controlplane.state_headers import STATE_CHANGES, STATE_VERSION
from controlplane.tapi.errors import YANG_DATA_JSON
from controlplane.tapi.json_schema import comp_route_schema, compute_schema
from controlplane.tapi.path_body import COMPUTE_OPERATION, PATH_RESOURCE

_NUMBER: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_VERSION = {STATE_VERSION: _NUMBER}

TABLE = RouteTable(
    "pce",
    (
        *PROCESS_ROUTES,
        ApiRoute(
            COMPUTE_OPERATION,
            ("POST",),
            "compute",
            Role.OPERATOR,
            "compute a path; allocates nothing",
            noted="people",
            answers={200: YANG_DATA_JSON},
            refusals=(404, 409, 503),
            headers={
                **_VERSION,
                STATE_CHANGES: {"type": "string"},
                "X-Decision-Id": {"type": "string", "pattern": "^[!-~]{1,200}$"},
                "X-Waiting": _NUMBER,
            },
            body=compute_schema,
        ),
        ApiRoute(
            COMP_ROUTE,
            ("POST",),
            "comp_route",
            Role.OPERATOR,
            "routes as TeraFlowSDN asks",
            noted="people",
            refusals=(404, 409, 503),
            headers=_VERSION,
            body=comp_route_schema,
        ),
        ApiRoute(
            f"{PATH_RESOURCE}{{uuid}}",
            ("GET",),
            "path",
            Role.READER,
            "a path lately computed",
            answers={200: YANG_DATA_JSON},
            refusals=(400, 404),
        ),
        ApiRoute("/status", ("GET",), "status", Role.READER, "policy, model and counts"),
        ApiRoute(
            "/endpoint",
            ("PUT",),
            "endpoint",
            Role.ADMINISTRATOR,
            "switch the model endpoint",
            refusals=(409,),
            body=Endpoint.model_json_schema,
        ),
        ApiRoute(
            "/challenger",
            ("PUT", "DELETE"),
            "challenger",
            Role.ADMINISTRATOR,
            "put a model beside the one in service, or take it away",
            refusals=(409,),
            body=Challenger.model_json_schema,
        ),
        ApiRoute(
            "/decisions",
            ("GET",),
            "decisions",
            Role.READER,
            "the last decisions, newest first",
            refusals=(400,),
            query={"limit": {"type": "string", "pattern": "^[0-9]{1,9}$"}},
        ),
        ApiRoute(
            "/decisions/{decision_id}/why",
            ("GET",),
            "why",
            Role.READER,
            "candidates, scores and what spoke for each; of a refusal what would have to be free",
            refusals=(404,),
        ),
    ),
)
