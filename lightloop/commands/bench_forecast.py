"""``lightloop bench forecast``: what a demand forecast is worth before anything is trained, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, stderr


def forecast(
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; the generalist that ships if empty.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1000, help="Counted requests of each arm and shift, in 20 runs.")
    ] = 40_000,
    log_requests: Annotated[
        int, typer.Option(min=100, help="Requests that each forecast is estimated from.")
    ] = 5000,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What a demand forecast is worth where traffic has shifted, before any training (about two minutes).

    NSFNET at the load where the policy without a forecast blocks about 1 %. Three shifts: two node pairs
    ask 20 times as often, most requests ask for 100 Gb/s, pairs ask by the sizes of their ends. Four arms
    on the same fresh requests: no forecast, one estimated from a log of the shifted traffic, a wrong one
    from another shift's log, and a placebo, the right one with its numbers permuted. "Change" is relative
    to no forecast, with a paired 95 % interval; negative is fewer requests blocked.

    Example:
      lightloop bench forecast --requests 400000 --processes 2 --json
    """
    from agents.artefact import GENERALIST_FOLDER, load_policy
    from benchmarks.forecast import ARMS, figures

    def say(text: str) -> None:
        stderr.print(f"{text} ...", style="dim", highlight=False)

    measured: Any = figures(load_policy(agent or GENERALIST_FOLDER), requests, log_requests, say, processes)

    def render(console: Console) -> None:
        table = Table("shift", "Erlang", "no forecast %", *(f"{arm}, change %" for arm in ARMS))
        for name, row in measured["shifts"].items():
            none = row["none"]
            low, high = none["ci95"]
            cells = [f"{100 * none['request_blocking']:.2f} ({100 * low:.2f} .. {100 * high:.2f})"]
            for arm in ARMS:
                low, high = row[arm]["change_ci95"]
                cells.append(f"{100 * row[arm]['change']:+.1f} ({100 * low:+.1f} .. {100 * high:+.1f})")
            table.add_row(name, f"{row['load_erlang']:g}", *cells)
        console.print(table)

    emit(measured, as_json, render)
