"""The command ``lightloop topologies``: networks that ship, what one looks like, foreign files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit

commands = typer.Typer(
    help="Networks: what ships with lightloop, what one looks like, reading other people's files.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

NameOrFile = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A catalogue name, or a topology file of any known format.")
]


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(commands, name="topologies")


@commands.command("list")
def list_topologies(as_json: JsonFlag = False) -> None:
    """Networks that ship with lightloop, each with its size and its source.

    [bold]Examples[/bold]

      lightloop topologies list

      lightloop topologies list --json | jq '.topologies[].name'
    """
    from topologies.catalogue import load_topology, topology_names

    summaries = [_summary(load_topology(name)) for name in topology_names()]

    def render(console: Console) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("name", "nodes", "fibre pairs", "total km", "longest km"):
            table.add_column(heading, justify="left" if heading == "name" else "right", no_wrap=True)
        table.add_column("source", overflow="fold")
        for row in summaries:
            table.add_row(
                row["name"],
                str(row["num_nodes"]),
                str(row["num_fibres"]),
                f"{row['total_km']:,.0f}",
                f"{row['longest_km']:,.0f}",
                row["source"],
            )
        console.print(table)

    emit({"topologies": summaries}, as_json, render)


@commands.command("show")
def show(
    name_or_file: NameOrFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw it into this file (.svg or .png).", dir_okay=False),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path", help="A route to highlight, as node names with commas: WA,IL,NJ. May be repeated."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """One network: its nodes, its links with their lengths, and a picture where asked for.

    [bold]Examples[/bold]

      lightloop topologies show nsfnet

      lightloop topologies show nsfnet --output nsfnet.svg --path WA,IL,PA,NJ

      lightloop topologies show Geant2012.graphml --json
    """
    from topologies.catalogue import load_topology
    from topologies.drawing import draw_topology

    topology = load_topology(name_or_file)
    routes = [tuple(name.strip() for name in route.split(",")) for route in path or ()]
    if routes and output is None:
        raise Refusal("--path highlights a route in a picture; say where with --output FILE.svg")
    picture = draw_topology(topology, output, routes) if output is not None else None
    degree = dict(topology.graph().degree())
    document: dict[str, Any] = {
        **_summary(topology),
        "nodes": [
            {
                "name": node.name,
                "latitude_deg": node.latitude_deg,
                "longitude_deg": node.longitude_deg,
                "degree": degree[node.name],
            }
            for node in topology.nodes
        ],
        "fibres": topology.to_json()["fibres"],
        "risk_groups": topology.to_json().get("risk_groups", []),
        "picture": None if picture is None else str(picture),
    }

    def render(console: Console) -> None:
        console.print(topology.name, style="bold")
        console.print(
            f"{document['num_nodes']} nodes, {document['num_fibres']} fibre pairs, "
            f"{document['total_km']:,.0f} km; mean degree {document['mean_degree']:.2f}, diameter "
            f"{document['diameter_hops']} hops, {document['diameter_km']:,.0f} km; hash {document['hash']}\n"
            f"Source: {document['source']}\n",
            highlight=False,
            markup=False,
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("node")
        table.add_column("degree", justify="right")
        table.add_column("neighbours (km)", overflow="fold")
        graph = topology.graph()
        for name in topology.node_names:
            hops = ", ".join(f"{other} {data['length_km']:,.0f}" for other, data in graph.adj[name].items())
            table.add_row(name, str(degree[name]), hops)
        console.print(table)
        for group in topology.risk_groups:
            fibres = ", ".join("-".join(ends) for ends in group.fibres)
            console.print(f"{group.name} fails as one: {fibres}", highlight=False, markup=False)
        if picture is not None:
            console.print(f"picture: {picture}", highlight=False)

    emit(document, as_json, render)


@commands.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help=".csv, .graphml, SNDlib .txt or .xml, GNPy .json.", dir_okay=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The catalogue file to write (.json).")],
    name: Annotated[str | None, typer.Option(help="Call it this instead of what the file says.")] = None,
    source: Annotated[str | None, typer.Option(help="Who published it, where the file does not say.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output file if it is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Read somebody else's topology file and write it in lightloop's own form.

    What is read must be a whole plant: lengths (or coordinates), one piece, no link twice.
    Whatever was computed rather than read is said in the source.

    [bold]Examples[/bold]

      lightloop topologies import Geant2012.graphml --output geant.json

      lightloop topologies import polska.txt --output polska.json --source "SNDlib, polska"

      lightloop topologies show geant.json
    """
    from dataclasses import replace

    from topologies.catalogue import dump_topology
    from topologies.importers import import_topology

    if output.suffix.lower() != ".json":
        raise Refusal(f"{output}: topologies are written as .json")
    if output.exists() and not force:
        raise Refusal(f"{output} is there already; choose another name or say --force")
    topology = import_topology(file)
    topology = replace(topology, name=name or topology.name, source=source or topology.source)
    try:
        output.write_text(dump_topology(topology), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from None
    document = {**_summary(topology), "file": str(output)}

    def render(console: Console) -> None:
        console.print(
            f"{output}: {topology.name}, {document['num_nodes']} nodes, {document['num_fibres']} fibre "
            f"pairs, {document['total_km']:,.0f} km\nSource: {topology.source}",
            highlight=False,
            markup=False,
        )

    emit(document, as_json, render)


def _summary(topology: Any) -> dict[str, Any]:
    import networkx as nx

    graph = topology.graph()
    km = dict(nx.all_pairs_dijkstra_path_length(graph, weight="length_km"))
    lengths = [fibre.length_km for fibre in topology.fibres]
    return {
        "name": topology.name,
        "source": topology.source,
        "hash": topology.content_hash,
        "num_nodes": topology.num_nodes,
        "num_fibres": len(topology.fibres),
        "num_links": topology.num_links,
        "total_km": sum(lengths),
        "longest_km": max(lengths),
        "mean_degree": 2 * len(lengths) / topology.num_nodes,
        "diameter_hops": nx.diameter(graph),
        "diameter_km": max(max(row.values()) for row in km.values()),
    }
