"""``lightloop bench energy`` and ``bench qot``: rules and agents of a use case on some networks and loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, say, stderr
from lightloop.simulated import policy_given

if TYPE_CHECKING:
    from benchmarks.by_topology import Sweep
    from envs.plant import Plant
    from envs.policy import ScoringPolicy
    from envs.simulation import KernelPolicy, SimulationResult

TopologyList = Annotated[list[str], typer.Option("--topology", help="A name of the catalogue; repeat.")]
LoadList = Annotated[list[float], typer.Option("--load", min=0.1, help="Erlang; repeat.")]
PolicyList = Annotated[
    list[str],
    typer.Option(
        "--policy",
        help="A rule, or the folder of a trained policy; repeat. Without: rules and the agent that ships.",
    ),
]
ENERGY_RULES = ("ksp_ff", "least_marginal_power", "least_amplifier_share", "growing_backbone")
QOT_RULES = ("most_reserve", "qot_mscl")
AGENT = "agent"  # the one that ships for the use case


def energy(
    topology: TopologyList = ["nsfnet", "german17", "cost239"],  # noqa: B006
    load: LoadList = [60.0, 80.0, 100.0, 120.0],  # noqa: B006
    policy: PolicyList = [],  # noqa: B006
    requests: Annotated[int, typer.Option(min=100, help="Counted, of a policy at a load.")] = 60_000,
    settings: Annotated[
        list[str], typer.Option("--set", help="Override of plant or traffic, e.g. plant.power_model=FILE.")
    ] = [],  # noqa: B006
    wake_time_s: Annotated[
        float | None,
        typer.Option(min=0, help="That sleeping amplifiers take to wake; the model's own if empty."),
    ] = None,
    sleep_after_s: Annotated[
        float | None,
        typer.Option(min=0, help="That amplifiers stay awake after the last lightpath; the same."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Energy per bit of rules and agents on several networks (about ten minutes).

    The plant and traffic of the scenario energy-rmsa. Every policy meets the same requests, which no training
    draws; beside an agent stands the difference to the best rule, run by run. The tree is what would be drawn
    if the spanning tree of the fewest watts were lit and nothing else: little can be below that while every
    node is busy. With --wake-time-s and --sleep-after-s the table has the share of set-ups that waited for
    sleeping amplifiers instead, and how long; a service stays traffic.mean_holding_time_s.

    Examples:
      lightloop bench energy --topology german17 --load 60 --policy least_amplifier_share
      --policy agents/data/energy

      lightloop bench energy --set traffic.mean_holding_time_s=604800 --wake-time-s 60 --sleep-after-s 3600
    """
    from benchmarks.by_topology import Sweep, nested
    from envs.energy.waking import is_counted

    policies = _policies(policy, ENERGY_RULES, "energy")
    sweep = Sweep("energy-rmsa", topology, load, policies, requests, 2000, tuple(settings))
    plants, results = _sweep(replace(sweep, wake_time_s=wake_time_s, sleep_after_s=sleep_after_s))

    def pj_per_bit(result: SimulationResult) -> float:
        assert result.power is not None  # the scenario has a power model
        return result.power.energy_per_bit_pj.mean

    trees = _trees(plants, results)
    document: dict[str, Any] = {
        "pj_per_bit": nested(results, pj_per_bit),
        "tree_pj_per_bit": trees,
        "difference_pj_per_bit": _differences(results),
        "request_blocking": nested(results, lambda result: result.request_blocking.mean),
        "rows": _rows(results, pj_per_bit),
        "requests": requests,
    }

    def render(console: Console) -> None:
        wakes = any(is_counted(plant) for plant in plants.values())
        last = ["waited, %", "s each"] if wakes else ["tree"]
        table = Table("network", "Erlang", "policy", "pJ/bit", "against best rule", "blocked, %", *last)
        for row in document["rows"]:
            low, high = row["energy_per_bit_pj_ci95"]
            against = row.get("energy_per_bit_vs_first_pj_ci95")
            table.add_row(
                row["topology"],
                f"{row['load_erlang']:g}",
                row["given"],
                f"{row['energy_per_bit_pj']:,.0f} ± {(high - low) / 2:,.0f}",
                f"{row['energy_per_bit_vs_first_pj']:+,.0f} ({against[0]:+,.0f} .. {against[1]:+,.0f})"
                if against
                else "",
                f"{100 * row['request_blocking']:.3f}",
                *(
                    [f"{100 * row['waiting_share']:.2f}", f"{row['mean_wait_s']:.1f}"]
                    if wakes
                    else [f"{trees[row['topology']][format(row['load_erlang'], 'g')]:,.0f}"]
                ),
            )
        console.print(table)

    emit(document, as_json, render)


def _differences(
    results: Mapping[str, Mapping[str, Mapping[str, SimulationResult]]],
) -> dict[str, dict[str, dict[str, dict[str, dict[str, Any]]]]]:
    """Of each policy to each one named before it, run by run: by topology, load, policy and the other."""

    def against(result: SimulationResult, other: SimulationResult) -> dict[str, Any]:
        row = result.row(other)
        return {"mean": row["energy_per_bit_vs_first_pj"], "ci95": row["energy_per_bit_vs_first_pj_ci95"]}

    found: dict[str, dict[str, dict[str, dict[str, dict[str, Any]]]]] = {}
    for topology, loads in results.items():
        for load, policies in loads.items():
            names = list(policies)
            found.setdefault(topology, {})[load] = {
                name: {other: against(policies[name], policies[other]) for other in names[:index]}
                for index, name in enumerate(names)
            }
    return found


def _trees(
    plants: Mapping[str, Plant],
    results: Mapping[str, Mapping[str, Mapping[str, SimulationResult]]],
) -> dict[str, dict[str, float]]:
    """pJ/bit by topology and load of the tree that is always of the backbone, alone, lit all the time."""
    trees: dict[str, dict[str, float]] = {}
    for topology, loads in results.items():
        power = plants[topology].arrays.parts.energy
        amplifiers_w = power.asleep_w + float(power.switch_w[power.joins_from == 0].sum())
        for load, policies in loads.items():
            drawn = next(iter(policies.values())).power
            assert drawn is not None  # the scenario has a power model
            watts = drawn.transponders_w + drawn.nodes_w + amplifiers_w
            trees.setdefault(topology, {})[load] = 1000 * watts / drawn.lit_gbps
    return trees


def qot(
    topology: TopologyList = ["nsfnet", "german17"],  # noqa: B006
    load: LoadList = [700.0, 800.0, 900.0],  # noqa: B006
    policy: PolicyList = [],  # noqa: B006
    requests: Annotated[int, typer.Option(min=100, help="Counted, of a policy at a load.")] = 30_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests before them, in each of ten runs.")] = 10_000,
    as_json: JsonFlag = False,
) -> None:
    """Decisions a second with GSNR in the loop, and what rules and agent block (a quarter of an hour).

    Speed: NSFNET, bands C, L and S, one core. Blocking: the plant and traffic of the scenario qot-rmbsa;
    every policy meets the same requests, which no training draws. --requests 100 --warmup 0 leaves the speed.

    Examples:
      lightloop bench qot --topology german17 --load 600 --json
    """
    from benchmarks.by_topology import Sweep, nested
    from benchmarks.qot import figures

    policies = _policies(policy, QOT_RULES, "qot")
    measured = figures(lambda text: stderr.print(text, style="dim"))
    _, results = _sweep(Sweep("qot-rmbsa", topology, load, policies, requests, warmup))
    document: dict[str, Any] = {
        "figures": measured,
        "blocking": nested(results, lambda result: result.request_blocking.mean),
        "rows": _rows(results, lambda result: result.request_blocking.mean),
        "requests": requests,
    }

    def render(console: Console) -> None:
        table = Table("figure", "value")
        for name, value in measured.items():
            table.add_row(name, f"{value:,.0f}" if value >= 100 else f"{value:.4g}")
        console.print(table)
        table = Table("network", "Erlang", "policy", "blocked, %")
        for row in document["rows"]:
            low, high = row["request_blocking_ci95"]
            blocked = f"{100 * row['request_blocking']:.3f} ± {50 * (high - low):.3f}"
            table.add_row(row["topology"], f"{row['load_erlang']:g}", row["given"], blocked)
        console.print(table)

    emit(document, as_json, render)


def _policies(
    given: Sequence[str], rules: Sequence[str], agent: str
) -> dict[str, ScoringPolicy | KernelPolicy]:
    """What is compared, by name; refused before the work."""
    from agents.artefact import SHIPPED, load_policy

    if given:
        return {text: policy_given(text) for text in given}
    return {**{name: policy_given(name) for name in rules}, AGENT: load_policy(SHIPPED / agent)}


def _sweep(
    sweep: Sweep,
) -> tuple[Mapping[str, Plant], Mapping[str, Mapping[str, Mapping[str, SimulationResult]]]]:
    from benchmarks.by_topology import results_of_sweep

    return results_of_sweep(sweep, say)


def _rows(
    results: Mapping[str, Mapping[str, Mapping[str, SimulationResult]]], figure: Any
) -> list[dict[str, Any]]:
    """A row for each result; where there are several rules, agents stand beside the best of them."""
    rows = []
    for topology, loads in results.items():
        for policies in loads.values():
            rules = [name for name, result in policies.items() if result.policy == name]
            best = min(rules, key=lambda name: figure(policies[name]), default=None)
            for name, result in policies.items():
                beside = policies[best] if best is not None and name not in rules else None
                rows.append({"topology": topology, "given": name, **result.row(beside)})
    return rows
