"""The command ``lightloop simulate``."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
