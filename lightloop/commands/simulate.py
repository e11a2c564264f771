"""``lightloop simulate``: figures of policies under described traffic, with intervals, of every use case."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from configs.load import override
from lightloop.figures import figure_tables
from lightloop.output import JsonFlag, Refusal, emit, stderr
from lightloop.simulated import (
    SHORT_FORMS,
    ScenarioOption,
    SettingOption,
    check_picture,
    plant_for,
    policy_given,
    situation,
)

if TYPE_CHECKING:
    from envs.failures import FibreCut
    from envs.plant import Plant
    from envs.simulation import SimulationResult
    from envs.traffic import PoissonTraffic
    from topologies.model import Topology

# Counted requests of a point and warm-up of a run, where slots alone decide; where transmission does, which
# is slower, and a network takes longer to settle.
BY_SLOTS, BY_QOT = (1_000_000, 3000), (100_000, 10_000)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("simulate")(simulate_command)


def simulate_command(
    setting: SettingOption = "deeprmsa-nsfnet",
    scenario: ScenarioOption = "",
    settings: Annotated[
        list[str],
        typer.Option("--set", help="Override of plant or traffic, e.g. plant.path_order=km; repeat."),
    ] = [],  # noqa: B006
    policy: Annotated[
        list[str], typer.Option(help="A policy's name, or the folder of a trained one; repeat.")
    ] = ["ksp_ff"],  # noqa: B006
    topology: Annotated[str | None, typer.Option(help="plant.topology: a catalogue name or a file.")] = None,
    k: Annotated[
        int | None, typer.Option("--k", min=1, help="plant.k_paths: candidate paths per node pair.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, help="plant.num_slots: slots per spectrum unit.")
    ] = None,
    power: Annotated[
        str | None,
        typer.Option(
            help="plant.power_model: default, subcarriers, pluggables, or a file like envs/data/power.json."
        ),
    ] = None,
    load: Annotated[list[float], typer.Option(help="Offered load in Erlang; repeat for a curve.")] = [],  # noqa: B006
    requests: Annotated[
        int | None,
        typer.Option(min=100, help="Counted requests per point. Default: 1,000,000; with GSNR 100,000."),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(min=0, help="Not counted at the start of each run. Default: 3,000; with GSNR 10,000."),
    ] = None,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs; the interval comes from them.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same figures.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the runs.")] = 1,
    cut: Annotated[
        list[str],
        typer.Option(help="A-B:FROM:TO: that fibre is down between two requests of every run; repeat."),
    ] = [],  # noqa: B006
    bounds: Annotated[
        bool,
        typer.Option(
            "--bounds", help="Also the cut-set bound and, where slots alone decide, the re-placing estimate."
        ),
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the figures against load into this .png or .svg.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Simulate policies on a network and print their figures with 95 % intervals.

    The plant decides which figures there are: blocking, spectrum and latency always; throughput, margins and
    bands where quality of transmission decides (plant.bands, --scenario qot-rmbsa); watts, energy per bit and
    sleeping links where there is a power model (--power, --scenario energy-rmsa). Every policy meets the same
    requests; "vs first" is the energy per bit against the first policy's, run by run.

    Policies: ksp_ff, ff_ksp, ksp_bf, ksp_lf, least_fragmentation, load_aware, random, ksp_mscl, mscl_ksp; for
    bands band_by_band, fewest_channels, max_margin, most_reserve, qot_mscl; for power most_used and
    least_marginal_power; and defragmentation, which may move lightpaths: an estimate of what is possible, no
    bound. The cut-set bound is a closed formula; `lightloop bench bounds` proves a tighter one.

    Examples:
      lightloop simulate --policy ksp_ff --policy ff_ksp --load 190 --load 250 --picture blocking.png

      lightloop simulate --scenario latency-rsa --policy mscl_ksp --requests 100000

      lightloop simulate --policy mscl_ksp --k 10 --set plant.path_ties=reverse --requests 100000 --bounds

      lightloop simulate --scenario qot-rmbsa --policy max_margin --policy results/qot/policy --load 500

      lightloop simulate --power default --policy ksp_ff --policy least_marginal_power --load 60 --load 120
    """
    from envs.cutset import cut_set_bound
    from envs.simulation import DEFRAGMENTATION, policy_named, refuse_unfit, simulate

    check_picture(picture)
    policies = [(text, policy_given(text)) for text in policy]
    short = {
        "plant.topology": topology,
        "plant.k_paths": k,
        "plant.num_slots": slots,
        "plant.power_model": power,
    }
    given = {key: value for key, value in short.items() if value is not None}
    for text in settings:
        if (key := text.partition("=")[0].strip()) in given or (load and key == "traffic.load_erlang"):
            raise Refusal(f"{SHORT_FORMS[key]} and --set {key} exclude each other: give one of the two")
    overrides = [override(key, value) for key, value in given.items()] + settings
    plant, traffic = situation(setting, scenario, overrides)
    offered = [replace(traffic, load_erlang=erlang) for erlang in dict.fromkeys(load)] or [traffic]
    default_requests, default_warmup = BY_QOT if plant.thresholds_db else BY_SLOTS
    requests = default_requests if requests is None else requests
    warmup = default_warmup if warmup is None else warmup
    cuts = tuple(_cut(text, plant.topology, requests // runs + warmup) for text in cut)
    chosen = [(one, plant_for(text, plant)) for text, one in policies]
    # Moving lightpaths says nothing where their noise decides: the cut-set bound stands alone there.
    chosen += [(policy_named(DEFRAGMENTATION), plant)] if bounds and not plant.thresholds_db else []
    for one, _ in chosen:
        refuse_unfit(plant, one, cuts)
    points: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        for asked in offered:
            first: SimulationResult | None = None
            for one, seen in chosen:
                task = progress.add_task(f"{one.name} at {asked.load_erlang:g} Erlang", total=runs)
                result = simulate(
                    seen,
                    asked,
                    one,
                    requests,
                    seed,
                    runs,
                    warmup,
                    processes,
                    cuts,
                    lambda done, _, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                )
                first = first or result
                points.append(result.row(first))
    document = {
        "setting": scenario or setting,
        "topology": plant.topology.name,
        "path_table_hash": plant.path_table.content_hash,
        "definition": _definition(plant, traffic, warmup, runs, seed),
        **points[0],
        "points": points,
    }
    if bounds:
        document["cut_set_bound"] = [
            {
                "load_erlang": asked.load_erlang,
                "request_blocking": found.request_blocking,
                "sites": found.sites,
            }
            for asked, found in ((asked, cut_set_bound(plant, asked)) for asked in offered)
        ]
    if picture is not None:
        from lightloop.simulation_picture import draw_simulation

        title = f"{document['setting']} on {plant.topology.name}, K={plant.spec.k_paths}"
        draw_simulation(points, document.get("cut_set_bound", ()), title, picture)
    emit(document, as_json, lambda console: _print(console, document, picture))


def _cut(text: str, topology: Topology, run_requests: int) -> FibreCut:
    """``WA-IL:20000:60000`` as a fibre that is down between two requests."""
    from envs.failures import FibreCut

    nodes, _, moments = text.partition(":")
    node_a, _, node_b = nodes.partition("-")
    try:
        from_request, to_request = (int(moment) for moment in moments.split(":"))
    except ValueError:
        raise Refusal(f"--cut is {text!r}; write A-B:FROM:TO, e.g. WA-IL:20000:60000") from None
    if from_request >= run_requests:
        raise Refusal(f"--cut is {text!r}, but a run has {run_requests} requests, warm-up included")
    return FibreCut(topology.link_index(node_a, node_b) // 2, from_request, to_request)


def _definition(plant: Plant, traffic: PoissonTraffic, warmup: int, runs: int, seed: int) -> dict[str, Any]:
    """All that the figures depend on."""
    spec = plant.spec
    bands = {
        "bands": [band.name for band in plant.bands],
        "channels_per_band": spec.channels_per_band,
        "launch_dbm": list(spec.launch_dbm),
        "margin_db": spec.margin_db,
        **({"transceivers": [asdict(item) for item in spec.transceivers]} if spec.transceivers else {}),
    }
    return {
        "spectrum": "shared by both directions" if spec.shared_spectrum else "directed",
        "num_fibre_pairs": len(plant.topology.fibres),
        "num_slots": spec.num_slots,
        "guard_slots": spec.guard_slots,
        "reach_km": {item.name: item.reach_km for item in plant.formats},
        "k_paths": spec.k_paths,
        "path_order": spec.path_order,
        "path_ties": spec.path_ties,
        **(bands if spec.bands else {}),
        **({"power_model": asdict(plant.power)} if plant.power else {}),
        "truncated_holding": traffic.truncate_holding,
        "bit_rates_gbps": [min(traffic.bit_rates_gbps), max(traffic.bit_rates_gbps)],
        "warmup_requests": warmup,
        "runs": runs,
        "seed": seed,
    }


def _print(console: Console, document: dict[str, Any], picture: Path | None) -> None:
    definition = document["definition"]
    paths = f"K={definition['k_paths']} by {definition['path_order']} (ties: {definition['path_ties']})"
    bands = (
        f", bands {', '.join(definition['bands'])} of {definition['channels_per_band']} channels"
        if "bands" in definition
        else ""
    )
    if rates_gbd := [f"{item['symbol_rate_gbd']:g}" for item in definition.get("transceivers", ())]:
        bands += f" at {', '.join(rates_gbd)} GBd"
    power = f", power model {definition['power_model']['name']!r}" if "power_model" in definition else ""
    console.print(
        f"[bold]{document['topology']}[/], {definition['num_fibre_pairs']} fibre pairs, "
        f"{definition['num_slots']} slots {definition['spectrum']}, guard {definition['guard_slots']}"
        f"{bands}, {paths}, path table {document['path_table_hash']}{power}"
    )
    for table in figure_tables(document["points"]):
        console.print(table)
    if lost := sum(point["lightpaths_lost"] for point in document["points"]):
        console.print(f"{lost} lightpaths lost to cut fibres")
    for row in document.get("cut_set_bound", []):
        sites = ", ".join(row["sites"]) or "none found"
        percent = f"{100 * row['request_blocking']:.4f} %"
        console.print(f"cut-set bound at {row['load_erlang']:g} Erlang: {percent} (cut around {sites})")
    if picture:
        console.print(f"Picture: {picture}")
