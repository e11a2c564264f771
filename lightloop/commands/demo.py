"""The command ``lightloop demo``."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
