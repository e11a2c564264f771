"""One module per command. Each has ``register(app)``; adding one is a line here."""

from __future__ import annotations

import importlib

import typer

COMMANDS = (
    "topologies",
    "trace",
    "trace_operation",
    "simulate",
    "gsnr",
    "energy",
    "train",
    "evaluate",
    "replay",
    "request",
    "drain",
    "offer",
    "bench",
    "services",
    "user",
    "trail",
    "certificate",
    "openapi",
    "audit",
    "chaos",
    "history",
    "loop",
    "lineage",
    "reproduce",
    "shell",
    "tidy",
    "drift",
    "demo",
)


def register(app: typer.Typer) -> None:
    """Hang every command onto the tree."""
    for name in COMMANDS:
        importlib.import_module(f"lightloop.commands.{name}").register(app)
