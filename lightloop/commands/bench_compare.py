"""``lightloop bench compare``: two policies on the same fresh requests, with a placebo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say
from lightloop.simulated import ScenarioOption, SettingOption, plant_for, policy_given, situation

if TYPE_CHECKING:
    from envs.evaluation import Interval

PER_CENT = ("request_blocking", "bit_rate_blocking")


def compare(
    policy: Annotated[
        list[str], typer.Option(help="A policy's name, or the folder of a trained one; give two.")
    ],
    setting: SettingOption = "deeprmsa-nsfnet",
    scenario: ScenarioOption = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="Override of plant or traffic, e.g. traffic.load_erlang=200.")
    ] = [],  # noqa: B006
    figure: Annotated[
        str, typer.Option(help="request_blocking, bit_rate_blocking or energy_per_bit_pj.")
    ] = "request_blocking",
    half_width: Annotated[
        float,
        typer.Option(
            min=0, help="Of the 95 % interval of the difference, in the figure's unit; then it stops."
        ),
    ] = 2e-4,
    requests: Annotated[
        int, typer.Option(min=1000, help="Counted requests of a policy at most.")
    ] = 2_000_000,
    requests_a_run: Annotated[
        int, typer.Option(min=100, help="Counted requests of a run; ten runs are a batch.")
    ] = 20_000,
    warmup: Annotated[int, typer.Option(min=0, help="Requests before them.")] = 3000,
    as_json: JsonFlag = False,
) -> None:
    """Is the second policy better than the first? On fresh requests, with an interval and a placebo.

    Both serve the same requests, in batches, until the interval of the paired difference is narrow enough or
    the requests are spent. The difference is the second's figure less the first's. The placebo is the first
    policy with every weight changed at random by 30 %: a difference that it shows too proves nothing. No
    training and no gate can draw these requests.

    Examples:
      lightloop bench compare --policy least_capacity_loss --policy agents/data/generalist

      lightloop bench compare --scenario qot-rmbsa --policy qot_mscl --policy agents/data/qot --warmup 10000

      lightloop bench compare --scenario energy-rmsa --figure energy_per_bit_pj --half-width 30
      --policy least_amplifier_share --policy agents/data/energy
    """
    from benchmarks.compare import FIGURES, Effort
    from benchmarks.compare import compare as compared
    from envs.simulation import refuse_unfit

    if len(policy) != 2:
        raise Refusal(f"--policy is given {len(policy)} times; two policies are compared")
    if figure not in FIGURES:
        raise Refusal(f"--figure is {figure!r}; known: {', '.join(FIGURES)}")
    first, second = map(policy_given, policy)
    plant, traffic = situation(setting, scenario, settings)
    if figure == "energy_per_bit_pj" and plant.power is None:
        raise Refusal(
            "--figure is energy_per_bit_pj, but the plant has no power model; set plant.power_model"
        )
    if plant_for(policy[0], plant) is not plant or plant_for(policy[1], plant) is not plant:
        raise Refusal("a policy that decides with a forecast of its own is not compared here")
    for one in (first, second):
        refuse_unfit(plant, one)
    times = 100.0 if figure in PER_CENT else 1.0

    def so_far(done: int, found: Interval) -> None:
        told = f"{times * found.mean:+.4g} ({times * found.low:+.4g} .. {times * found.high:+.4g})"
        say(f"{done:,} requests: difference {told}")

    effort = Effort(requests_a_run, warmup, requests, half_width)
    found: Any = compared(plant, traffic, first, second, effort, figure, so_far).row()
    document = {
        "policies": [first.name, second.name],
        "setting": scenario or setting,
        "topology": plant.topology.name,
        "load_erlang": traffic.load_erlang,
        "figure": figure,
        **found,
    }

    def render(console: Console) -> None:
        unit = "%" if figure in PER_CENT else "pJ/bit"
        table = Table("", f"{figure.replace('_', ' ')}, {unit}", "95 %")
        rows = [(first.name, found["first"]), (second.name, found["second"])]
        rows.append(("difference", {"mean": found["difference"], "ci95": found["ci95"]}))
        if found["placebo"]:
            rows.append(("placebo", {"mean": found["placebo"]["difference"], **found["placebo"]}))
        for name, row in rows:
            low, high = (times * value for value in row["ci95"])
            table.add_row(name, f"{times * row['mean']:.4g}", f"{low:.4g} .. {high:.4g}")
        console.print(table)
        console.print(f"{found['requests']:,} requests each", highlight=False)

    emit(document, as_json, render)
