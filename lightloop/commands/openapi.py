"""The command ``lightloop openapi``: the description of an interface."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Described(StrEnum):
    """Whose interface."""

    CONTROLLER = "controller"
    PCE = "pce"


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("openapi")(openapi)


def openapi(
    process: Annotated[Described, typer.Argument(help="Whose interface.")] = Described.CONTROLLER,
) -> None:
    """Print the OpenAPI description of controller or PCE: the same as GET /openapi.json (docs/access.md)."""
    from controlplane.openapi import description

    if process is Described.PCE:
        from controlplane.pce.routes import TABLE
    else:
        from controlplane.controller.routes import TABLE
    sys.stdout.write(json.dumps(description(TABLE), indent=2) + "\n")
