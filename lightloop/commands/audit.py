"""The command ``lightloop audit``: whether controller, elements, PCE and decision log agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controlplane.audit import Violation


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("audit")(audit_command)


def audit_command(as_json: JsonFlag = False) -> None:
    """Compare what controller, network elements, PCE and decision log know of the running network.

    No slot of a link may be used twice, and no lightpath may stand on a failed link. Each element holds what
    the controller says and nothing else. Each lightpath is the one that the decision log tells of. The PCE
    works on the controller's present state. What is under way is looked at twice. Nothing is changed. Exits
    with status 1 where something does not agree.

    Examples:
      lightloop audit

      lightloop audit --json
    """
    from configs.build import parts_of
    from controlplane.audit import audit
    from lightloop.audited import installation_of
    from lightloop.running import running_config, running_credentials

    config = running_config()
    topology, spec = parts_of(config)
    with installation_of(config, running_credentials(), topology.node_names) as installation:
        found = audit(installation.look, spec.shared_spectrum)
    document = {"violations": [asdict(item) for item in found]}
    emit(document, as_json, lambda console: _render(console, found))
    if found:
        raise typer.Exit(1)


def _render(console: Console, found: Sequence[Violation]) -> None:
    if not found:
        console.print("controller, elements, PCE and decision log agree")
        return
    table = Table("rule", "where", "service", "why")
    for item in found:
        table.add_row(item.rule, item.where, item.service_uuid, item.why)
    console.print(table)
