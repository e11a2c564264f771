"""``lightloop bench``: the figures of the README, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.commands.bench_adapt import adapt
from lightloop.commands.bench_bounds import bounds
from lightloop.commands.bench_channels import channels
from lightloop.commands.bench_compare import compare
from lightloop.commands.bench_console import console
from lightloop.commands.bench_controlplane import controlplane
from lightloop.commands.bench_departures import departures
from lightloop.commands.bench_drift import drift
from lightloop.commands.bench_forecast import forecast
from lightloop.commands.bench_gate import gate
from lightloop.commands.bench_latency import latency
from lightloop.commands.bench_lines import lines
from lightloop.commands.bench_policy import policy
from lightloop.commands.bench_soak import soak
from lightloop.commands.bench_switch import switch
from lightloop.commands.bench_use_cases import energy, qot
from lightloop.output import JsonFlag, Refusal, emit, say, stderr

bench = typer.Typer(
    help="Measure what the README claims; ratios against a baseline in the same run.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    bench.command("adapt")(adapt)
    bench.command("bounds")(bounds)
    bench.command("channels")(channels)
    bench.command("console")(console)
    bench.command("controlplane")(controlplane)
    bench.command("compare")(compare)
    bench.command("forecast")(forecast)
    bench.command("latency")(latency)
    bench.command("lines")(lines)
    bench.command("policy")(policy)
    bench.command("departures")(departures)
    bench.command("drift")(drift)
    bench.command("gate")(gate)
    bench.command("soak")(soak)
    bench.command("switch")(switch)
    bench.command("energy")(energy)
    bench.command("qot")(qot)
    app.add_typer(bench, name="bench")


@bench.command("twin")
def twin(as_json: JsonFlag = False) -> None:
    """Speed of the twin on NSFNET, 100 slots per directed link, 250 Erlang (about two minutes)."""
    from benchmarks.twin import figures

    measured = figures(lambda name: stderr.print(f"measuring {name} ..."))
    naive_per_s = measured["naive_ksp_ff_k5_per_s"]
    ratios = {name: value / naive_per_s for name, value in measured.items() if name.endswith("_per_s")}

    def render(console: Console) -> None:
        table = Table("work", "figure", "times the naive twin")
        for name, value in measured.items():
            ratio = f"{ratios[name]:,.0f}" if name in ratios else ""
            table.add_row(name, f"{value:,.1f}" if value < 100 else f"{value:,.0f}", ratio)
        console.print(table)

    emit({"figures": measured, "ratio_to_naive": ratios}, as_json, render)


@bench.command("training")
def training(as_json: JsonFlag = False) -> None:
    """PPO steps a second with RLlib, beside the same loop in plain torch (about two minutes)."""
    from benchmarks.training import figures

    measured = figures()

    def render(console: Console) -> None:
        table = Table("figure", "steps/s")
        for name, value in measured.items():
            table.add_row(name, f"{value:,.0f}")
        console.print(table)

    emit({"figures": measured}, as_json, render)


@bench.command("ablation")
def ablation(
    updates: Annotated[
        int, typer.Option(min=1, help="PPO updates of each training, 8,192 steps each.")
    ] = 150,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of every kind.")] = 2,
    as_json: JsonFlag = False,
) -> None:
    """What each means against variance is worth to PPO (about a minute for every training)."""
    from benchmarks.ablation import figures

    rows = figures(updates, seeds, say)

    def render(console: Console) -> None:
        table = Table("training", "blocked %", "by seed")
        for row in rows:
            by_seed = ", ".join(f"{100 * value:.2f}" for value in row.get("by_seed", ()))
            table.add_row(row["arm"], f"{100 * row['request_blocking']:.2f}", by_seed)
        console.print(table)

    emit({"updates": updates, "trainings": rows}, as_json, render)


@bench.command("zero-shot")
def zero_shot(
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; the generalist that ships if empty.")
    ] = None,
    topology: Annotated[
        list[Path], typer.Option(help="A network file that an importer reads; repeat for several.")
    ] = [],  # noqa: B006
    demands: Annotated[
        Path | None, typer.Option(help="Measured demands of Abilene, SNDlib XML or archive.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=10_000, help="Counted requests per policy and case.")
    ] = 200_000,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """An agent on networks, failures and traffic it has never seen, beside first fit and MSCL."""
    from agents.artefact import GENERALIST_FOLDER, load_policy, read_manifest
    from benchmarks.zero_shot import figures

    if agent is not None and (version := read_manifest(agent).forecast):
        raise Refusal(
            f"--agent {agent} decides with forecast {version}, and a forecast is of one network: "
            "give a policy without one"
        )

    rows: Any = figures(load_policy(agent or GENERALIST_FOLDER), topology, demands, requests, say, processes)

    def render(console: Console) -> None:
        table = Table("case", "Erlang", "agent %", "best KSP-FF %", "best MSCL %", "gain over KSP-FF, points")
        for row in rows:
            low, high = row["gain_over_ksp_ff_ci95"]
            shown = [
                f"{100 * row[who]['request_blocking']:.3f}" for who in ("agent", "best_ksp_ff", "best_mscl")
            ]
            table.add_row(
                row["case"], f"{row['load_erlang']:.0f}", *shown, f"{100 * low:+.3f} .. {100 * high:+.3f}"
            )
        console.print(table)

    emit({"cases": rows}, as_json, render)


@bench.command("scaling")
def scaling(
    topology: Annotated[str, typer.Option(help="A large network: a catalogue name or a file.")] = "jpn48",
    picture: Annotated[Path | None, typer.Option(help="Draw the curves into this .png or .svg.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Cost of a request against K, slots of the band and load."""
    from benchmarks.scaling import curves

    measured = curves(topology, lambda text: stderr.print(text, style="dim"))
    if picture is not None:
        _draw_scaling(measured, topology, picture)

    def render(console: Console) -> None:
        for quantity, points in measured.items():
            table = Table(quantity, "us a request", "mean hops", "blocked %")
            for point in points:
                table.add_row(
                    f"{point[quantity]:g}",
                    f"{point['us_per_request']:.3f}",
                    f"{point['mean_hops']:.2f}",
                    f"{100 * point['request_blocking']:.2f}",
                )
            console.print(table)

    emit({"topology": topology, "curves": measured}, as_json, render)


def _draw_scaling(measured: dict[str, list[dict[str, float]]], topology: str, picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (quantity, points) in zip(figure.subplots(1, 3, sharey=True), measured.items(), strict=True):
        axes.plot([p[quantity] for p in points], [p["us_per_request"] for p in points], marker="o", ms=4)
        axes.set(xlabel=quantity.replace("_", " "))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylim(bottom=0)
    figure.suptitle(f"KSP-FF on {Path(topology).stem}: microseconds a request (K=5, 320 slots, 500 Erlang)")
    figure.savefig(picture, dpi=130)


@bench.command("path-tables")
def path_tables(
    setting: Annotated[str, typer.Option(help="A published setting.")] = "deeprmsa-nsfnet",
    k: Annotated[list[int], typer.Option("--k", min=1, help="K to try; repeat.")] = [5, 50],  # noqa: B006
    requests: Annotated[int, typer.Option(min=10_000, help="Counted requests per table.")] = 1_000_000,
    as_json: JsonFlag = False,
) -> None:
    """Rank path tables by the blocking of KSP-FF on a setting."""
    from benchmarks.path_tables import ranking

    rows = ranking(setting, tuple(k), requests, lambda text: stderr.print(text, style="dim", highlight=False))

    def render(console: Console) -> None:
        table = Table("K", "order", "ties", "blocked %", "path table", title=setting)
        for row in rows:
            percent = f"{100 * row['request_blocking']:.3f}"  # type: ignore[operator]
            rule = [str(row[key]) for key in ("k_paths", "path_order", "path_ties")]
            table.add_row(*rule, percent, str(row["path_table_hash"]))
        console.print(table)

    emit({"setting": setting, "path_tables": rows}, as_json, render)


@bench.command("reproduce")
def reproduce(
    requests: Annotated[int, typer.Option(min=10_000, help="Counted requests per point.")] = 1_000_000,
    carried: Annotated[bool, typer.Option(help="Also the loads carried at 0.1 % (minutes).")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Published blocking figures and carried loads beside ours."""
    from benchmarks.reproduce import blocking_rows, carried_rows

    blocking = blocking_rows(requests, say)
    loads = carried_rows(requests, say) if carried else []

    def render(console: Console) -> None:
        table = Table("setting", "policy", "Erlang", "published %", "measured %", title="Request blocking")
        for row in blocking:
            holding = "" if row["truncated_holding"] else ", not truncated"
            low, high = row["ci95"]  # type: ignore[misc]
            table.add_row(
                f"{row['setting']}{holding}",
                f"{row['policy']} K={row['k_paths']} {row['path_order']}",
                f"{row['load_erlang']:g}",
                f"{100 * row['published']:.3f}",  # type: ignore[operator]
                f"{100 * row['measured']:.3f} ± {50 * (high - low):.3f}",  # type: ignore[operator,has-type]
            )
        console.print(table)
        if loads:
            columns = ("setting", "best first fit", "ours", "published", "re-placing", "published re-placing")
            table = Table(*columns, title="Erlang carried at 0.1 % request blocking")
            for row in loads:
                table.add_row(
                    str(row["setting"]),
                    str(row["best_first_fit"]),
                    f"{row['best_first_fit_erlang']:.1f}",
                    f"{row['published_heuristic_erlang']:g}",
                    f"{row['replacing_erlang']:.1f}",
                    f"{row['published_replacing_erlang']:g}",
                )
            console.print(table)

    emit({"blocking": blocking, "carried_at_0.1pct": loads}, as_json, render)


@bench.command("settings")
def settings(as_json: JsonFlag = False) -> None:
    """The published benchmark settings that `lightloop simulate --setting` knows."""
    from envs.settings import SETTINGS

    document = {
        name: {
            "topology": item.topology,
            "num_slots": item.plant.num_slots,
            "guard_slots": item.plant.guard_slots,
            "shared_spectrum": item.plant.shared_spectrum,
            "load_erlang": item.traffic.load_erlang,
            "truncated_holding": item.traffic.truncate_holding,
            "bit_rates_gbps": [min(item.traffic.bit_rates_gbps), max(item.traffic.bit_rates_gbps)],
            "source": item.source,
        }
        for name, item in SETTINGS.items()
    }

    def render(console: Console) -> None:
        table = Table("setting", "network", "slots", "guard", "spectrum", "Gb/s", "Erlang", "truncated")
        for name, item in SETTINGS.items():
            rates = item.traffic.bit_rates_gbps
            table.add_row(
                name,
                item.topology,
                str(item.plant.num_slots),
                str(item.plant.guard_slots),
                "shared" if item.plant.shared_spectrum else "directed",
                f"{min(rates):g}-{max(rates):g}",
                f"{item.traffic.load_erlang:g}",
                "yes" if item.traffic.truncate_holding else "no",
            )
        console.print(table)

    emit({"settings": document}, as_json, render)
