"""``lightloop bench forecast``: what a demand forecast is worth before anything is trained, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say


def forecast(
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; the generalist that ships if empty.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1000, help="Counted requests of each arm and shift, in 20 runs.")
    ] = 40_000,
    log_requests: Annotated[
        int, typer.Option(min=100, help="Requests that each forecast is estimated from.")
    ] = 5000,
    hot_pairs: Annotated[
        int, typer.Option(min=0, help="So many random choices of two pairs that ask more, and nothing else.")
    ] = 0,
    target: Annotated[
        float, typer.Option(min=1e-4, max=0.5, help="Blocking that sets the load, with --hot-pairs.")
    ] = 1e-2,
    store: Annotated[
        Path | None, typer.Option(help="File that keeps the rows of --hot-pairs; those it has are reused.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What a demand forecast is worth where traffic has shifted, before any training (about two minutes).

    NSFNET at the load where the policy without a forecast blocks about 1 %. Three shifts: two node pairs
    ask 20 times as often, most requests ask for 100 Gb/s, pairs ask by the sizes of their ends. Four arms
    on the same fresh requests: no forecast, one estimated from a log of the shifted traffic, a wrong one
    from another shift's log, and a placebo, the right one with its numbers permuted. "Change" is relative
    to no forecast, with a paired 95 % interval; negative is fewer requests blocked. With --hot-pairs it is
    asked how much hangs on which two pairs those are: a row each random choice, with its hops and what both
    pairs share, and the mean over the choices.

    Examples:
      lightloop bench forecast --requests 400000 --processes 2 --json

      lightloop bench forecast --hot-pairs 12 --requests 100000 --store rows.json
    """
    from agents.artefact import GENERALIST_FOLDER, load_policy
    from benchmarks import hot_pairs as by_pairs
    from benchmarks.forecast import ARMS, figures
    from envs.policy import LinearPolicy

    policy = load_policy(agent or GENERALIST_FOLDER)
    if hot_pairs:
        if not isinstance(policy, LinearPolicy):
            raise Refusal(f"{agent}: a network; --hot-pairs takes a linear score")
        effort = by_pairs.HotPairsEffort(hot_pairs, requests, log_requests, target, processes)
        try:
            found = by_pairs.figures(policy, effort, say, store)
        except ValueError as error:
            raise Refusal(str(error)) from None
        emit(found, as_json, lambda console: _print_choices(console, found))
        return
    measured: Any = figures(policy, requests, log_requests, say, processes)

    def render(console: Console) -> None:
        table = Table("shift", "Erlang", "no forecast %", *(f"{arm}, change %" for arm in ARMS))
        for name, row in measured["shifts"].items():
            table.add_row(
                name, f"{row['load_erlang']:g}", _blocked(row), *(_change(row[arm]) for arm in ARMS)
            )
        console.print(table)

    emit(measured, as_json, render)


def _print_choices(console: Console, found: dict[str, Any]) -> None:
    arms = tuple(found["mean"])
    heads = (f"{arm}, change %" for arm in arms)
    table = Table("pairs", "hops", "ends shared", "links shared", "Erlang", "no forecast %", *heads)
    for row in found["choices"]:
        table.add_row(
            ", ".join("-".join(pair) for pair in row["pairs"]),
            ", ".join(map(str, row["hops"])),
            str(row["shared_ends"]),
            str(row["shared_links"]),
            f"{row['load_erlang']:g}",
            _blocked(row),
            *(_change(row[arm]) for arm in arms),
        )
    table.add_row("mean over the choices", *[""] * 5, *(_change(found["mean"][arm]) for arm in arms))
    console.print(table)


def _blocked(row: dict[str, Any]) -> str:
    low, high = row["none"]["ci95"]
    return f"{100 * row['none']['request_blocking']:.2f} ({100 * low:.2f} .. {100 * high:.2f})"


def _change(part: dict[str, Any]) -> str:
    low, high = part["change_ci95"]
    return f"{100 * part['change']:+.1f} ({100 * low:+.1f} .. {100 * high:+.1f})"
