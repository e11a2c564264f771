"""The elements' routes, with the role that each needs. Not here: what they do (``app.py``)."""

from __future__ import annotations

from controlplane.metrics import METRICS, READY
from controlplane.roles import Role
from controlplane.routes import HEALTH, ApiRoute, RouteTable


def _change(path: str, method: str, does: str, told: str) -> ApiRoute:
    # The controller does this many times for each change of a service, which its own trail tells.
    return ApiRoute(f"/elements/{{node}}/{path}", (method,), does, Role.ADMINISTRATOR, told, noted="people")


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
        ApiRoute(
            "/elements/{node}/pending", ("GET",), "pending", Role.READER, "the commit that waits, if any"
        ),
        _change("candidate", "PUT", "edit_candidate", "edit the candidate configuration"),
        _change("candidate", "DELETE", "discard", "discard the candidate configuration"),
        _change("commit", "POST", "commit_confirmed", "commit, to be confirmed in time"),
        _change("confirm", "POST", "confirm", "confirm a commit"),
        _change("cancel", "POST", "cancel", "take a commit back"),
    ),
)
