"""``lightloop bench console``: the network page on a large network, in headless Chromium."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say


def console(
    topology: Annotated[
        str, typer.Option(help="A network of the catalogue, or a file; else a square grid is made.")
    ] = "",
    nodes: Annotated[int, typer.Option(min=4, max=400, help="Of the grid.")] = 100,
    slots: Annotated[int, typer.Option(min=1, max=4096, help="Of a link.")] = 320,
    lightpaths: Annotated[int, typer.Option(min=1, max=10_000, help="That stand meanwhile.")] = 1000,
    set_ups: Annotated[int, typer.Option(min=1, help="That are timed, one after another.")] = 30,
    per_s: Annotated[
        float, typer.Option(min=0.1, help="Services that come, and go, in a second under load.")
    ] = 10.0,
    seconds: Annotated[float, typer.Option(min=1, help="Of load, while frames are counted.")] = 10.0,
    as_json: JsonFlag = False,
) -> None:
    """From set-up to picture, frames under load and bytes a change of the network page (two minutes).

    Elements, controller, PCE and console are started for this, in a folder of their own on free ports; an
    installation that runs is left alone. `picture_p50_ms` and `picture_p95_ms` count from the answer that a
    service is set up to the frame on which map and grid show it. `bytes_per_change` is all that the page was
    sent for one more service. Frames are counted while services come and go.

    Examples:
      lightloop bench console --nodes 9 --lightpaths 20 --set-ups 3 --seconds 2

      lightloop bench console --json
    """
    import benchmarks.console as bench
    from benchmarks.chromium import ChromiumError

    asked = bench.PageMeasurement(topology, nodes, slots, lightpaths, set_ups, per_s, seconds)
    try:
        found = asdict(bench.measure(asked, say))
    except (ChromiumError, bench.PageError) as error:
        raise Refusal(str(error)) from None
    emit({"figures": found}, as_json, lambda screen: _print(screen, found))


def _print(screen: Console, figures: dict[str, Any]) -> None:
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), value if isinstance(value, str) else f"{value:,.4g}")
    screen.print(table, highlight=False)
