"""``lightloop bench latency``: latency against blocking over a sweep of loads, as tables and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lightloop.figures import BLOCKED, ERLANG, HOPS, LATENCY, POLICY, plain, table_of
from lightloop.output import JsonFlag, emit, say

LOADS_ERLANG = [90.0, 110.0, 130.0, 150.0, 170.0, 190.0, 210.0]


def latency(
    scenario: Annotated[str, typer.Option(help="A shipped scenario, or a YAML file.")] = "latency-rsa",
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; see `lightloop train --scenario`.")
    ] = None,
    load: Annotated[list[float], typer.Option(help="Offered load in Erlang; repeat.")] = LOADS_ERLANG,
    requests: Annotated[int, typer.Option(min=1000, help="Counted requests per policy and load.")] = 100_000,
    picture: Annotated[
        Path | None, typer.Option(help="Draw latency against blocking into this .png or .svg.")
    ] = None,
    behaviour: Annotated[
        Path | None, typer.Option(help="Draw blocking, detour and hops per class against load.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Latency against blocking of an agent, the shortest path and the baselines (a few minutes)."""
    from benchmarks.latency import latency_curves
    from benchmarks.latency_pictures import draw_behaviour, draw_latency_against_blocking
    from configs.build import plant_of, traffic_of
    from configs.load import load_config

    config = load_config(scenario)
    plant = plant_of(config)

    curves = latency_curves(plant, traffic_of(config), sorted(load), requests, agent, say)
    title = f"{config.scenario} on {plant.topology.name}"
    if picture is not None:
        draw_latency_against_blocking(curves, title, picture)
    if behaviour is not None:
        draw_behaviour(curves, title, behaviour)
    rows = [point.row() | {"policy": curve.name} for curve in curves for point in curve.points]

    document = {
        "scenario": config.scenario,
        "topology": plant.topology.name,
        "path_table_hash": plant.path_table.content_hash,
        "points": rows,
    }
    emit(document, as_json, lambda console: _print(console, document))


def _print(console: Console, document: dict[str, Any]) -> None:
    from lightloop.drawing import class_table

    title = f"{document['scenario']} on {document['topology']}"
    late = plain("late", "latency_violations", digits=0)
    columns = (POLICY, ERLANG, BLOCKED, LATENCY, plain("95 % ms", "p95_latency_ms"), HOPS, late)
    console.print(table_of(document["points"], *columns, title=title))
    rows = [
        (f"{row['policy']} {row['load_erlang']:g}", found)
        for row in document["points"]
        for found in row["classes"]
    ]
    console.print(class_table(rows))
