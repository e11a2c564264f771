"""The elements' routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from pydantic import TypeAdapter

from controlplane.elements.interface import EPOCH_HEADER, Edit
from controlplane.process_routes import PROCESS_ROUTES
from controlplane.roles import Role
from controlplane.routes import ApiRoute, RouteTable, Schema

_EPOCH: dict[str, Schema] = {EPOCH_HEADER: {"type": "string", "pattern": "^[0-9]{1,18}$"}}


def _edit_schema() -> Schema:
    return TypeAdapter(Edit).json_schema()


TABLE = RouteTable(
    "elements",
    (
        *PROCESS_ROUTES,
        ApiRoute("/elements", ("GET",), "nodes", Role.READER, "names of the elements"),
        ApiRoute(
            "/elements/{node}/running",
            ("GET",),
            "running",
            Role.READER,
            "cross-connects that it holds",
            refusals=(400, 404),
            headers=_EPOCH,
        ),
        # The controller does this many times for each change of a service, which its own trail tells.
        ApiRoute(
            "/elements/{node}/edit",
            ("POST",),
            "edit",
            Role.ADMINISTRATOR,
            "put cross-connects in place and take others out, whole or not at all",
            noted="people",
            refusals=(404, 422),
            headers=_EPOCH,
            body=_edit_schema,
        ),
    ),
    own_refusal={
        "type": "object",
        "required": ["tag", "message"],
        "properties": {"tag": {"type": "string"}, "message": {"type": "string"}},
    },
)
