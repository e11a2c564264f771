"""Options that the ``gsnr`` commands share: a line, its channels and their launch powers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightloop.output import Refusal

Spans = Annotated[int, typer.Option(help="Identical spans.")]
SpanKm = Annotated[float, typer.Option(help="Length of each; 0 takes the file's.")]
Bands = Annotated[str, typer.Option(help="Bands, separated by commas.")]
PowerDbm = Annotated[str, typer.Option(help="Launch power per channel; one for all, or per band: C=0,L=1.")]
Channels = Annotated[int, typer.Option(help="Channels per band.")]
SpacingGhz = Annotated[float, typer.Option(help="Between channels.")]
BaudGbd = Annotated[float, typer.Option(help="Symbol rate of every channel.")]
Partial = Annotated[float, typer.Option(help="Share of the channels that is lit, drawn at random.")]
DrawSeed = Annotated[int, typer.Option(min=0, help="Of the draw; same seed, same channels.")]
TransceiverSnrDb = Annotated[
    float | None, typer.Option(help="Back-to-back SNR of both ends together; left out by default.")
]
RoadmLossDb = Annotated[
    float | None, typer.Option(help="Loss of the ROADMs at both ends together; left out by default.")
]
LineFile = Annotated[
    Path | None,
    typer.Option("--line", help="A line file, JSON or YAML (docs/lines.md), or a GNPy network of one line."),
]
EquipmentFile = Annotated[
    Path | None,
    typer.Option("--equipment", help="GNPy equipment file for --line."),
]
AtThz = Annotated[list[float], typer.Option(help="Only the channel nearest to this frequency; repeat.")]
MarginDb = Annotated[float, typer.Option(min=0.0, help="Kept above a format's threshold.")]
Parameters = Annotated[Path | None, typer.Option(help="Another file like envs/data/line.json.")]


def powers(text: str) -> float | dict[str, float]:
    """Launch power of ``--power-dbm``: one number for all bands, or one per band.

    Raises:
        Refusal: it is neither.
    """
    try:
        if "=" not in text:
            return float(text)
        pairs = (part.split("=", 1) for part in text.split(","))
        return {name.strip().upper(): float(value) for name, value in pairs}
    except ValueError:
        raise Refusal(f"--power-dbm is {text!r}; give a number, or one per band as in C=0,L=1") from None


def given_by_hand(context: typer.Context, name: str) -> bool:
    """Whether a parameter was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def option(name: str) -> str:
    """How a parameter is called on the command line."""
    return "--" + name.replace("_", "-")
