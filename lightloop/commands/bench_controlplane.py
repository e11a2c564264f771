"""``lightloop bench controlplane``: set-ups through real processes, alone, side by side and among many."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from lightloop.figures import plain, table_of
from lightloop.output import JsonFlag, emit, say


def controlplane(
    topology: Annotated[
        list[str], typer.Option(help="A network of the catalogue, or a file; give it again for more.")
    ] = ["nsfnet"],  # noqa: B006 - typer copies it
    clients: Annotated[
        list[int], typer.Option(min=1, max=256, help="That ask at the same time; again for more rows.")
    ] = [1, 8, 32],  # noqa: B006
    standing: Annotated[
        list[int], typer.Option(min=0, help="Services that stand meanwhile; again for more rows.")
    ] = [0, 1_000, 10_000],  # noqa: B006
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each row, pauses left out.")] = 5.0,
    slots: Annotated[int, typer.Option(min=1, max=4096, help="Of a link, where services stand.")] = 4096,
    cut: Annotated[int, typer.Option(min=1, help="Services that a cut should hit, about.")] = 220,
    scenario: Annotated[str, typer.Option(help="A shipped scenario, or a YAML file.")] = "latency-rsa",
    one_core_pairs: Annotated[
        int, typer.Option(min=0, help="Pairs of rows with the controller on one core and without, in turns.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Cost of a set-up through controller, elements, PCE and a model server (ten minutes as it stands).

    The processes are started for this, in a folder of their own on free ports, with the policy that ships; an
    installation that runs is left alone. Services of 25 Gb/s are set up between random nodes and taken down
    again in pauses that do not count. First on the scenario's network: a row a number of clients, and one
    more while one element hangs, between the other nodes. Then on the same network with more slots, so that
    the services that are to stand have room: a row a number of clients and of standing services, and a cut.
    The figures are those of the first network. `cost_ratio_10000_standing` is the median of one client among
    10,000 services over that among none, both with `--slots`. `longest_stall_ms` is the longest time in which
    nobody was answered, or one reader of one service waited.

    `--one-core-pairs` compares `online.one_core` on the first network with the most clients: the controller
    is started anew before each row, and only neighbouring rows are compared.

    Examples:
      lightloop bench controlplane --standing 0 --seconds 2

      lightloop bench controlplane --topology nsfnet --topology usa100.csv --json
    """
    import benchmarks.controlplane as bench
    from benchmarks.one_core import compare

    found = []
    for name in topology:
        asked = bench.SetupMeasurement(name, clients, standing, seconds, slots, cut, scenario)
        found.append(bench.measure(asked, say))
    document: dict[str, Any] = {"figures": bench.figures(found), "networks": [asdict(item) for item in found]}
    if one_core_pairs:
        compared = compare(topology[0], scenario, max(clients), seconds, one_core_pairs, say)
        document["one_core"] = compared.document
    emit(document, as_json, lambda console: _print(console, document))


def _print(console: Console, document: dict[str, Any]) -> None:
    figures = [{"name": name, "value": value} for name, value in document["figures"].items()]
    console.print(
        table_of(
            figures,
            ("figure", lambda row: row["name"].replace("_", " ")),
            ("value", lambda row: "not measured" if row["value"] is None else f"{row['value']:,.1f}"),
        )
    )
    for network in document["networks"]:
        columns = (
            plain("slots", "slots", digits=0),
            plain("clients", "clients", digits=0),
            plain("stand", "standing", digits=0),
            plain("p50 ms", "p50_ms", digits=1),
            plain("p99 ms", "p99_ms", digits=1),
            plain("per s", "per_s", digits=1),
            plain("stall ms", "longest_stall_ms", digits=0),
            ("hangs", lambda row: row["hung"]),
            ("cpu ms", lambda row: " ".join(f"{ms:.1f}" for ms in row["cpu_ms"].values())),
        )
        title = f"{network['topology']}; cpu: {', '.join(network['rows'][0]['cpu_ms'])}"
        console.print(table_of(network["rows"], *columns, title=title))
        starts = ", ".join(
            f"{start['wall_s']:.1f} s ({start['cpu_s']:.1f} s)" for start in network["pce_start"]
        )
        console.print(f"PCE starts in (of the processor): {starts}")
        for item in network["cuts"]:
            became = f"{item['restored']} of {item['hit']} services restored in {item['took_s']:.2f} s"
            console.print(f"{item['link']} cut among {item['standing']:,}: {became}")
    if "one_core" in document:
        ratio = document["one_core"]["ratio"]
        told = f"{ratio['median']:.2f} ({ratio['min']:.2f} .. {ratio['max']:.2f})"
        console.print(f"set-ups a second with the controller on one core over those without: {told}")
