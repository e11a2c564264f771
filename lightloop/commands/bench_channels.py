"""``lightloop bench channels``: beside DRL-RMBSA, in its setting and by its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say


def channels(
    tables: Annotated[
        Path, typer.Option(help="Folder with the published tables: NSFNET.txt and NSFNET_*.mat.")
    ],
    load: Annotated[list[float], typer.Option(min=1.0, help="Erlang; repeat.")] = [900.0],  # noqa: B006
    requests: Annotated[int, typer.Option(min=1000, help="Counted requests of each policy.")] = 300_000,
    seed: Annotated[int, typer.Option(help="Of the requests.")] = 2026,
    as_json: JsonFlag = False,
) -> None:
    """Requests over single channels of C+L+S, beside the published DRL-RMBSA (half a minute).

    The setting is that of DRL-RMBSA (JLT 2025): NSFNET, 91 node pairs, five paths each, 268 channels that
    both directions of a link share. A service of 100, 200, 400 or 1000 Gb/s takes the first free channels of
    one band on one path until their capacities add up to its rate. Its three heuristics stand beside the rule
    that takes from the first paths of all pairs as little capacity as possible. Every policy meets the same
    requests. The tables are not part of lightloop: clone YiranTeng/DRL-RMBSA.

    Examples:
      lightloop bench channels --tables DRL-RMBSA --load 800 --load 900
    """
    from benchmarks.channels.comparison import compare
    from benchmarks.channels.tables import ChannelTableError, read_tables

    try:
        read = read_tables(tables)
    except ChannelTableError as error:
        raise Refusal(str(error)) from None
    document = compare(read, load, requests, seed, say)

    def render(console: Console) -> None:
        table = Table("Erlang", "policy", "requests blocked, %", "bit rate blocked, %")
        for row in document["rows"]:
            by_request = _percent(row["request_blocking"], row["request_ci95"])
            by_rate = _percent(row["bit_rate_blocking"], row["bit_rate_ci95"])
            table.add_row(f"{row['load_erlang']:g}", row["policy"], by_request, by_rate)
        for row in document["published"]:
            figures = (f"{100 * row[name]:.2f}" for name in ("request_blocking", "bit_rate_blocking"))
            table.add_row(f"{row['load_erlang']:g}", f"{row['policy']} (published)", *figures)
        console.print(table)

    emit(document, as_json, render)


def _percent(mean: float, ci95: list[float]) -> str:
    return f"{100 * mean:.3f} ± {50 * (ci95[1] - ci95[0]):.3f}"
