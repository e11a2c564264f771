"""``lightloop drift``: whether requests still come as those the champion learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lightloop.commands.services import SetOption, installation_config
from lightloop.output import JsonFlag, emit
from lightloop.registered import registered_folder

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.drift import DriftReport

drift = typer.Typer(
    help="Whether requests still come as those the champion learned from.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(drift, name="drift")


@drift.command("check")
def check(
    reference: Annotated[
        Path | None,
        typer.Option(
            help="A traffic.json to compare with; blocking is not compared then. Empty: the champion's, "
            "asked of the registry."
        ),
    ] = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look now, as the drift monitor does: no alarm is raised and no request used up.

    Looked at are the requests since the last alarm or the begin of the window. An evidence (log e) of 0 says
    nothing; each step of 2.3 makes a change ten times likelier; see docs/drift.md.

    Examples:
      lightloop drift check

      lightloop drift check --set drift.false_alarm_rate=0.001 --json
    """
    from configs.home import Home
    from flows.operation import operation_of, twin_of
    from flows.settings import settings_of
    from tasks.drift import detect_drift
    from tasks.operation import record_until
    from tasks.registry import REFERENCE_FILE

    home = Home.from_environment()
    context = settings_of(installation_config(None, settings or []), home, running=None)
    twin = None
    if reference is None:
        folder = registered_folder("@champion", context)
        reference, twin = folder.parent / REFERENCE_FILE, twin_of(context, folder)
    record = record_until(operation_of(context.config, home), context.plant.topology)
    report = detect_drift(record, reference, home.drift_state, context.config.drift, twin).report
    emit(report.to_json(), as_json, lambda console: _print(console, report))


def _print(console: Console, report: DriftReport) -> None:
    console.print(f"{'drift' if report.has_drifted else 'no drift'}: {report.summary}", highlight=False)
    if not report.columns:
        return
    table = Table("column", "log e", "seen", "ordinary", "measure", "drifted")
    for column in report.columns:
        mark = "yes" if column.name in report.drifted_columns else ""
        table.add_row(
            column.name,
            f"{column.log_e:+.1f}",
            f"{column.seen:.3f}",
            f"{column.ordinary:.3f}",
            column.measure,
            mark,
        )
    console.print(table)
    console.print(
        f"all together {report.log_e:+.1f}; an alarm from {report.threshold_log_e:.1f} on", highlight=False
    )
