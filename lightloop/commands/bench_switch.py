"""``lightloop bench switch``: what set-ups wait for while another model is put into service."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say

PARTS = ("without", "during")


def switch(
    rate: Annotated[
        list[float], typer.Option(min=0.1, help="Set-ups a second, and as many deletions; again for more.")
    ] = [10.0, 30.0, 60.0],  # noqa: B006 - typer copies it
    seconds: Annotated[float, typer.Option(min=1, help="Without a switch, of each rate.")] = 60.0,
    switches: Annotated[int, typer.Option(min=1, help="Of each rate, one after the other.")] = 3,
    scenario: Annotated[str, typer.Option(help="A shipped scenario, or a YAML file.")] = "latency-rsa",
    as_json: JsonFlag = False,
) -> None:
    """Set-ups while a model is put into service, against the same rate without (ten minutes as it stands).

    A whole installation is started for this, in a folder of its own on free ports; one that runs is left
    alone. Services of 25 Gb/s are asked for at Poisson times and deleted two seconds later. Nobody waits for
    an answer before the next request goes out, and times count from when a request was due. Meanwhile the
    flow `provision` puts the champion into the other slot, which costs what another version would. "Waiting"
    is what was due and not answered at the end of a stretch; the machine kept up where that is no more than
    comes in a second. The clients run on the same cores. The aim is no failed request, and 200 ms at p99.

    Example:
      lightloop bench switch --rate 10 --rate 30 --seconds 30 --switches 2 --json
    """
    from benchmarks.switch import SwitchEffort, figures

    try:
        measured: Any = figures(SwitchEffort(rate, seconds, switches, scenario), say)
    except ValueError as error:
        raise Refusal(str(error)) from None

    def render(console: Console) -> None:
        heads = [
            f"{part}: {what}" for part in PARTS for what in ("p50 / p99 / longest ms", "failed", "waiting")
        ]
        table = Table("set-ups/s", *heads, "kept up", "a switch took s")
        for row in measured["rates"]:
            cells = [cell for part in PARTS for cell in _cells(row[part])]
            kept_up = "yes" if all(row[part]["kept_up"] for part in PARTS) else "no"
            took = ", ".join(f"{item:.1f}" for item in row["switch_s"])
            table.add_row(f"{row['rate_per_s']:g}", *cells, kept_up, took)
        console.print(table)

    emit(measured, as_json, render)


def _cells(part: dict[str, Any]) -> tuple[str, str, str]:
    times = " / ".join(
        "-" if part[name] is None else f"{part[name]:.0f}" for name in ("p50_ms", "p99_ms", "longest_ms")
    )
    return times, str(part["failed"]), str(part["waiting"])
