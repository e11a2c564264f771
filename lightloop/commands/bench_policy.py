"""``lightloop bench policy``: who carries how much on a published setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say


def policy(
    setting: Annotated[str, typer.Option(help="A published setting.")] = "deeprmsa-nsfnet",
    agent: Annotated[
        Path | None, typer.Option(help="Folder of a policy, or of a training: then its teacher takes part.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw blocking against load into this .png or .svg.")
    ] = None,
    only: Annotated[
        list[str],
        typer.Option(help="Measure only policies whose name begins so, and no bounds; repeat for several."),
    ] = [],  # noqa: B006
    near: Annotated[
        float, typer.Option(min=0, help="Erlang where to look first; 0: 0.8 of the setting's load.")
    ] = 0.0,
    runs: Annotated[int, typer.Option(min=2, help="Independent runs of a load.")] = 10,
    requests_a_run: Annotated[
        int, typer.Option(min=0, help="Counted in each run; 0: 100,000, and 3,000 of MSCL.")
    ] = 0,
    from_empty: Annotated[
        bool,
        typer.Option("--from-empty", help="Count from the first request in an empty network on: no warm-up."),
    ] = False,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Keep every policy's row in this JSON file as soon as it is measured; rows in it are not "
            "measured again, so an interrupted run goes on and a new agent takes minutes."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the requests; MSCL up to K=10.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Agent, first-fit and capacity-loss heuristics on a published setting, beside what bounds them.

    A carried load stands with half of its 95 % interval. With --runs, --requests-a-run or --from-empty only
    that at 0.1 % is measured, and it is a row of its own in the store. The published transformer was measured
    over 200 runs of 13,000 requests, begun in an empty network: the second example.

    Examples:
      lightloop bench policy --setting maskrsa-nsfnet --quick

      lightloop bench policy --only ksp_ff_k50 --runs 200 --requests-a-run 13000 --from-empty
    """
    from benchmarks.policy import Protocol, figures

    if picture is not None and only:
        raise Refusal("--picture shows everybody: leave --only")

    protocol = Protocol(runs, requests_a_run or None, from_empty, tuple(only), near or None)
    measured: Any = figures(setting, agent, quick, say, processes, store, protocol)
    if picture is not None:
        from benchmarks.policy_picture import draw

        draw(measured, picture)
    lines = {
        "re-placing (estimate)": "estimate",
        "optimistic reference": "optimistic",
        "proven bound": "proven",
    }
    rows = measured["policies"] | {name: measured[key] for name, key in lines.items() if key in measured}

    def render(console: Console) -> None:
        table = Table("policy", "Erlang at 0.1 %", "Erlang at 1 %", title=setting)
        for name, row in rows.items():
            half = row.get("carried_at_0.1pct_half_width_erlang")
            within = "" if half is None else f" ± {half:.1f}"
            at_percent = row.get("carried_at_1pct_erlang")
            table.add_row(
                name,
                f"{row['carried_at_0.1pct_erlang']:.1f}{within}",
                "" if at_percent is None else f"{at_percent:.1f}",
            )
        console.print(table)

    emit(measured, as_json, render)
