"""``lightloop bench soak``: set-ups and deletions through a controller, and whether their cost grows."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from lightloop.figures import plain, table_of
from lightloop.output import Interrupted, JsonFlag, emit, say


def soak(
    scenario: Annotated[str, typer.Option(help="A shipped scenario, or a YAML file.")] = "latency-rsa",
    set_ups: Annotated[int, typer.Option(min=100, help="Services, each set up and deleted.")] = 20_000,
    marks: Annotated[int, typer.Option(min=2, help="Points of the curve.")] = 20,
    standing: Annotated[int, typer.Option(min=1, help="Services that are up at once.")] = 50,
    keep_s: Annotated[float, typer.Option(min=0.001, help="Age at which a change is removed.")] = 30.0,
    picture: Annotated[Path | None, typer.Option(help="Draw the curve into this .png or .svg.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Memory, disk and processor time of a controller over many set-ups (four minutes for 50,000).

    Ctrl-C ends it early, and so does a set-up that fails; what was measured by then is told.
    """
    import benchmarks.soak as bench
    from configs.load import load_config
    from controlplane.controller.network import plant_view
    from controlplane.tapi.errors import TapiError

    plant = plant_view(load_config(scenario))
    found: list[bench.Mark] = []
    failed: TapiError | None = None
    with tempfile.TemporaryDirectory(prefix="lightloop-soak-") as folder:
        try:
            for mark in bench.soak(Path(folder), plant, set_ups, marks, standing, keep_s):
                found.append(mark)
                say(f"{mark.set_ups:,} set-ups, {mark.cpu_ms:.1f} ms")
        except (Interrupted, TapiError) as ended:
            if not found:
                raise
            failed = ended if isinstance(ended, TapiError) else None
    if picture is not None:
        bench.draw(found, picture)
    document = {
        "scenario": scenario,
        "set_ups": found[-1].set_ups,
        "standing": standing,
        "cpu_ratio_last_first": found[-1].cpu_ms / found[0].cpu_ms,
        "marks": [asdict(mark) for mark in found],
    }
    emit(document, as_json, lambda console: _print(console, document))
    if failed is not None:
        raise failed


def _print(console: Console, document: dict[str, Any]) -> None:
    title = f"{document['set_ups']:,} set-ups and deletions, {document['standing']} up at once"
    columns = (
        plain("set-ups", "set_ups", digits=0),
        plain("ms of processor", "cpu_ms", digits=2),
        plain("memory MB", "memory_mb", digits=0),
        plain("database MB", "database_mb", digits=1),
        plain("changes kept", "changes", digits=0),
    )
    console.print(table_of(document["marks"], *columns, title=title))
