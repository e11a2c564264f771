"""The command ``lightloop drain``: take a link or a node out of use before work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightloop.output import JsonFlag, Refusal, emit

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("drain")(drain_command)


def drain_command(
    nodes: Annotated[list[str], typer.Argument(help="A node, or the two ends of a link.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take what comes again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Drain a link or a node before work on it: services move away one by one, without a gap.

    Each new lightpath is set up before the old one is released. A service that cannot move stays, and goes
    on; exits with status 1 where there is one. Nothing new goes over what is drained, until --undo.

    Examples:
      lightloop drain Hakata Saga

      lightloop drain Hakata Saga --undo

      lightloop drain Oslo --json
    """
    from controlplane.client import ControllerClient
    from lightloop.running import running_config, running_credentials

    if len(nodes) > 2:
        raise Refusal(f"{len(nodes)} nodes; give one node, or the two ends of a link")
    with ControllerClient.of(running_config(), running_credentials()) as client:
        told = client.undrain(*nodes) if undo else client.drain(*nodes)
    what = "-".join(nodes)
    emit(told, as_json, lambda out: _render(out, what, told))
    if told.get("stayed"):
        raise typer.Exit(1)


def _render(out: Console, what: str, told: dict[str, Any]) -> None:
    if "moved" in told:
        out.print(f"{what} is drained: {len(told['moved'])} services moved in {int(told['took-ms'])} ms")
        items, word = told["stayed"], "stays"
    else:
        back = f", {len(told['reverted'])} gone back" if told.get("reverted") else ""
        out.print(f"{what} takes what comes again: {len(told['restored'])} services set up again{back}")
        items, word = told["lost"], "has no lightpath"
    for item in items:
        out.print(f"{item['service-uuid']} {word}: {item['reason']}", markup=False, soft_wrap=True)
