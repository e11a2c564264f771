"""``lightloop bench bounds``: what no policy can do better, beside a reference that is nearly as hard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say
from lightloop.simulated import ScenarioOption, SettingOption, situation


def bounds(
    setting: SettingOption = "deeprmsa-nsfnet",
    scenario: ScenarioOption = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="Override of plant or traffic, e.g. plant.k_paths=50.")
    ] = [],  # noqa: B006
    load: Annotated[
        list[float], typer.Option(min=0.1, help="Erlang; repeat. Without: what is carried at 0.1 %.")
    ] = [],  # noqa: B006
    snapshots: Annotated[
        int, typer.Option(min=10, help="Snapshots of all that is offered, per load.")
    ] = 2000,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Keep the row of a published setting in this JSON file, beside those of bench policy; a row "
            "in it is not drawn again."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """The proven bound on request blocking, by linear programs, and the optimistic reference.

    A snapshot is all that would be up at a moment if nothing were ever blocked. The bound is how many of it
    must be away on average for the rest to fit, over the load: requests may be split over the K paths, and
    slots need not be the same ones on all links. No policy that does not know how long requests stay is below
    it. The optimistic reference is the blocking of who accepts whatever passes this test. Published settings
    have 50 paths here unless --set says otherwise.

    Examples:
      lightloop bench bounds --setting maskrsa-nsfnet

      lightloop bench bounds --setting gcnrmsa-usnet --snapshots 1000 --store docs/measured/gcnrmsa-usnet.json

      lightloop bench bounds --scenario latency-rsa --load 130
    """
    from benchmarks.bounds import BOUND_PATHS, BoundCurve, by_load, carried_rows, lines_at, stored_lines
    from benchmarks.carried import carried_half_width
    from benchmarks.stored_rows import StoredRows
    from envs.settings import benchmark_setting

    if store is not None and (scenario or settings or load):
        raise Refusal(
            "--store keeps the row of a published setting as it is: leave --scenario, --set and --load"
        )
    given = any(text.startswith("plant.k_paths") for text in settings)
    chosen = settings if scenario or given else [f"plant.k_paths={BOUND_PATHS}", *settings]
    plant, traffic = situation(setting, scenario, chosen)

    curve = BoundCurve(plant, traffic, snapshots, say)
    document: dict[str, Any] = {
        "setting": scenario or setting,
        "topology": plant.topology.name,
        "k_paths": plant.spec.k_paths,
        "snapshots": snapshots,
    }
    carried: dict[str, float] = {}
    half_widths: dict[str, float | None] = {}
    if load:
        lines = lines_at(curve, load)
    else:
        guess_erlang = traffic.load_erlang
        lines = (
            carried_rows(curve, guess_erlang)
            if store is None
            else stored_lines(benchmark_setting(setting), curve, StoredRows(store), guess_erlang)
        )
        carried = {line: row["carried_at_0.1pct_erlang"] for line, row in lines.items()}
        half_widths = {line: carried_half_width(lines[line]["points"], carried[line]) for line in carried}
        document["carried_at_0.1pct_erlang"] = carried
        document["carried_half_width_erlang"] = half_widths
    rows = by_load(lines, plant, traffic)
    document["loads"] = rows

    def render(console: Console) -> None:
        table = Table("Erlang", "proven bound, %", "optimistic reference, %", "cut set, %")
        for row in rows:
            lines = [_percent(row[line]) for line in ("proven", "optimistic", "cut_set")]
            table.add_row(f"{row['load_erlang']:g}", *lines)
        console.print(table)
        for line, erlang in carried.items():
            half = half_widths[line]
            within = "" if half is None else f" ± {half:.1f}"
            console.print(f"{line}: {erlang:.1f}{within} Erlang at 0.1 %", highlight=False)

    emit(document, as_json, render)


def _percent(line: dict[str, Any]) -> str:
    if line["request_blocking"] is None:
        return "nothing fits"
    mean = f"{100 * line['request_blocking']:.4f}"
    if "ci95" not in line:
        return mean
    low, high = line["ci95"]
    return f"{mean} ± {50 * (high - low):.4f}"
