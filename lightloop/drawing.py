"""Tables and plots in the terminal for what a training run leaves behind. Not here: following a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

PLOT_WIDTH = 64
PLOT_HEIGHT = 12
NUM_BASELINES = 3
STAGE_MARKS = {"search": "o", "ppo": "*", "choice": "#"}
STAGE_COLOURS = {"search": "cyan", "ppo": "magenta", "choice": "green"}


def training_plot(points: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Blocking over time, stage by stage, with the best baselines as lines.

    Where energy counts, it is the cost: blocking and the weighted power together.
    """
    last = points[-1]
    measure, of_baselines = "blocking", last["baselines"]
    if last.get("cost") is not None:
        measure, of_baselines = "cost", last["baseline_costs"]
    baselines = sorted(of_baselines.items(), key=lambda item: item[1])[:NUM_BASELINES]
    values = [point[measure] for point in points] + [value for _, value in baselines]
    top, end_s = max(values) * 1.1 or 1e-6, max(points[-1]["elapsed_s"], 1e-6)

    def row_of(value: float) -> int:
        return min(PLOT_HEIGHT - 1, int((1 - value / top) * PLOT_HEIGHT))

    cells = [[(" ", "")] * PLOT_WIDTH for _ in range(PLOT_HEIGHT)]
    labels = [""] * PLOT_HEIGHT
    for name, value in reversed(baselines):
        row = row_of(value)
        cells[row] = [("-", "yellow")] * PLOT_WIDTH
        labels[row] = f"{value:.3%} {name}"
    for point in points:
        column = min(PLOT_WIDTH - 1, int(point["elapsed_s"] / end_s * (PLOT_WIDTH - 1)))
        stage = point["stage"]
        cells[row_of(point[measure])][column] = (STAGE_MARKS[stage], STAGE_COLOURS[stage])
    lines = []
    for row, line in enumerate(cells):
        text = Text(f"{top * (1 - row / PLOT_HEIGHT):>8.2%} |", style="dim")
        for mark, colour in line:
            text.append(mark, style=colour)
        text.append(f" {labels[row]}", style="yellow")
        lines.append(text)
    lines.append(Text(f"{'':>8} +{'-' * PLOT_WIDTH}", style="dim"))
    return Group(*lines, training_line(last))


def training_line(point: Mapping[str, Any]) -> Text:
    """One point of the curve in words."""
    if point.get("cost") is not None:
        name, best = min(point["baseline_costs"].items(), key=lambda item: item[1])
        return Text(
            f"{point['elapsed_s']:7.0f} s  {point['stage']:<7}{point['steps']:>12,} requests seen  "
            f"cost {point['cost']:.4f}, blocking {point['blocking']:.3%}  "
            f"(best baseline {name}: cost {best:.4f})"
        )
    name, best = min(point["baselines"].items(), key=lambda item: item[1])
    return Text(
        f"{point['elapsed_s']:7.0f} s  {point['stage']:<7}{point['steps']:>12,} requests seen  "
        f"blocking {point['blocking']:.3%}  (best baseline {name}: {best:.3%})"
    )


def evaluation_table(evaluation: Mapping[str, Any]) -> Table:
    """Everybody's figures on the held-out traces."""
    title = f"{len(evaluation['trace_ids'])} held-out traces, the same for all; requests and bit rate blocked"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))  # 80 columns
    table.add_column("policy", no_wrap=True)
    table.add_column("role", no_wrap=True)
    with_energy = "energy_per_bit_pj" in evaluation["policies"][0]
    for heading in ("blocked", "bit rate", *(("kW", "pJ/bit") if with_energy else ("used", "latency ms"))):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in evaluation["policies"]:
        energy: tuple[str, ...] = ()
        if with_energy:
            low_pj, high_pj = row["energy_per_bit_pj_ci95"]
            energy = (
                f"{row['mean_power_w'] / 1000:.2f}",
                f"{row['energy_per_bit_pj']:,.0f} ± {(high_pj - low_pj) / 2:,.0f}",
            )
        low, high = row["request_blocking_ci95"]
        table.add_row(
            row["policy"],
            row["role"],
            f"{row['request_blocking']:.3%} ± {(high - low) / 2:.3%}",
            f"{row['bit_rate_blocking']:.3%}",
            *(energy or (f"{row['utilisation']:.1%}", f"{row['mean_latency_ms']:.2f}")),
            style="bold" if row["role"] == "challenger" else None,
        )
    return table


def class_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Figures per service class, class by class; "late" counts bounds broken, slack is per cent of the bound.

    Args:
        rows: who was measured, and the row of one class (``ClassFigures.row``).
    """
    table = Table(title="by service class", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("policy", no_wrap=True)
    for heading in ("blocked %", "late", "ms", "95 %", "slack %", "least"):
        table.add_column(heading, justify="right", no_wrap=True)

    def shown(value: float | None, scale: float = 1.0) -> str:
        return "–" if value is None else f"{scale * value:.2f}"

    for name in dict.fromkeys(found["service_class"] for _, found in rows):
        table.add_row(Text(name, style="bold"))
        for who, found in rows:
            if found["service_class"] != name:
                continue
            low, high = found["request_blocking_ci95"]
            half = "" if low is None or high is None else f" ± {50 * (high - low):.2f}"
            is_bounded = found["least_slack"] is not None and found["least_slack"] < 1
            table.add_row(
                f"  {who}",
                shown(found["request_blocking"], 100) + half,
                str(found["violations"]),
                shown(found["mean_latency_ms"]),
                shown(found["p95_latency_ms"]),
                shown(found["mean_slack"], 100) if is_bounded else "–",
                shown(found["least_slack"], 100) if is_bounded else "–",
            )
        table.add_section()
    return table


def gate_table(report: Mapping[str, Any]) -> RenderableType:
    """The rules, whether each is met, and why."""
    table = Table("met", "rule", "why", title="gate", title_justify="left")
    for rule in report["rules"]:
        table.add_row("[green]yes[/]" if rule["passed"] else "[red]no[/]", rule["rule"], rule["why"])
    colour = "green" if report["passed"] else "yellow"
    words = (
        "passed: the challenger becomes champion" if report["passed"] else "not passed: the champion stays"
    )
    return Group(table, Text(words, style=f"bold {colour}"))


def lightpath_table(lightpaths: Sequence[Mapping[str, Any]]) -> Table:
    """Services and what carries them; a refused one with its reason."""
    title = f"{len(lightpaths)} services placed over TAPI (ms: latency of the path; took: ms to set up)"
    table = Table(title=title, title_justify="left", padding=(0, 1), box=box.SIMPLE_HEAD)  # 80 columns
    table.add_column("Gb/s", justify="right")
    shown = {
        "dB": ("gsnr_db", 1),
        "W": ("marginal_w", 0),
    }  # GSNR, power switched on: where a service tells it
    known = {heading: told for heading, told in shown.items() if any(told[0] in item for item in lightpaths)}
    table.add_column("path", overflow="fold", min_width=22 - 7 * len(known))
    for heading in ("slots", "format", "ms", *known, "by", "took"):
        table.add_column(
            heading, justify="left" if heading in ("slots", "format", "by") else "right", no_wrap=True
        )
    for item in lightpaths:
        rate = f"{item['bit_rate_gbps']:g}" if "bit_rate_gbps" in item else "–"
        if "reason" in item:
            words = f"{item['source']} to {item['destination']} refused: {item['reason']}"
            table.add_row(rate, Text(words, style="yellow"))
            continue
        first, num_slots = item["first_slot"], item["num_slots"]
        band = f"{item['band']} " if "gsnr_db" in item and "band" in item else ""  # one band needs no name
        table.add_row(
            rate,
            "-".join(item["path"]),
            f"{band}{first}-{first + num_slots - 1}",
            item["modulation_format"].removeprefix("PM-"),  # as all are; there is no room for it
            f"{item['latency_ms']:.2f}",
            *(f"{item[name]:.{places}f}" if name in item else "" for name, places in known.values()),
            item["decided_by"],
            f"{item['total_ms']:.1f}",
        )
    return table
