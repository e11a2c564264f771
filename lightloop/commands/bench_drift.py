"""``lightloop bench drift``: false alarms of the drift monitor, and how soon it sees a change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, say


def drift(
    windows: Annotated[int, typer.Option(min=10, help="Windows of 500 requests of each kind.")] = 100,
    demands: Annotated[
        Path | None, typer.Option(help="Two weeks of measured demands of Abilene, SNDlib XML or archive.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """False alarms on unchanged traffic; requests until a change is seen (some minutes)."""
    from benchmarks.drift import figures

    measured: Any = figures(say, windows, demands)

    def render(console: Console) -> None:
        table = Table("unchanged traffic", "windows of 500", "alarms")
        for name, row in measured["by_traffic"].items():
            table.add_row(name, f"{row['windows']}", f"{row['alarms']}")
        console.print(table)
        table = Table("change", "requests until the alarm, median", "each")
        for name, found in measured["delays"].items():
            median = measured["delay_requests"][name]
            each = ", ".join("not found" if item is None else f"{item:,}" for item in found)
            table.add_row(name, "not found" if median is None else f"{median:,.0f}", each)
        console.print(table)

    emit(measured, as_json, render)
