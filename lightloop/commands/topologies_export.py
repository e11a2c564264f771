"""The command ``lightloop topologies export``: a network as a file that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lightloop.output import JsonFlag, Refusal, emit


def register(commands: typer.Typer) -> None:
    """Hang the command onto ``lightloop topologies``."""
    commands.command("export")(export)


def export(
    name_or_file: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE", help="A catalogue name, or a topology file of any known form."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: .graphml for GraphML, .json for a GNPy network."),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the output file if it is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a network as GraphML or as a GNPy network; lightloop reads both back equal.

    Risk groups are not written, as neither form has a place for them.

    [bold]Examples[/bold]

      lightloop topologies export nsfnet --output nsfnet.graphml

      lightloop topologies export geant.json --output geant-gnpy.json
    """
    from topologies.catalogue import load_topology
    from topologies.exporters import to_gnpy, to_graphml

    writers = {".graphml": to_graphml, ".json": to_gnpy}
    write = writers.get(output.suffix.lower())
    if write is None:
        raise Refusal(f"{output}: topologies are exported as {' or '.join(writers)}")
    if output.exists() and not force:
        raise Refusal(f"{output} is there already; choose another name or say --force")
    topology = load_topology(name_or_file)
    try:
        output.write_text(write(topology), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from None
    document = {"name": topology.name, "hash": topology.content_hash, "file": str(output)}

    def render(console: Console) -> None:
        console.print(f"{output}: {topology.name}", highlight=False, markup=False)

    emit(document, as_json, render)
