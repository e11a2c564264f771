"""``lightloop bench gate``: how honest the gate is over a year, and what it sees."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, say


def gate(
    years: Annotated[
        int, typer.Option(min=1, help="Years of 365 nightly gates without any true gain.")
    ] = 200,
    gates: Annotated[int, typer.Option(min=10, help="Gates for each true gain.")] = 1000,
    as_json: JsonFlag = False,
) -> None:
    """Chance of a false promotion in a year of nightly gates; chance to see a true gain (a few minutes)."""
    from benchmarks.gate import figures

    measured: Any = figures(say, years, gates)

    def render(console: Console) -> None:
        low, high = measured["false_promotion_rate_ci95"]
        console.print(
            f"a false promotion in {measured['false_promotion_rate']:.1%} of {measured['years']} years "
            f"({low:.1%} .. {high:.1%})",
            highlight=False,
        )
        table = Table("gate", "level", "2 % better", "5 % better", "10 % better")
        for name, level in (("first", "alpha_first"), ("nightly", "alpha_nightly")):
            seen = [f"{measured['power'][f'{name}_{gain}pct']:.0%}" for gain in (2, 5, 10)]
            table.add_row(name, f"{measured[level]:.2g}", *seen)
        console.print(table)
        heads = ("an equal one", "by pairs or hours", "5 % better", "30 % worse for far pairs")
        slices = Table("refused for a slice", *heads)
        for size, refused in measured["slices_refuse"].items():
            kinds = ("equal", "equal_by_finer", "better", "worse_far")
            slices.add_row(f"{size} evaluation", *(f"{refused[kind]:.1%}" for kind in kinds))
        console.print(slices)

    emit(measured, as_json, render)
