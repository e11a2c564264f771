"""``lightloop bench lines``: GSNR of random mixed lines beside GNPy's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, stderr


def lines(
    gnpy_python: Annotated[
        Path | None,
        typer.Option(
            help="A Python that has GNPy (pip install gnpy==3.0.1, in an environment of its own): ask it "
            "again, for minutes, and keep its answers in --answers."
        ),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="GNPy's answers; docs/measured/gnpy-lines.json by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the lines, with --gnpy-python.")] = 14,
    as_json: JsonFlag = False,
) -> None:
    """How far GSNR, ASE and NLI of random mixed lines lie from GNPy's: largest and root of mean square.

    The lines differ in spans, fibre types, loss by frequency, amplifiers, ripple, launch powers and symbol
    rates. GNPy's answers are stored; ours are computed anew (seconds).

    Examples:
      lightloop bench lines

      lightloop bench lines --gnpy-python ~/gnpy/bin/python --answers build/lines.json --seed 18
    """
    from benchmarks.lines import ANSWERS_FILE, BOUND_DB, ask_gnpy, differences

    file = answers or ANSWERS_FILE
    if gnpy_python is not None:
        stderr.print("asking GNPy ...", style="dim")
        ask_gnpy(gnpy_python, seed, file)
    if not file.is_file():
        raise Refusal(f"no answers in {file}; name a file that exists, or make them with --gnpy-python")
    rows = differences(file)

    def render(console: Console) -> None:
        table = Table("bands", "lines", "channels", "GSNR max, rms dB", "ASE", "NLI", "bound on GSNR")
        for row in rows:
            table.add_row(
                row.plan,
                str(row.lines),
                str(row.channels),
                *(f"{row.largest_db[name]:.3f}, {row.rms_db[name]:.3f}" for name in row.largest_db),
                f"{BOUND_DB[row.plan]:g}",
            )
        console.print(table)

    emit({"bound_db": BOUND_DB, "plans": [asdict(row) for row in rows]}, as_json, render)
