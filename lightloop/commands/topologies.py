"""The command ``lightloop topologies``: networks that ship, what one looks like.

Not here: reading foreign files (``topologies_import.py``), writing them (``topologies_export.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lightloop.commands import topologies_export, topologies_import
from lightloop.output import JsonFlag, Refusal, emit
from lightloop.topology_size import summary

commands = typer.Typer(
    help="Networks: what ships with lightloop, what one looks like, other people's files.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

NameOrFile = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A catalogue name, or a topology file of any known format.")
]


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    topologies_import.register(commands)
    topologies_export.register(commands)
    app.add_typer(commands, name="topologies")


@commands.command("list")
def list_topologies(as_json: JsonFlag = False) -> None:
    """Networks that ship with lightloop, each with its size and its source.

    [bold]Examples[/bold]

      lightloop topologies list

      lightloop topologies list --json | jq '.topologies[].name'
    """
    from topologies.catalogue import load_topology, topology_names

    summaries = [summary(load_topology(name)) for name in topology_names()]

    def render(console: Console) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("name", "nodes", "fibre pairs", "total km", "longest km"):
            table.add_column(heading, justify="left" if heading == "name" else "right", no_wrap=True)
        table.add_column("source", overflow="fold")
        for row in summaries:
            table.add_row(
                escape(row["name"]),
                str(row["num_nodes"]),
                str(row["num_fibres"]),
                f"{row['total_km']:,.0f}",
                f"{row['longest_km']:,.0f}",
                escape(row["source"]),
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

      lightloop topologies show geant.json --json
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
        **summary(topology),
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
        console.print(topology.name, style="bold", markup=False)
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
            table.add_row(escape(name), str(degree[name]), escape(hops))
        console.print(table)
        for group in topology.risk_groups:
            fibres = ", ".join("-".join(ends) for ends in group.fibres)
            console.print(f"{group.name} fails as one: {fibres}", highlight=False, markup=False)
        if picture is not None:
            console.print(f"picture: {picture}", highlight=False)

    emit(document, as_json, render)
