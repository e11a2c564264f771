"""The command ``lightloop trail``: who changed what."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lightloop.output import JsonFlag, emit

if TYPE_CHECKING:
    from rich.console import Console

    from controlplane.trail import TrailEntry


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("trail")(trail_command)


def trail_command(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From then on: 2031-05-01, 2031-05-01T18:00:00Z, or -2h, -7d.")
    ] = "-7d",
    user: Annotated[str, typer.Option(help="Changes of this user only.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Show who changed what, when, from where and with what outcome (docs/access.md).

    Not to be taken for `lightloop audit`, which compares what the parts of the installation know.

    Examples:
      lightloop trail --since -2h

      lightloop trail --user ada --json
    """
    from configs.home import Home
    from controlplane.trail import parse_since, read_trail

    entries = list(read_trail(Home.from_environment().trail, parse_since(since), user))
    emit({"entries": [asdict(entry) for entry in entries]}, as_json, lambda out: _print(out, entries))


def _print(console: Console, entries: list[TrailEntry]) -> None:
    if not entries:
        console.print("nobody changed anything in that time")
        return
    for entry in entries:
        who = f"{entry.user} ({entry.role})" + (f" via {entry.via}" if entry.via else "")
        what = f"{entry.what} {entry.about}".strip()
        outcome = entry.outcome + ("" if entry.status is None else f" {entry.status}")
        line = f"{entry.time}  {outcome:<11}  {who}, {entry.address}  {entry.process}: {what}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
