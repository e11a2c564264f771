"""``lightloop simulate``: blocking of one or several policies under described traffic, with intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lightloop.drawing import class_table
from lightloop.given import overrides_of, refuse_beside
from lightloop.output import JsonFlag, Refusal, emit, stderr

if TYPE_CHECKING:
    from envs.cutset import CutSetBound
    from envs.failures import FibreCut
    from envs.plant import Plant
    from envs.simulation import SimulationResult
    from envs.traffic import PoissonTraffic
    from topologies.model import Topology


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("simulate")(simulate_command)


def simulate_command(
    setting: Annotated[
        str, typer.Option(help="A published setting; see `lightloop bench settings`.")
    ] = "deeprmsa-nsfnet",
    scenario: Annotated[
        str, typer.Option(help="A scenario in the setting's place; other options win over what it says.")
    ] = "",
    policy: Annotated[list[str], typer.Option(help="A baseline; repeat for several.")] = ["ksp_ff"],  # noqa: B006
    topology: Annotated[str, typer.Option(help="Another network: a catalogue name or a file.")] = "",
    k: Annotated[int, typer.Option("--k", min=1, help="Candidate paths per node pair.")] = 5,
    path_order: Annotated[str, typer.Option(help="hops_over_se, hops, km or hops_se_all.")] = "hops_over_se",
    path_ties: Annotated[str, typer.Option(help="hash, km, lexicographic, reverse or library.")] = "hash",
    load: Annotated[list[float], typer.Option(help="Offered load in Erlang; repeat for a curve.")] = [],  # noqa: B006
    slots: Annotated[int, typer.Option(help="Slots per spectrum unit; 0 keeps the setting's.")] = 0,
    no_truncate: Annotated[
        bool, typer.Option("--no-truncate", help="Plain exponential holding times.")
    ] = False,
    requests: Annotated[int, typer.Option(min=100, help="Counted requests per point.")] = 1_000_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests not counted at the start of each run.")] = 3000,
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
            "--bounds", help="Also the cut-set bound and, where slots alone decide, that of defragmentation."
        ),
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw blocking against load into this .png or .svg.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Simulate policies on a network and print their blocking with 95 % intervals.

    Policies: ksp_ff, ff_ksp, ksp_bf, ksp_lf, least_fragmentation, load_aware, random, ksp_mscl, mscl_ksp; and
    defragmentation, which may move lightpaths and so is a bound. The cut-set bound is a closed formula.

    Examples:
      lightloop simulate --setting deeprmsa-nsfnet --policy ksp_ff --load 250

      lightloop simulate --scenario latency-rsa --policy mscl_ksp --requests 100000

      lightloop simulate --policy mscl_ksp --k 10 --requests 100000 --bounds

      lightloop simulate --policy ksp_ff --policy ff_ksp --load 190 --load 250 --picture blocking.png
    """
    from envs.cutset import cut_set_bound
    from envs.plant import build_plant
    from envs.settings import benchmark_setting
    from envs.simulation import DEFRAGMENTATION, simulate
    from topologies.catalogue import load_topology
    from topologies.paths import PathOrder, PathTies

    if scenario:
        refuse_beside("--scenario", {"setting": "--setting"}, "give one of the two")
        given = {
            "topology": ("plant.topology", topology),
            "k": ("plant.k_paths", k),
            "path_order": ("plant.path_order", path_order),
            "path_ties": ("plant.path_ties", path_ties),
        }
        slots_given = [f"plant.num_slots={slots}"] if slots else []
        plant, traffic = _scenario(scenario, [*overrides_of(given), *slots_given])
        setting = scenario
    else:
        chosen = benchmark_setting(setting)
        spec = replace(
            chosen.plant,
            k_paths=k,
            path_order=_one_of(path_order, "--path-order", get_args(PathOrder)),
            path_ties=_one_of(path_ties, "--path-ties", get_args(PathTies)),
            num_slots=slots or chosen.plant.num_slots,
        )
        plant, traffic = build_plant(load_topology(topology or chosen.topology), spec), chosen.traffic
    traffic = replace(traffic, truncate_holding=traffic.truncate_holding and not no_truncate)
    cuts = tuple(_cut(text, plant.topology) for text in cut)
    loads = load or [traffic.load_erlang]
    results: list[SimulationResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        # Moving lightpaths bounds nothing where their noise decides: the cut-set bound stands alone there.
        moved = (DEFRAGMENTATION,) if bounds and not plant.thresholds_db else ()
        for name in (*policy, *moved):
            for load_erlang in loads:
                task = progress.add_task(f"{name} at {load_erlang:g} Erlang", total=runs)
                results.append(
                    simulate(
                        plant,
                        replace(traffic, load_erlang=load_erlang),
                        name,
                        requests,
                        seed,
                        runs,
                        warmup,
                        processes,
                        cuts,
                        lambda done, _, task=task: progress.update(task, completed=done),  # type: ignore[misc]
                    )
                )
    limits = []
    if bounds:
        limits = [(erlang, cut_set_bound(plant, replace(traffic, load_erlang=erlang))) for erlang in loads]
    if picture is not None:
        _draw(results, limits, plant, setting, picture)
    points = [result.row() for result in results]
    described = {
        "setting": setting,
        "topology": plant.topology.name,
        "path_table_hash": plant.path_table.content_hash,
        "definition": _definition(plant, traffic, warmup),
    }
    document = described | points[0] | ({"points": points} if len(points) > 1 else {})
    if bounds:
        document["cut_set_bound"] = [
            {"load_erlang": erlang, "request_blocking": cut.request_blocking, "sites": cut.sites}
            for erlang, cut in limits
        ]
    emit(document, as_json, lambda console: _print(console, document, results, picture))


def _scenario(name: str, overrides: list[str]) -> tuple[Plant, PoissonTraffic]:
    """Plant and traffic of a scenario with what was given on top of it."""
    from configs.build import plant_of, traffic_of
    from configs.load import load_config

    config = load_config(name, overrides)
    if config.plant.bands:
        refuse_beside(f"--scenario {name}", {"slots": "--slots"}, "its bands and channels make the slots")
    return plant_of(config), traffic_of(config)


def _cut(text: str, topology: Topology) -> FibreCut:
    """``WA-IL:20000:60000`` as a fibre that is down between two requests."""
    from envs.failures import FibreCut

    nodes, _, moments = text.partition(":")
    node_a, _, node_b = nodes.partition("-")
    try:
        from_request, to_request = (int(moment) for moment in moments.split(":"))
    except ValueError:
        raise Refusal(f"--cut is {text!r}; write A-B:FROM:TO, e.g. WA-IL:20000:60000") from None
    return FibreCut(topology.link_index(node_a, node_b) // 2, from_request, to_request)


def _one_of(value: str, option: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise Refusal(f"{option} is {value!r}; known: {', '.join(known)}")
    return value


def _definition(plant: Plant, traffic: PoissonTraffic, warmup: int) -> dict[str, Any]:
    """All that a blocking figure depends on."""
    spec = plant.spec
    return {
        "spectrum": "shared by both directions" if spec.shared_spectrum else "directed",
        "num_slots": spec.num_slots,
        "guard_slots": spec.guard_slots,
        "reach_km": {item.name: item.reach_km for item in plant.formats},
        "k_paths": spec.k_paths,
        "path_order": spec.path_order,
        "path_ties": spec.path_ties,
        "truncated_holding": traffic.truncate_holding,
        "bit_rates_gbps": [min(traffic.bit_rates_gbps), max(traffic.bit_rates_gbps)],
        "warmup_requests": warmup,
    }


def _print(
    console: Console, document: dict[str, Any], results: list[SimulationResult], picture: Path | None
) -> None:
    definition = document["definition"]
    console.print(
        f"[bold]{document['topology']}[/], {definition['num_slots']} slots {definition['spectrum']}, "
        f"guard {definition['guard_slots']}, K={definition['k_paths']} by {definition['path_order']} "
        f"(ties: {definition['path_ties']}), path table {document['path_table_hash']}"
    )
    table = Table("policy", "Erlang", "blocked %", "bit rate %", "used %", "frag.", "hops", "ms", "M/s")
    for result in results:
        blocking, bit_rate = result.request_blocking, result.bit_rate_blocking
        table.add_row(
            result.policy,
            f"{result.load_erlang:g}",
            f"{100 * blocking.mean:.3f} ± {100 * blocking.half_width:.3f}",
            f"{100 * bit_rate.mean:.3f} ± {100 * bit_rate.half_width:.3f}",
            f"{100 * result.utilisation.mean:.1f}",
            f"{result.fragmentation.mean:.2f}",
            f"{result.mean_hops:.2f}",
            f"{result.mean_latency_ms.mean:.1f}",
            f"{result.num_requests / result.seconds / 1e6:.2f}",
        )
    console.print(table)
    if any(item.is_bounded for result in results for item in result.classes):
        points = document.get("points", [document])
        several = len({point["load_erlang"] for point in points}) > 1
        rows = [
            (point["policy"] + (f" {point['load_erlang']:g}" if several else ""), found)
            for point in points
            for found in point["classes"]
        ]
        console.print(class_table(rows))
    lost = sum(result.lightpaths_lost for result in results)
    if lost:
        console.print(f"{lost} lightpaths lost to cut fibres")
    for row in document.get("cut_set_bound", []):
        sites = ", ".join(row["sites"]) or "none found"
        percent = f"{100 * row['request_blocking']:.4f} %"
        console.print(f"cut-set bound at {row['load_erlang']:g} Erlang: {percent} (cut around {sites})")
    if picture:
        console.print(f"Picture: {picture}")


def _draw(
    results: list[SimulationResult],
    cuts: list[tuple[float, CutSetBound]],
    plant: Plant,
    setting: str,
    picture: Path,
) -> None:
    """Blocking against load, one line a policy, with its interval; bounds dashed."""
    from matplotlib.figure import Figure

    from envs.simulation import DEFRAGMENTATION

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(result.policy for result in results):
        points = sorted((r for r in results if r.policy == name), key=lambda r: r.load_erlang)
        loads = [r.load_erlang for r in points]
        style = "--" if name == DEFRAGMENTATION else "-"
        (line,) = axes.plot(
            loads, [r.request_blocking.mean for r in points], marker="o", ms=3, label=name, ls=style
        )
        low = [max(r.request_blocking.low, 1e-7) for r in points]
        axes.fill_between(
            loads, low, [r.request_blocking.high for r in points], color=line.get_color(), alpha=0.2
        )
    axes.set(
        yscale="log",
        xlabel="offered load (Erlang)",
        ylabel="request blocking",
        title=f"{setting}, K={plant.spec.k_paths}",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=150)
