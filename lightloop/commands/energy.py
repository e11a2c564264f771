"""``lightloop energy``: what policies draw, in watts and per bit, with intervals."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.energy.simulation import EnergyResult
    from envs.plant import Plant

PICTURES = (".png", ".svg")
energy = typer.Typer(help="Energy: watts by part, energy per bit, sleeping links.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(energy, name="energy")


@energy.callback()
def _group() -> None:
    """Keep ``simulate`` a subcommand while it is the only one."""


@energy.command("simulate")
def simulate_command(
    setting: Annotated[
        str, typer.Option(help="A published setting; see `lightloop bench settings`.")
    ] = "deeprmsa-nsfnet",
    policy: Annotated[list[str], typer.Option(help="A policy of the list below; repeat.")] = ["ksp_ff"],  # noqa: B006
    load: Annotated[list[float], typer.Option(help="Offered load in Erlang; repeat for a curve.")] = [],  # noqa: B006
    topology: Annotated[str, typer.Option(help="Another network: a catalogue name or a file.")] = "",
    k: Annotated[int, typer.Option("--k", min=1, help="Candidate paths per node pair.")] = 5,
    requests: Annotated[int, typer.Option(min=100, help="Counted requests per point.")] = 200_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests not counted at the start of each run.")] = 3000,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same figures.")] = 1,
    power: Annotated[Path | None, typer.Option(help="Another file like envs/data/power.json.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw energy per bit against load into this .png or .svg.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Simulate policies and print the power they draw, energy per bit and blocking with 95 % intervals.

    Policies: ksp_ff takes the first path that fits; least_marginal_power the path that switches the fewest
    watts on; most_used the path whose links are fullest. Each takes the lowest free block. Every policy meets
    the same requests; "vs first" is the energy per bit against the first policy's, run by run. The model and
    what it leaves out: docs/energy.md.

    Examples:
      lightloop energy simulate --policy ksp_ff --policy least_marginal_power --load 60 --load 120

      lightloop energy simulate --policy most_used --topology cost239 --load 200 --json

      lightloop energy simulate --policy ksp_ff --policy most_used --load 20 --load 250 --picture energy.png
    """
    from envs.energy.model import load_power_model
    from envs.energy.serve import ENERGY_POLICIES
    from envs.energy.simulation import simulate_energy
    from envs.plant import build_plant
    from envs.settings import benchmark_setting
    from topologies.catalogue import load_topology

    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise Refusal(f"--picture is {str(picture)!r}; end it in {' or '.join(PICTURES)}")
    if picture is not None and not picture.absolute().parent.is_dir():
        raise Refusal(f"--picture is {str(picture)!r}; there is no folder {picture.parent}")
    for name in policy:
        if name not in ENERGY_POLICIES:
            raise Refusal(f"--policy is {name!r}; known: {', '.join(ENERGY_POLICIES)}")
    chosen = benchmark_setting(setting)
    plant = build_plant(load_topology(topology or chosen.topology), replace(chosen.plant, k_paths=k))
    model = load_power_model(power)
    results: list[EnergyResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        for load_erlang in load or [chosen.traffic.load_erlang]:
            traffic = replace(chosen.traffic, load_erlang=load_erlang)
            for name in policy:
                task = progress.add_task(f"{name} at {load_erlang:g} Erlang", total=runs)
                results.append(
                    simulate_energy(
                        plant,
                        traffic,
                        model,
                        name,
                        requests,
                        seed,
                        runs,
                        warmup,
                        lambda done, _, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                    )
                )
    if picture is not None:
        _draw(results, plant, setting, picture)
    points = [_point(result, results, policy[0]) for result in results]
    document = (
        {
            "setting": setting,
            "topology": plant.topology.name,
            "path_table_hash": plant.path_table.content_hash,
            "k_paths": plant.spec.k_paths,
            "path_order": plant.spec.path_order,
            "path_ties": plant.spec.path_ties,
            "num_slots": plant.spec.num_slots,
            "guard_slots": plant.spec.guard_slots,
            "spectrum": "shared by both directions" if plant.spec.shared_spectrum else "directed",
            "truncated_holding": chosen.traffic.truncate_holding,
            "bit_rates_gbps": [min(chosen.traffic.bit_rates_gbps), max(chosen.traffic.bit_rates_gbps)],
            "warmup_requests": warmup,
            "seed": seed,
            "num_fibre_pairs": len(plant.topology.fibres),
            "power_model": asdict(model),
        }
        | points[0]
        | {"points": points}
    )
    emit(document, as_json, lambda console: _print(console, document, points, picture))


def _point(result: EnergyResult, results: list[EnergyResult], first_policy: str) -> dict[str, Any]:
    from envs.evaluation import paired_difference

    first = next(r for r in results if r.policy == first_policy and r.load_erlang == result.load_erlang)
    difference = paired_difference(
        [run.energy_per_bit_pj for run in result.runs], [run.energy_per_bit_pj for run in first.runs]
    )
    return {
        "policy": result.policy,
        "load_erlang": result.load_erlang,
        "request_blocking": result.request_blocking.mean,
        "request_blocking_ci95": [result.request_blocking.low, result.request_blocking.high],
        "bit_rate_blocking": result.bit_rate_blocking.mean,
        "bit_rate_blocking_ci95": [result.bit_rate_blocking.low, result.bit_rate_blocking.high],
        "mean_power_w": result.mean_power_w.mean,
        "mean_power_w_ci95": [result.mean_power_w.low, result.mean_power_w.high],
        "mean_power_by_part_w": {
            "transponders": result.transponders_w,
            "amplifiers": result.amplifiers_w,
            "nodes": result.nodes_w,
        },
        "energy_per_bit_pj": result.energy_per_bit_pj.mean,
        "energy_per_bit_pj_ci95": [result.energy_per_bit_pj.low, result.energy_per_bit_pj.high],
        "energy_per_bit_vs_first_pj": difference.mean,
        "energy_per_bit_vs_first_pj_ci95": [difference.low, difference.high],
        "sleeping_links": result.sleeping_links.mean,
        "sleeping_links_ci95": [result.sleeping_links.low, result.sleeping_links.high],
        "carried_gbps": result.carried_gbps,
        "requests": result.num_requests,
    }


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
    watts = Table("policy", "Erlang", "kW", "transp.", "ampl.", "nodes", "asleep")
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
            f"{point['sleeping_links']:.2f}",
        )
    console.print(bits)
    console.print(watts)
    if picture:
        console.print(f"Picture: {picture}")


def _with_width(mean: float, ends: list[float], digits: int) -> str:
    return f"{mean:.{digits}f} ± {(ends[1] - ends[0]) / 2:.{digits}f}"


def _draw(results: list[EnergyResult], plant: Plant, setting: str, picture: Path) -> None:
    """Energy per bit against load, one line a policy, with its interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(result.policy for result in results):
        points = sorted((r for r in results if r.policy == name), key=lambda r: r.load_erlang)
        loads = [r.load_erlang for r in points]
        bits = [r.energy_per_bit_pj for r in points]
        (line,) = axes.plot(loads, [bit.mean for bit in bits], marker="o", ms=3, label=name)
        axes.fill_between(
            loads, [b.low for b in bits], [b.high for b in bits], color=line.get_color(), alpha=0.2
        )
    axes.set(
        xlabel="offered load (Erlang)",
        ylabel="energy per bit (pJ/bit)",
        title=f"{setting} on {plant.topology.name}, K={plant.spec.k_paths}",
        yscale="log",
    )
    for axis_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis_formatter("{x:,.0f}")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=150)
