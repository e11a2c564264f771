"""``lightloop bench bounds``: what no policy can do better, beside a reference that is nearly as hard."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, stderr
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

      lightloop bench bounds --scenario latency-rsa --load 130
    """
    from benchmarks.bounds import BoundCurve, at_loads, carried_rows

    given = any(text.startswith("plant.k_paths") for text in settings)
    chosen = settings if scenario or given else ["plant.k_paths=50", *settings]
    plant, traffic = situation(setting, scenario, chosen)

    def say(text: str) -> None:
        stderr.print(f"{text} ...", style="dim", highlight=False)

    curve = BoundCurve(plant, traffic, snapshots, say)
    document: dict[str, Any] = {
        "setting": scenario or setting,
        "topology": plant.topology.name,
        "k_paths": plant.spec.k_paths,
        "snapshots": snapshots,
    }
    carried: dict[str, float] = {}
    if not load:
        lines = carried_rows(curve, traffic.load_erlang)
        carried = {line: row["carried_at_0.1pct_erlang"] for line, row in lines.items()}
        document["carried_at_0.1pct_erlang"] = carried
    rows = at_loads(curve, load or sorted(curve.points))
    document["loads"] = rows

    def render(console: Console) -> None:
        table = Table("Erlang", "proven bound, %", "optimistic reference, %", "cut set, %")
        for row in rows:
            lines = [_percent(row[line]) for line in ("proven", "optimistic", "cut_set")]
            table.add_row(f"{row['load_erlang']:g}", *lines)
        console.print(table)
        for line, erlang in carried.items():
            console.print(f"{line}: {erlang:.1f} Erlang at 0.1 %", highlight=False)

    emit(document, as_json, render)


def _percent(line: dict[str, Any]) -> str:
    if line["request_blocking"] is None:
        return "nothing fits"
    mean = f"{100 * line['request_blocking']:.4f}"
    if "ci95" not in line:
        return mean
    low, high = line["ci95"]
    return f"{mean} ± {50 * (high - low):.4f}"
