"""``lightloop gsnr simulate``: requests served on a network with quality of transmission in the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.line_options import (
    Bands,
    BaudGbd,
    Channels,
    Parameters,
    PowerDbm,
    RoadmLossDb,
    SpacingGhz,
    TransceiverSnrDb,
    powers,
)
from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.gsnr.metrics import QotMetrics

BOTH = ["band_by_band", "max_margin"]


def simulate_command(
    topology: Annotated[str, typer.Option(help="A catalogue name or a file.")] = "nsfnet",
    bands: Bands = "C,L,S",
    load: Annotated[float, typer.Option(help="Offered load in Erlang.")] = 600.0,
    policy: Annotated[list[str], typer.Option(help="band_by_band or max_margin; repeat for several.")] = BOTH,
    requests: Annotated[int, typer.Option(min=100, help="Counted requests of each run.")] = 20_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests not counted at the start of each run.")] = 5000,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same figures.")] = 1,
    k: Annotated[int, typer.Option("--k", min=1, help="Candidate paths per node pair.")] = 5,
    bit_rates_gbps: Annotated[str, typer.Option(help="Equally likely, by commas.")] = "100,200,300,400",
    margin_db: Annotated[float, typer.Option(help="GSNR above the threshold that is kept.")] = 1.0,
    max_starts: Annotated[int, typer.Option(help="Dark blocks tried per band, path and width.")] = 1,
    power_dbm: PowerDbm = "0",
    channels: Channels = 96,
    spacing_ghz: SpacingGhz = 50.0,
    baud_gbd: BaudGbd = 32.0,
    transceiver_snr_db: TransceiverSnrDb = None,
    roadm_loss_db: RoadmLossDb = None,
    parameters: Parameters = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve requests on a network with GSNR in the loop; figures with 95 % intervals.

    Every policy meets the same requests. A lightpath is set up only if its carriers meet their format's
    threshold with margin and no lit carrier falls below its own.

    Examples:
      lightloop gsnr simulate --topology nsfnet --bands C,L,S --load 1150

      lightloop gsnr simulate --load 900 --policy max_margin --power-dbm L=-3.8,C=-2.5,S=-0.4 --json
    """
    from dataclasses import asdict

    import numpy as np

    from envs.gsnr.bands import make_comb
    from envs.gsnr.formats import load_formats
    from envs.gsnr.line import load_line_parameters
    from envs.gsnr.link_tables import build_link_tables
    from envs.gsnr.metrics import measure
    from envs.gsnr.serve import QotService, make_demands
    from topologies.catalogue import load_topology
    from topologies.paths import PathRule, build_path_table

    given = load_line_parameters(parameters)
    chosen = [given.band(name) for name in bands.split(",")]
    comb = make_comb(chosen, channels, spacing_ghz, baud_gbd, powers(power_dbm))
    rates = _rates(bit_rates_gbps)
    network = load_topology(topology)
    paths = build_path_table(network, PathRule(k=k))
    tables = build_link_tables(
        network, given, comb, transceiver_snr_db=transceiver_snr_db, roadm_loss_db=roadm_loss_db
    )
    services = [
        QotService(tables, paths, load_formats(), rates, margin_db, max_starts, policy=name)
        for name in policy
    ]
    seeds = np.random.SeedSequence(seed).generate_state(runs)
    total = warmup + requests
    traffic = [make_demands(network.num_nodes, len(rates), total, load, int(one)) for one in seeds]
    measured: list[list[QotMetrics]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        for service in services:
            task = progress.add_task(service.policy, total=runs * total)
            measured.append([])
            for demands in traffic:
                for start in range(0, total, 1000):
                    decisions = service.serve(demands, start, min(start + 1000, total))
                    progress.update(task, advance=min(1000, total - start))
                measured[-1].append(measure(service, demands, decisions, warmup))
    document = {
        "topology": network.name,
        "path_table_hash": paths.content_hash,
        "bands": list(comb.band_names),
        "channels_per_band": channels,
        "load_erlang": load,
        "runs": runs,
        "requests_per_run": requests,
        "margin_db": margin_db,
        "policies": [
            {"policy": name} | _with_intervals([asdict(run) for run in rows])
            for name, rows in zip(policy, measured, strict=True)
        ],
    }
    emit(document, as_json, lambda console: _print_simulation(console, document))


def _rates(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Refusal(f"--bit-rates-gbps is {text!r}; give numbers separated by commas") from None


def _with_intervals(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means by name, and beside each its 95 % interval; figures by band or quantile stay grouped."""
    from envs.evaluation import interval

    figures: dict[str, Any] = {}
    for name, first in runs[0].items():
        grouped = (
            {str(key): [run[name][key] for run in runs] for key in first} if isinstance(first, dict) else {}
        )
        if grouped:
            found = {key: interval(values) for key, values in grouped.items()}
            figures[name] = {key: one.mean for key, one in found.items()}
            figures[f"{name}_ci95"] = {key: [one.low, one.high] for key, one in found.items()}
        elif name != "requests":
            one = interval([run[name] for run in runs])
            figures[name] = one.mean
            figures[f"{name}_ci95"] = [one.low, one.high]
    return figures


def _print_simulation(console: Console, document: dict[str, Any]) -> None:
    console.print(
        f"[bold]{document['topology']}[/], bands {', '.join(document['bands'])} of "
        f"{document['channels_per_band']} channels, {document['load_erlang']:g} Erlang, "
        f"{document['runs']} runs of {document['requests_per_run']} requests, "
        f"path table {document['path_table_hash']}"
    )
    rows = document["policies"]
    table = Table("", *(row["policy"] for row in rows))

    def line(label: str, name: str, key: str | None, scale: float, digits: int) -> None:
        cells = []
        for row in rows:
            mean, bounds = row[name], row[f"{name}_ci95"]
            if key is not None:
                mean, bounds = mean[key], bounds[key]
            half = scale * (bounds[1] - bounds[0]) / 2
            cells.append(f"{scale * mean:.{digits}f} ± {half:.{digits}f}")
        table.add_row(label, *cells)

    line("requests blocked %", "request_blocking", None, 100, 2)
    line("bit rate blocked %", "bit_rate_blocking", None, 100, 2)
    line("throughput Tb/s", "throughput_gbps", None, 1e-3, 1)
    line("channels a lightpath", "mean_channels", None, 1, 2)
    for key in rows[0]["margin_db"]:
        label = "least margin dB" if key == "0.0" else f"margin dB, {100 * float(key):g} % are below"
        line(label, "margin_db", key, 1, 2)
    for band in document["bands"]:
        line(f"lightpaths in {band} %", "lightpath_share", band, 100, 1)
    for band in document["bands"]:
        line(f"spectrum used in {band} %", "spectrum_used", band, 100, 1)
    console.print(table)
