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
    ELEMENTS = "elements"
    CONSOLE = "console"


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("openapi")(openapi)


def openapi(
    process: Annotated[Described, typer.Argument(help="Whose interface.")] = Described.CONTROLLER,
) -> None:
    """Print the OpenAPI description of a process: the same as its GET /openapi.json (docs/access.md)."""
    from importlib import import_module

    from controlplane.openapi import description

    table = import_module(f"controlplane.{process}.routes").TABLE
    sys.stdout.write(json.dumps(description(table), indent=2) + "\n")
