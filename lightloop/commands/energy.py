"""``lightloop energy``: what policies draw, in watts and per bit, with intervals."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.commands.energy_pareto import pareto_command
from lightloop.energy_situation import check_picture, policy_given, power_point, situation
from lightloop.output import JsonFlag, emit, stderr

if TYPE_CHECKING:
    from envs.plant import Plant
    from envs.simulation import SimulationResult

energy = typer.Typer(help="Energy: watts by part, energy per bit, sleeping links.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    energy.command("pareto")(pareto_command)
    app.add_typer(energy, name="energy")


@energy.command("simulate")
def simulate_command(
    setting: Annotated[
        str, typer.Option(help="A published setting; see `lightloop bench settings`.")
    ] = "deeprmsa-nsfnet",
    scenario: Annotated[
        str, typer.Option(help="A scenario in the setting's place, with its own network and path table.")
    ] = "",
    policy: Annotated[
        list[str], typer.Option(help="A policy's name, or the folder of a trained one; repeat.")
    ] = ["ksp_ff"],  # noqa: B006
    load: Annotated[list[float], typer.Option(help="Offered load in Erlang; repeat for a curve.")] = [],  # noqa: B006
    topology: Annotated[str, typer.Option(help="Another network: a catalogue name or a file.")] = "",
    k: Annotated[int, typer.Option("--k", min=1, help="Candidate paths per node pair.")] = 5,
    requests: Annotated[int, typer.Option(min=100, help="Counted requests per point.")] = 200_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests not counted at the start of each run.")] = 3000,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same figures.")] = 1,
    power: Annotated[
        str, typer.Option(help="default, subcarriers, or a file like envs/data/power.json.")
    ] = "",
    picture: Annotated[
        Path | None, typer.Option(help="Draw energy per bit against load into this .png or .svg.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Simulate policies and print the power they draw, energy per bit and blocking with 95 % intervals.

    Policies: all of `lightloop simulate`; least_marginal_power takes the path that switches the fewest watts
    on, most_used the path whose links are fullest. Every policy meets the same requests; "vs first" is the
    energy per bit against the first policy's, run by run. The model and what it leaves out: docs/energy.md.

    Examples:
      lightloop energy simulate --policy ksp_ff --policy least_marginal_power --load 60 --load 120

      lightloop energy simulate --policy most_used --topology cost239 --load 200 --json

      lightloop energy simulate --policy ksp_ff --policy most_used --load 20 --load 250 --picture energy.png
    """
    from envs.simulation import simulate

    check_picture(picture)
    chosen = [policy_given(text) for text in policy]
    plant, traffic = situation(setting, scenario, topology, k, power)
    results: list[SimulationResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        for load_erlang in load or [traffic.load_erlang]:
            for item in chosen:
                task = progress.add_task(f"{item.name} at {load_erlang:g} Erlang", total=runs)
                results.append(
                    simulate(
                        plant,
                        replace(traffic, load_erlang=load_erlang),
                        item,
                        requests,
                        seed,
                        runs,
                        warmup,
                        on_progress=lambda done, _, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                    )
                )
    if picture is not None:
        _draw(results, plant, scenario or setting, picture)
    points = [
        power_point(result, results[index - index % len(chosen)]) for index, result in enumerate(results)
    ]
    document = (
        {
            "setting": scenario or setting,
            "topology": plant.topology.name,
            "path_table_hash": plant.path_table.content_hash,
            "k_paths": plant.spec.k_paths,
            "path_order": plant.spec.path_order,
            "path_ties": plant.spec.path_ties,
            "num_slots": plant.spec.num_slots,
            "guard_slots": plant.spec.guard_slots,
            "spectrum": "shared by both directions" if plant.spec.shared_spectrum else "directed",
            "truncated_holding": traffic.truncate_holding,
            "bit_rates_gbps": [min(traffic.bit_rates_gbps), max(traffic.bit_rates_gbps)],
            "warmup_requests": warmup,
            "seed": seed,
            "num_fibre_pairs": len(plant.topology.fibres),
            "power_model": asdict(plant.power) if plant.power else None,
        }
        | points[0]
        | {"points": points}
    )
    emit(document, as_json, lambda console: _print(console, document, points, picture))


def _print(
    console: Console, document: dict[str, Any], points: list[dict[str, Any]], picture: Path | None
) -> None:
    console.print(
        f"[bold]{document['topology']}[/], {document['num_fibre_pairs']} fibre pairs, "
        f"{document['num_slots']} slots {document['spectrum']}, guard {document['guard_slots']}, "
        f"K={document['k_paths']} by {document['path_order']} (ties: {document['path_ties']}), "
        f"power model {document['power_model']['name']!r}"
    )
    bits = Table("policy", "Erlang", "blocked %", "pJ/bit", "vs first")
    watts = Table("policy", "Erlang", "kW", "transp.", "ampl.", "nodes", "asleep %")
    for point in points:
        parts = point["mean_power_by_part_w"]
        blocked_ci = [100 * end for end in point["request_blocking_ci95"]]
        difference = point["energy_per_bit_vs_first_pj"], point["energy_per_bit_vs_first_pj_ci95"]
        bits.add_row(
            point["policy"],
            f"{point['load_erlang']:g}",
            _with_width(100 * point["request_blocking"], blocked_ci, 3),
            _with_width(point["energy_per_bit_pj"], point["energy_per_bit_pj_ci95"], 0),
            _with_width(*difference, 0),
        )
        watts.add_row(
            point["policy"],
            f"{point['load_erlang']:g}",
            f"{point['mean_power_w'] / 1000:.2f}",
            *(f"{parts[part] / 1000:.2f}" for part in ("transponders", "amplifiers", "nodes")),
            f"{100 * point['sleeping_share']:.1f}",
        )
    console.print(bits)
    console.print(watts)
    if picture:
        console.print(f"Picture: {picture}")


def _with_width(mean: float, ends: list[float], digits: int) -> str:
    return f"{mean:.{digits}f} ± {(ends[1] - ends[0]) / 2:.{digits}f}"


def _draw(results: list[SimulationResult], plant: Plant, setting: str, picture: Path) -> None:
    """Energy per bit and fibre pairs asleep against load, one line a policy, with its interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in dict.fromkeys(result.policy for result in results):
        points = sorted((r for r in results if r.policy == name), key=lambda r: r.load_erlang)
        loads = [r.load_erlang for r in points]
        powers = [r.power for r in points if r.power is not None]
        for axes, shown, scale in (
            (left, [power.energy_per_bit_pj for power in powers], 1),
            (right, [power.sleeping_share for power in powers], 100),
        ):
            (line,) = axes.plot(loads, [scale * item.mean for item in shown], marker="o", ms=3, label=name)
            low, high = [scale * item.low for item in shown], [scale * item.high for item in shown]
            axes.fill_between(loads, low, high, color=line.get_color(), alpha=0.2)
    left.set(xlabel="offered load (Erlang)", ylabel="energy per bit (pJ/bit)", yscale="log")
    for axis_formatter in (left.yaxis.set_major_formatter, left.yaxis.set_minor_formatter):
        axis_formatter("{x:,.0f}")
    right.set(xlabel="offered load (Erlang)", ylabel="fibre pairs asleep (%)")
    for axes in (left, right):
        axes.grid(alpha=0.3, which="both")
    left.legend(frameon=False)
    figure.suptitle(f"{setting} on {plant.topology.name}, K={plant.spec.k_paths}")
    figure.savefig(picture, dpi=150)
