"""The command ``lightloop topologies import``: other people's files, one or a folder of them.

Not here: how a file is read and repaired (``topologies/importers``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit
from lightloop.topology_size import summary


def register(commands: typer.Typer) -> None:
    """Hang the command onto ``lightloop topologies``."""
    commands.command("import")(import_files)


def import_files(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help=".graphml, .gml, .csv, .xlsx, .xls, networkx or GNPy .json, SNDlib .txt, .xml; or a folder.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The catalogue file to write (.json); for a folder, a folder. Without: a report.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Call it this instead of what the file says.")] = None,
    source: Annotated[str | None, typer.Option(help="Who published it, where the file does not say.")] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Place nodes without coordinates, merge parallel links, give links of length zero 1 km, "
            "keep the largest part. Each repair is said.",
        ),
    ] = False,
    length: Annotated[str | None, typer.Option(help="Link attribute that holds the length.")] = None,
    length_unit: Annotated[
        str | None, typer.Option(help="km, m or mi, for lengths whose form states no unit.")
    ] = None,
    default_km: Annotated[
        float | None, typer.Option(help="Length of links whose length cannot be known.")
    ] = None,
    leave_out_unplaced: Annotated[
        bool,
        typer.Option(
            "--leave-out-unplaced", help="Drop nodes without coordinates whose links have no length."
        ),
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the network into this file (.svg or .png).", dir_okay=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file if it is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Read somebody else's topology file and write it in lightloop's own form.

    What is read must be a whole plant: lengths (or coordinates), one piece, no link twice. All faults of a
    file are told at once, each with the option that cures it. Whatever was computed or repaired is said in
    the source. For a folder a table says what of it can be read.

    [bold]Examples[/bold]

      lightloop topologies import Geant2012.graphml --output geant.json --repair

      lightloop topologies import polska.txt --output polska.json --source "SNDlib, polska"

      lightloop topologies import zoo/ --repair --json
    """
    from topologies.importers.draft import ImportOptions

    options = ImportOptions(
        repair=repair,
        length_attribute=length,
        length_unit=length_unit,
        default_km=default_km,
        leave_out_unplaced=leave_out_unplaced,
    )
    if file.is_dir():
        if name or source or picture:
            raise Refusal(f"{file} is a folder; --name, --source and --picture are for one file")
        _import_folder(file, output, options, force, as_json)
    else:
        _import_one(file, output, options, {"name": name, "source": source}, picture, force, as_json)


def _import_one(
    file: Path,
    output: Path | None,
    options: Any,
    said: Mapping[str, str | None],
    picture: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from topologies.drawing import draw_topology
    from topologies.importers import read_topology

    _check_output(output, force)
    imported = read_topology(file, options)
    topology = imported.topology
    topology = replace(topology, name=said["name"] or topology.name, source=said["source"] or topology.source)
    if output is not None:
        _write(topology, output)
    drawn = None if picture is None else str(draw_topology(topology, picture, []))
    document = {
        **summary(topology),
        "file": None if output is None else str(output),
        "repairs": list(imported.repairs),
        "picture": drawn,
    }

    def render(console: Console) -> None:
        lines = [
            f"{output or file}: {topology.name}, {document['num_nodes']} nodes, "
            f"{document['num_fibres']} fibre pairs, {document['total_km']:,.0f} km",
            f"Source: {topology.source}",
            *(f"Repaired: {text}" for text in imported.repairs),
        ]
        if drawn:
            lines.append(f"picture: {drawn}")
        if output is None:
            lines.append("Nothing is written; say where with --output FILE.json")
        console.print("\n".join(lines), highlight=False, markup=False)

    emit(document, as_json, render)


def _check_output(output: Path | None, force: bool) -> None:
    if output is None:
        return
    if output.suffix.lower() != ".json":
        raise Refusal(f"{output}: topologies are written as .json")
    if output.exists() and not force:
        raise Refusal(f"{output} is there already; choose another name or say --force")


def _write(topology: Any, output: Path) -> None:
    from topologies.catalogue import dump_topology

    try:
        output.write_text(dump_topology(topology), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from None


def _import_folder(folder: Path, output: Path | None, options: Any, force: bool, as_json: bool) -> None:
    """Read every file of a folder that an importer may know; one line a file, and how many were read."""
    from topologies.errors import TopologyError
    from topologies.importers import KNOWN_SUFFIXES, files_in, read_topology
    from topologies.importers.faults import UNREADABLE, reason_of

    files = files_in(folder)
    if not files:
        raise Refusal(f"{folder}: no file in it with one of the suffixes {', '.join(KNOWN_SUFFIXES)}")
    rows: list[dict[str, Any]] = []
    refused: Counter[str] = Counter()
    for path in files:
        try:
            imported = read_topology(path, options)
        except TopologyError as error:
            reason = reason_of(error)
            refused[reason] += 1
            said = str(error).removeprefix(f"{path}: ") if reason == UNREADABLE else reason
            rows.append({"file": path.name, "outcome": "refused", "said": [said]})
            continue
        outcome = "repaired" if imported.repairs else "read"
        rows.append({"file": path.name, "outcome": outcome, "said": list(imported.repairs)})
        if output is not None:
            target = output / f"{path.stem}.json"
            _check_output(target, force)
            output.mkdir(parents=True, exist_ok=True)
            _write(imported.topology, target)
    document = {
        "read": len(files) - refused.total(),
        "repaired": sum(row["outcome"] == "repaired" for row in rows),
        "refused": dict(refused.most_common()),
        "files": rows,
    }

    def render(console: Console) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("file", "outcome", "why"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(escape(row["file"]), row["outcome"], escape("; ".join(row["said"])))
        console.print(table)
        console.print(
            f"{len(files)} files: {document['read']} read, {document['repaired']} of them repaired; "
            f"{refused.total()} refused",
            highlight=False,
        )

    emit(document, as_json, render)
