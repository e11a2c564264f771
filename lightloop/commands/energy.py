"""``lightloop energy pareto``: how much blocking is worth how many watts, weight by weight.

What policies draw: ``lightloop simulate`` of a plant with a power model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lightloop.figures import ASLEEP, BLOCKED, ENERGY, POLICY, POWER, against_first, table_of
from lightloop.output import JsonFlag, Refusal, emit, stderr
from lightloop.simulated import check_picture, situation

if TYPE_CHECKING:
    from envs.simulation import SimulationResult

energy = typer.Typer(help="Energy against blocking.", no_args_is_help=True)
BASELINES = ("ksp_ff", "least_marginal_power", "most_used", "least_fragmentation")


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(energy, name="energy")


@energy.command("pareto")
def pareto_command(
    scenario: Annotated[str, typer.Option(help="A scenario with a power model.")] = "energy-rmsa",
    load: Annotated[float, typer.Option(help="Offered load in Erlang; 0: the scenario's.")] = 0.0,
    weight: Annotated[
        list[float], typer.Option(help="Cost of a kW in blocked requests a request; repeat.")
    ] = [  # noqa: B006
        0.0,
        0.001,
        0.01,
        0.1,
    ],
    search_s: Annotated[float, typer.Option(min=1, help="Seconds of search for each weight.")] = 60.0,
    population: Annotated[int, typer.Option(min=4, help="Scores in a generation.")] = 16,
    requests: Annotated[int, typer.Option(min=100, help="Counted requests per policy.")] = 200_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests not counted at the start of each run.")] = 3000,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of searches and of what is measured.")] = 1,
    policies: Annotated[
        Path | None, typer.Option(help="A folder to keep the policies in, one folder each.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw energy per bit against blocking into this .png or .svg.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Search a linear score for each weight of the energy; print what each blocks and draws, and baselines.

    All scores of a generation meet the same requests, and all policies are measured on the same others; "vs
    ksp_ff" is the difference run by run. Intervals are 95 %. The reward: docs/energy.md.

    Examples:
      lightloop energy pareto --load 150 --picture pareto.png

      lightloop energy pareto --weight 0.01 --search-s 300 --policies agents/ --json
    """
    from agents.artefact import save_policy
    from agents.pareto import trade_off
    from agents.spec import SearchSpec
    from envs.heuristics import baseline
    from envs.simulation import simulate

    check_picture(picture)
    plant, traffic = situation("", scenario)
    if plant.power is None:
        raise Refusal(
            f"--scenario {scenario} has no power model; "
            "name a scenario file with `plant: {power_model: default}`"
        )
    traffic = replace(traffic, load_erlang=load or traffic.load_erlang)
    spec = SearchSpec(True, search_s, population, 12_000)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        tasks = {
            f"weight-{item:g}": progress.add_task(f"search, weight {item:g}", total=1) for item in weight
        }
        found = trade_off(
            plant,
            traffic,
            weight,
            spec,
            warmup,
            seed,
            lambda name, share: progress.update(tasks[name], completed=share),
        )
        everybody = [*(baseline(name) for name in BASELINES), *(item.policy for item in found)]
        task = progress.add_task("measuring", total=len(everybody))
        results = []
        for policy in everybody:
            results.append(simulate(plant, traffic, policy, requests, seed, runs, warmup))
            progress.advance(task)
    if policies is not None:
        for item in found:
            save_policy(item.policy, policies / item.policy.name, {"energy_weight": item.weight})
    if picture is not None:
        _draw(results, f"{scenario} on {plant.topology.name}, {traffic.load_erlang:g} Erlang", picture)
    told = {item.policy.name: {"weight": item.weight, "generations": item.generations} for item in found}
    points = [result.row(results[0]) | told.get(result.policy, {}) for result in results]
    document = {
        "scenario": scenario,
        "topology": plant.topology.name,
        "load_erlang": traffic.load_erlang,
        "search_s": search_s,
        "seed": seed,
        "points": points,
    }
    emit(document, as_json, lambda console: _print(console, document, picture))


def _print(console: Console, document: dict[str, Any], picture: Path | None) -> None:
    console.print(
        f"[bold]{document['topology']}[/] at {document['load_erlang']:g} Erlang; "
        f"{document['search_s']:g} s of search for each weight"
    )
    columns = (POLICY, BLOCKED, POWER, ENERGY, against_first("vs ksp_ff"), ASLEEP)
    console.print(table_of(document["points"], *columns))
    if picture:
        console.print(f"Picture: {picture}")


def _draw(results: list[SimulationResult], title: str, picture: Path) -> None:
    """Energy per bit against blocking: searched scores joined in the order of their weights."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    shown = [(r.policy, r.request_blocking, r.power.energy_per_bit_pj) for r in results if r.power]
    searched = [point for point in shown if point[0] not in BASELINES]
    axes.plot(
        [100 * b.mean for _, b, _ in searched], [e.mean for _, _, e in searched], color="tab:green", lw=1
    )
    for index, (name, blocking, energy) in enumerate(shown):
        is_baseline = name in BASELINES
        axes.errorbar(
            100 * blocking.mean,
            energy.mean,
            xerr=100 * blocking.half_width,
            yerr=energy.half_width,
            fmt="sDv^<>"[index % 6] if is_baseline else "o",
            color="tab:grey" if is_baseline else f"C{index % 7}",
            ms=5,
            capsize=2,
            label=name.replace("weight-", "searched, w = "),
        )
    axes.set(xlabel="requests blocked (%)", ylabel="energy per bit (pJ/bit)", title=title)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=150)
