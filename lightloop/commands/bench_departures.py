"""``lightloop bench departures``: what it is worth to know when services end, as a table."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, say


def departures(
    repetitions: Annotated[int, typer.Option(min=2, help="Of everything; the interval is over them.")] = 5,
    generations: Annotated[int, typer.Option(min=1, help="Of each search.")] = 12,
    requests: Annotated[int, typer.Option(min=1000, help="Of each trace.")] = 8000,
    traces: Annotated[int, typer.Option(min=1, help="Fresh ones measured on, in each repetition.")] = 6,
    processes: Annotated[int, typer.Option(min=1, help="Processes that look for the load.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What it is worth to know when services end, by searches on equal terms (about ten minutes).

    NSFNET at the load where least fragmentation blocks about 1 %. Classes that stay a day, a week and a
    month, where none, half or all of the requests tell their end, and one exponential. Three arms, each
    searched with the same budget from one result: the departure columns tell nothing; told ends and, of the
    others, the expected rest of life by class and age; a placebo, what other requests tell. "Change" is
    relative to the first, on the same fresh requests, with a paired 95 % interval over the repetitions;
    negative is fewer requests blocked.

    Example:
      lightloop bench departures --repetitions 10 --json
    """
    from benchmarks.departures import PLACEBO, WITH, WITHOUT, Sizes, figures

    measured: Any = figures(Sizes(repetitions, generations, requests, traces, processes), say)

    def render(console: Console) -> None:
        table = Table("case", "Erlang", "without %", *(f"{arm}, change %" for arm in (WITH, PLACEBO)))
        for name, row in measured["cases"].items():
            none = row[WITHOUT]
            low, high = none["ci95"]
            cells = [f"{100 * none['request_blocking']:.2f} ({100 * low:.2f} .. {100 * high:.2f})"]
            for arm in (WITH, PLACEBO):
                low, high = row[arm]["change_ci95"]
                cells.append(f"{100 * row[arm]['change']:+.1f} ({100 * low:+.1f} .. {100 * high:+.1f})")
            table.add_row(name, f"{row['load_erlang']:g}", *cells)
        console.print(table)

    emit(measured, as_json, render)
