"""``lightloop tidy``: delete what the configuration's section ``retention`` no longer keeps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lightloop.commands.services import installation_config
from lightloop.output import JsonFlag, emit

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.retention import Expired


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("tidy")(tidy_command)


def tidy_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override, e.g. retention.traces_days=7; repeat for several."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete old traces, trainings, reports and runs, as `retention` says. Upkeep does it every hour.

    What a registered version refers to, what is in service and what a running flow uses stays, however old.

    Examples:
      lightloop tidy --dry-run

      lightloop tidy --set retention.trainings_days=3
    """
    from configs.home import Home
    from deployments.environment import mlflow_login
    from deployments.orchestration import PrefectApi
    from deployments.tidy import delete, find_expired, in_words, registry_of

    home = Home.from_environment()
    config = installation_config(None, settings or [])
    os.environ |= mlflow_login(config, home)
    registry, api = registry_of(config, home), PrefectApi(config)
    expired = find_expired(config, home, registry, api)
    if not dry_run:
        delete(expired, config, home, registry, api)
    document = {
        "deleted": not dry_run,
        "bytes": sum(item.num_bytes for item in expired),
        "items": [{"kind": item.kind, "name": item.name, "bytes": item.num_bytes} for item in expired],
    }
    emit(document, as_json, lambda console: _print(console, expired, dry_run, in_words(expired)))


def _print(console: Console, expired: list[Expired], dry_run: bool, words: str) -> None:
    if not expired:
        console.print("nothing has expired")
        return
    table = Table("kind", "name", "MB")
    for item in expired:
        table.add_row(item.kind, item.name, f"{item.num_bytes / 1e6:.2f}")
    console.print(table)
    console.print(f"{'would delete' if dry_run else 'deleted'} {words}")
