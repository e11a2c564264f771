"""The command ``lightloop trace``: make traffic, follow measured traffic, look at a trace."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.trace import Trace
    from envs.trace_summary import TraceSummary

commands = typer.Typer(
    help="Traces: requests in a parquet file named by the hash of its content.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

BLOCKS = "▁▂▃▄▅▆▇█"

ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", help="Plant and traffic: a scenario's name or a YAML file.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="One setting, section.key=value. May be repeated.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Same seed, same trace.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output-folder", help="Where the file goes. Default: traces of LIGHTLOOP_HOME.", file_okay=False
    ),
]


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.add_typer(commands, name="trace")


@commands.command("make")
def make(
    scenario: ScenarioOption = None,
    requests: Annotated[int | None, typer.Option("--requests", min=1, help="How many requests.")] = None,
    load: Annotated[
        float | None, typer.Option("--load", help="Offered load in Erlang, network-wide.")
    ] = None,
    generator: Annotated[str | None, typer.Option("--generator", help="poisson or diurnal.")] = None,
    pair_weights: Annotated[
        Path | None,
        typer.Option(
            "--pair-weights",
            help="CSV matrix of relative demand, a row and a column for each node. Default: all pairs alike.",
            dir_okay=False,
        ),
    ] = None,
    seed: SeedOption = None,
    settings: SetOption = None,
    output_folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw a trace of synthetic traffic, as a scenario describes it.

    [bold]Examples[/bold]

      lightloop trace make --scenario five-node --requests 10000

      lightloop trace make --load 200 --generator diurnal --seed 7 --json

      lightloop trace make --set plant.topology=cost239 --set traffic.mean_holding_time_s=600

      lightloop trace make --set plant.topology=nsfnet --pair-weights deeprmsa_nsfnet_traffic_matrix.csv
    """
    from configs.build import plant_of, traffic_of
    from configs.load import load_config
    from envs.traffic import make_trace
    from lightloop.pair_weights import read_pair_weights

    overrides = [
        *(settings or ()),
        *([f"traffic.load_erlang={load}"] if load is not None else ()),
        *([f"traffic.generator={generator}"] if generator is not None else ()),
    ]
    config = load_config(scenario, overrides)
    num_requests = config.traffic.requests_per_trace if requests is None else requests
    traffic, plant = traffic_of(config), plant_of(config)
    if pair_weights is not None:
        traffic = dataclasses.replace(traffic, pair_weights=read_pair_weights(pair_weights, plant.num_nodes))
    trace = make_trace(traffic, plant, num_requests, config.traffic.seed if seed is None else seed)
    _store_and_report(trace, output_folder, as_json)


@commands.command("import-sndlib")
def import_sndlib(
    source: Annotated[
        Path, typer.Argument(metavar="FILE.tgz|FOLDER", help="Demand matrices of SNDlib or TOTEM.")
    ],
    topology: Annotated[
        str, typer.Option("--topology", help="The plant: catalogue name or file.")
    ] = "abilene",
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Lightpath Gb/s per measured Gb/s; measured megabits need 1000s."),
    ] = None,
    load: Annotated[
        float | None, typer.Option("--load", help="Or: mean offered load in Erlang; the scale is computed.")
    ] = None,
    mean_holding_s: Annotated[
        float | None,
        typer.Option("--mean-holding-s", help="Mean holding time in s. Default: the scenario's."),
    ] = None,
    bit_rate: Annotated[
        list[float] | None,
        typer.Option("--bit-rate", help="A bit rate in Gb/s, all equally likely. May be repeated."),
    ] = None,
    latency_class: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="A service class NAME:SHARE:MAX_MS (MAX_MS '-': no bound). May be repeated."
        ),
    ] = None,
    node_map: Annotated[
        list[str] | None,
        typer.Option(
            "--node", help="MATRIX_NODE=PLANT_NODE, where neither name nor place tells. May be repeated."
        ),
    ] = None,
    first_day: Annotated[
        int, typer.Option("--first-day", min=1, help="1 is the day of the first matrix.")
    ] = 1,
    days: Annotated[int | None, typer.Option("--days", min=1, help="How many days. Default: all.")] = None,
    max_intervals: Annotated[
        int | None, typer.Option("--max-intervals", min=1, help="Stop after so many.")
    ] = None,
    scenario: ScenarioOption = None,
    settings: SetOption = None,
    seed: SeedOption = None,
    output_folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a trace that follows measured demand matrices (SNDlib or TOTEM, one file per interval).

    Within an interval, requests of a node pair arrive as a Poisson process with rate
    demand x scale / (mean bit rate x mean holding time), so that the pair's lightpaths, were none blocked,
    carry demand x scale on average. Holding times, bit rates and service classes are the scenario's unless
    said here. Nodes are matched by name, else by place.

    [bold]Examples[/bold]

      lightloop trace import-sndlib directed-abilene-zhang-5min.tgz --topology abilene --scale 2000

      lightloop trace import-sndlib matrices/ --topology abilene --load 120 --first-day 3 --days 2

      lightloop trace import-sndlib week.tgz --load 80 --bit-rate 400 --class gold:1:20 --class std:3:-
    """
    from configs.build import plant_of, traffic_of
    from configs.load import load_config
    from envs.sndlib import MatrixTraffic, trace_from_demands
    from envs.sndlib_files import read_demands

    if (scale is None) == (load is None):
        raise Refusal("say either --scale (Gb/s of lightpaths per measured Gb/s) or --load (mean Erlang)")
    config = load_config(scenario, [*(settings or ()), f"plant.topology={topology}"])
    described = traffic_of(config)
    traffic = MatrixTraffic(
        scale=scale,
        load_erlang=load,
        mean_holding_s=described.mean_holding_s if mean_holding_s is None else mean_holding_s,
        truncate_holding=described.truncate_holding,
        bit_rates_gbps=tuple(bit_rate) if bit_rate else described.bit_rates_gbps,
        classes=_latency_classes(latency_class) if latency_class else described.classes,
    )
    nodes = _node_map(node_map or ())
    plant = plant_of(config)
    with _progress("reading demand matrices") as on_progress:
        demands = read_demands(source, on_progress).select(first_day, days, max_intervals)
    trace = trace_from_demands(demands, traffic, plant, config.traffic.seed if seed is None else seed, nodes)
    _store_and_report(
        trace, output_folder, as_json, {"gaps_bridged": demands.num_gaps, "gaps": list(demands.gaps)}
    )


@commands.command("show")
def show(
    file_or_id: Annotated[
        str, typer.Argument(metavar="FILE|ID", help="A trace file, or the id of a stored trace.")
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="How many node pairs to list.")] = 10,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where ids are looked up. Default: traces of LIGHTLOOP_HOME."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at a trace: how many requests, what load, which rates and classes, between whom, when.

    A file that is not a sound trace is refused with row, column and reason.

    [bold]Examples[/bold]

      lightloop trace show 5b789490e786dd71

      lightloop trace show traces/5b789490e786dd71.parquet --json | jq .load_erlang
    """
    from envs.trace import read_trace

    trace = read_trace(file_or_id, folder or _trace_folder())
    _report(trace, {}, as_json, top)


def _trace_folder() -> Path:
    from configs.home import Home

    return Home.from_environment().traces


def _store_and_report(
    trace: Trace, output_folder: Path | None, as_json: bool, extra: dict[str, Any] | None = None
) -> None:
    from envs.trace import write_trace

    file = write_trace(trace, output_folder or _trace_folder())
    _report(trace, {"file": str(file), **(extra or {})}, as_json, 5)


def _report(trace: Trace, extra: dict[str, Any], as_json: bool, top: int) -> None:
    from envs.trace_summary import summarise

    summary = summarise(trace, top)
    document = {
        "trace_id": summary.trace_id,
        **extra,
        **{key: value for key, value in dataclasses.asdict(summary).items() if key != "trace_id"},
    }
    emit(document, as_json, lambda console: _render(console, summary, extra))


def _render(console: Console, summary: TraceSummary, extra: dict[str, Any]) -> None:
    console.print(f"[bold]trace {summary.trace_id}[/bold]", highlight=False)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    rows = {
        "origin": summary.origin,
        "requests": f"{summary.num_requests:,} in {_duration(summary.duration_s)}",
        "offered load": f"{summary.load_erlang:,.1f} Erlang, {summary.load_gbps:,.0f} Gb/s",
        "holding time": f"mean {summary.mean_holding_s:,.1f} s",
        "bit rate": f"mean {summary.mean_bit_rate_gbps:,.1f} Gb/s{_rates(summary)}",
        **{key.replace("_", " "): str(value) for key, value in extra.items()},
    }
    if len(summary.arrivals_per_hour):
        least, most = summary.arrivals_per_hour.min(), summary.arrivals_per_hour.max()
        rows["arrivals"] = f"{sparkline(summary.arrivals_per_hour)}  {least} to {most} per hour"
    if len(summary.arrivals_per_hour) > 48:
        rows["by hour of day"] = (
            f"{sparkline(summary.arrivals_by_hour_of_day)}  from 0 h to 24 h of trace time"
        )
    for key, value in rows.items():
        facts.add_row(key, value)
    console.print(facts, highlight=False, markup=False)
    classes = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("class", "requests", "share", "latency bound"):
        classes.add_column(heading, justify="left" if heading == "class" else "right")
    for item in summary.classes:
        low_ms, high_ms = item.least_max_latency_ms, item.greatest_max_latency_ms
        bound = f"{low_ms:.1f} ms" if low_ms == high_ms else f"{low_ms:.1f} to {high_ms:.1f} ms"
        classes.add_row(
            item.name, f"{item.requests:,}", f"{item.share:.1%}", "none" if math.isinf(low_ms) else bound
        )
    console.print()
    console.print(classes, highlight=False)
    pairs = Table(box=None, pad_edge=False, header_style="bold")
    pairs.add_column("busiest pairs")
    pairs.add_column("requests", justify="right")
    pairs.add_column("share of load", justify="right")
    for pair in summary.top_pairs:
        pairs.add_row(
            f"{pair.source} → {pair.destination}", f"{pair.requests:,}", f"{pair.share_of_load:.1%}"
        )
    console.print()
    console.print(pairs, highlight=False)


def sparkline(values: Any, width: int = 48) -> str:
    """A row of bars from 0 to the greatest value; values are averaged where there are more than ``width``.

    >>> sparkline([0, 1, 2, 4])
    '▁▃▅█'
    """
    import numpy as np

    array = np.asarray(values, np.float64)
    if len(array) > width:
        edges = np.linspace(0, len(array), width + 1).astype(int)
        array = np.array([array[low:high].mean() for low, high in pairwise(edges)])
    array = np.nan_to_num(array)
    top = array.max(initial=0.0) or 1.0
    return "".join(BLOCKS[round(value / top * (len(BLOCKS) - 1))] for value in array)


def _rates(summary: TraceSummary) -> str:
    if not summary.requests_by_rate:
        return ""
    shares = (
        f"{rate:g}: {count / summary.num_requests:.0%}" for rate, count in summary.requests_by_rate.items()
    )
    return f" ({', '.join(shares)})" if len(summary.requests_by_rate) <= 8 else ""


def _duration(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:,.1f} days"
    return f"{seconds / 3600:,.1f} h" if seconds >= 7200 else f"{seconds:,.0f} s"


def _latency_classes(texts: Sequence[str]) -> tuple[Any, ...]:
    from envs.traffic import LatencyClass

    classes = []
    for text in texts:
        try:
            name, share, bound = text.split(":")
            item = LatencyClass(name, float(share), math.inf if bound == "-" else float(bound))
        except ValueError:
            raise Refusal(
                f"--class {text!r}: NAME:SHARE:MAX_MS is needed, e.g. gold:0.2:15 or std:0.8:-"
            ) from None
        if not (item.share > 0 and item.max_latency_ms > 0 and name):
            raise Refusal(f"--class {text!r}: a name, a share above 0 and a bound above 0 (or -) are needed")
        classes.append(item)
    return tuple(classes)


def _node_map(texts: Sequence[str]) -> dict[str, str]:
    nodes = {}
    for text in texts:
        matrix_node, equals, plant_node = text.partition("=")
        if not (matrix_node and equals and plant_node):
            raise Refusal(f"--node {text!r}: MATRIX_NODE=PLANT_NODE is needed, e.g. ATLAng=Atlanta")
        nodes[matrix_node] = plant_node
    return nodes


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    """A progress bar on stderr; yields a function that takes the share done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)
