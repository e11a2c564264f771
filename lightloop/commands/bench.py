"""``lightloop bench``: the figures of the README, one command each."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, stderr

bench = typer.Typer(
    help="Measure what the README claims; ratios against a baseline in the same run.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
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


@bench.command("reproduce")
def reproduce(
    requests: Annotated[int, typer.Option(min=10_000, help="Counted requests per point.")] = 1_000_000,
    carried: Annotated[bool, typer.Option(help="Also the loads carried at 0.1 % (minutes).")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Published blocking figures and carried loads beside ours."""
    from benchmarks.reproduce import blocking_rows, carried_rows

    def say(text: str) -> None:
        stderr.print(text, style="dim", highlight=False)

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
            columns = ("setting", "best first fit", "ours", "published", "defragmentation", "published bound")
            table = Table(*columns, title="Erlang carried at 0.1 % request blocking")
            for row in loads:
                table.add_row(
                    str(row["setting"]),
                    str(row["best_first_fit"]),
                    f"{row['best_first_fit_erlang']:.1f}",
                    f"{row['published_heuristic_erlang']:g}",
                    f"{row['defragmentation_erlang']:.1f}",
                    f"{row['published_bound_erlang']:g}",
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
