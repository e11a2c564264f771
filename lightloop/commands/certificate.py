"""The command ``lightloop certificate``: a self-signed certificate for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightloop.output import JsonFlag, emit


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("certificate")(certificate)


def certificate(
    out: Annotated[Path, typer.Option(help="Folder for certificate.pem and key.pem.")],
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address that users call; repeat for several.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 365,
    as_json: JsonFlag = False,
) -> None:
    """Make a self-signed certificate for tests of TLS (docs/access.md). The loopback's names are in it too.

    Examples:
      lightloop certificate --out tls --host net.example
    """
    from controlplane.certificate import make_certificate

    made = make_certificate(out.absolute(), host or (), days)
    settings = {
        "services.northbound_certificate": made.certificate,
        "services.northbound_key": made.key,
    }
    words = " ".join(f"--set {key}={value}" for key, value in settings.items())
    emit(
        settings,
        as_json,
        lambda console: console.print(f"lightloop up {words}", soft_wrap=True, highlight=False),
    )
