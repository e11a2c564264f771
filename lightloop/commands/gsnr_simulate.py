"""``lightloop gsnr simulate``: requests served on a network with quality of transmission in the loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.given import is_given, overrides_of
from lightloop.line_options import Bands, Channels, PowerDbm, RoadmLossDb, TransceiverSnrDb, powers
from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.plant import Plant
    from envs.policy import ScoringPolicy
    from envs.traffic import PoissonTraffic

APART = ("seconds", "load_erlang")  # of a row: not a figure of the policy, or told once for all
DEFAULT_POLICIES = ["band_by_band", "max_margin", "qot_mscl"]


def simulate_command(
    scenario: Annotated[
        str,
        typer.Option(help="Plant and traffic of a scenario; options that are given win over it."),
    ] = "",
    topology: Annotated[str, typer.Option(help="A catalogue name or a file.")] = "nsfnet",
    bands: Bands = "C,L,S",
    load: Annotated[
        list[float],
        typer.Option(help="Offered load in Erlang; repeat for a curve. Default: 1150, or the scenario's."),
    ] = [],  # noqa: B006
    policy: Annotated[
        list[str], typer.Option(help="A baseline of `lightloop simulate`; repeat for several.")
    ] = DEFAULT_POLICIES,
    agent: Annotated[list[Path], typer.Option(help="Folder of a trained policy; repeat for several.")] = [],  # noqa: B006
    requests: Annotated[int, typer.Option(min=100, help="Counted requests of each run.")] = 20_000,
    warmup: Annotated[int, typer.Option(min=0, help="Not counted at the start of each run.")] = 10_000,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same figures.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the runs.")] = 1,
    k: Annotated[int, typer.Option("--k", min=1, help="Candidate paths per node pair.")] = 3,
    formats: Annotated[int, typer.Option(min=1, help="Formats listed per path and band.")] = 2,
    starts: Annotated[int, typer.Option(min=1, help="Blocks listed per path, band and format.")] = 1,
    shared_spectrum: Annotated[
        bool, typer.Option("--shared-spectrum", help="Both directions of a fibre pair share one spectrum.")
    ] = False,
    bit_rates_gbps: Annotated[str, typer.Option(help="Equally likely, by commas.")] = "100,200,300,400",
    margin_db: Annotated[float, typer.Option(help="GSNR above the threshold that is kept.")] = 1.0,
    power_dbm: PowerDbm = "L=-3.8,C=-2.5,S=-0.4",
    channels: Channels = 96,
    transceiver_snr_db: TransceiverSnrDb = None,
    roadm_loss_db: RoadmLossDb = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw blocking, margins and bands over the loads into this .png or .svg."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve requests on a network with GSNR in the loop; figures with 95 % intervals.

    Every policy meets the same requests. A lightpath is set up only if its carriers meet their format's
    threshold with margin and no lit carrier falls below its own. Channels are 50 GHz at 32 GBd.

    Examples:
      lightloop gsnr simulate --topology nsfnet --bands C,L,S --load 1150

      lightloop gsnr simulate --load 900 --policy max_margin --power-dbm L=-3.8,C=-2.5,S=-0.4 --json

      lightloop gsnr simulate --scenario qot-rmbsa --agent results/qot/policy --load 500 --load 600 \
        --picture qot.png
    """
    from dataclasses import replace

    from envs.plant import PlantSpec, build_plant
    from envs.qot_rmbsa import DEFAULT_TRAFFIC
    from envs.simulation import simulate
    from topologies.catalogue import load_topology

    if scenario:
        names = tuple(bands.split(","))
        given = {
            "topology": ("plant.topology", topology),
            "bands": ("plant.bands", list(names)),
            "k": ("plant.k_paths", k),
            "formats": ("plant.formats_per_path", formats),
            "starts": ("plant.starts_per_path", starts),
            "shared_spectrum": ("plant.shared_spectrum", shared_spectrum),
            "bit_rates_gbps": ("traffic.bit_rates_gbps", list(_rates(bit_rates_gbps))),
            "margin_db": ("plant.margin_db", margin_db),
            "channels": ("plant.channels_per_band", channels),
            "transceiver_snr_db": ("plant.transceiver_snr_db", transceiver_snr_db),
            "roadm_loss_db": ("plant.roadm_loss_db", roadm_loss_db),
        }
        overrides = overrides_of(given)
        if is_given("power_dbm") or is_given("bands"):
            overrides.append(f"plant.launch_dbm={list(_launch_dbm(names, power_dbm))}")
        plant, traffic = _scenario(scenario, overrides)
    else:
        names = tuple(bands.split(","))
        spec = PlantSpec(
            bands=names,
            channels_per_band=channels,
            launch_dbm=_launch_dbm(names, power_dbm),
            margin_db=margin_db,
            transceiver_snr_db=transceiver_snr_db,
            roadm_loss_db=roadm_loss_db,
            k_paths=k,
            formats_per_path=formats,
            starts_per_path=starts,
            max_candidates=len(names) * k * formats * starts,
            shared_spectrum=shared_spectrum,
        )
        plant = build_plant(load_topology(topology), spec)
        traffic = replace(DEFAULT_TRAFFIC, bit_rates_gbps=_rates(bit_rates_gbps))
    loads = load or [traffic.load_erlang]
    points: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        for load_erlang in loads:
            rows = []
            for chosen in _policies(policy, agent):
                task = progress.add_task(f"{chosen.name} at {load_erlang:g} Erlang", total=runs)
                result = simulate(
                    plant,
                    replace(traffic, load_erlang=load_erlang),
                    chosen,
                    requests * runs,
                    seed,
                    runs,
                    warmup,
                    processes,
                    on_progress=lambda done, _, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                )
                rows.append({key: value for key, value in result.row().items() if key not in APART})
            points.append({"load_erlang": load_erlang, "policies": rows})
    document = {
        "topology": plant.topology.name,
        "path_table_hash": plant.path_table.content_hash,
        "bands": [band.name for band in plant.bands],
        "channels_per_band": plant.spec.channels_per_band,
        "launch_dbm": list(plant.spec.launch_dbm),
        "runs": runs,
        "requests_per_run": requests,
        "warmup_requests": warmup,
        "margin_db": plant.spec.margin_db,
        **points[0],
        **({"points": points} if len(points) > 1 else {}),
    }
    if picture is not None:
        from lightloop.qot_drawing import draw_simulation

        draw_simulation(points, document["bands"], picture)

    def render(console: Console) -> None:
        for point in points:
            _print_simulation(console, document | point)

    emit(document, as_json, render)


def _scenario(name: str, overrides: list[str]) -> tuple[Plant, PoissonTraffic]:
    """Plant and traffic of a scenario with what was given on top of it."""
    from configs.build import plant_of, traffic_of
    from configs.load import load_config

    config = load_config(name, overrides)
    if not config.plant.bands:
        raise Refusal(f"scenario {name!r} names no bands; use lightloop simulate --scenario {name}")
    return plant_of(config), traffic_of(config)


def _policies(names: list[str], folders: list[Path]) -> list[ScoringPolicy]:
    from envs.heuristics import baseline

    found = [baseline(name) for name in names]
    if folders:
        from agents.artefact import load_policy

        found += [load_policy(folder) for folder in folders]
    return found


def _launch_dbm(names: tuple[str, ...], text: str) -> tuple[float, ...]:
    given = powers(text)
    if isinstance(given, float):
        return (given,) * len(names)
    missing = [name for name in names if name not in given]
    if missing:
        raise Refusal(f"--power-dbm is {text!r}: no launch power for band {', '.join(missing)}")
    return tuple(given[name] for name in names)


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise Refusal(f"--bit-rates-gbps is {text!r}; give numbers separated by commas") from None


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
