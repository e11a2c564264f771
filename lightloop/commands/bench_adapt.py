"""``lightloop bench adapt``: what continuous training is worth, as a table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, stderr

ARMS = ("baseline", "forecast", "placebo", "retrained", "long")


def adapt(
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; the generalist that ships if empty.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1000, help="Counted requests of each arm and shift, in 20 runs.")
    ] = 100_000,
    log_requests: Annotated[int, typer.Option(min=100, help="Requests that are learned from.")] = 5000,
    budget_s: Annotated[
        float, typer.Option(min=0, help="Seconds of a training; the long one has ten times as many.")
    ] = 300.0,
    shift: Annotated[str, typer.Option(help="This shift alone, by the name in the table.")] = "",
    demands: Annotated[
        Path | None, typer.Option(help="SNDlib archive of Abilene's five-minute matrices, two weeks.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the measuring.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What continuous training is worth where traffic has shifted (an hour for each shift).

    NSFNET at the load where the champion blocks about 1 % of the shifted traffic. Arms on the same fresh
    requests: the best simple rule, also with the demand forecast; the champion as it was; the champion with
    the new forecast; the champion trained on the shifted traffic, and for ten times as long; a placebo, every
    weight changed at random by 30 %. "Change" is relative to the champion as it was, with a paired 95 %
    interval; negative is fewer requests blocked. "Forgotten" is the change on the traffic of before.

    Example:
      lightloop bench adapt --shift "two pairs x20" --requests 240000 --json
    """
    from agents.artefact import GENERALIST_FOLDER, load_policy
    from benchmarks.adapt import figures
    from envs.policy import LinearPolicy

    champion = load_policy(agent or GENERALIST_FOLDER)
    if not isinstance(champion, LinearPolicy):
        raise Refusal(f"{agent}: a network; a linear score is needed, as a search can begin with no other")

    def say(text: str) -> None:
        stderr.print(f"{text} ...", style="dim", highlight=False)

    with tempfile.TemporaryDirectory(prefix="lightloop-adapt-") as work:
        try:
            measured: Any = figures(
                champion, requests, log_requests, budget_s, Path(work), say, processes, demands, shift
            )
        except ValueError as error:
            raise Refusal(str(error)) from None

    def render(console: Console) -> None:
        table = Table("shift", "Erlang", "champion %", *(f"{arm}, change %" for arm in ARMS), "forgotten %")
        for name, row in measured["shifts"].items():
            champion_row = row["champion"]
            low, high = champion_row["ci95"]
            blocked = f"{100 * champion_row['request_blocking']:.2f} ({100 * low:.2f} .. {100 * high:.2f})"
            arms = [_change(row.get(arm)) for arm in ARMS]
            forgotten = _change(row.get("old_traffic", {}).get("retrained"))
            table.add_row(name, f"{row['load_erlang']:g}", blocked, *arms, forgotten)
        console.print(table)

    emit(measured, as_json, render)


def _change(row: Any) -> str:
    if row is None:
        return ""
    low, high = row["change_ci95"]
    told = f" {row['rule']}" if "rule" in row else ""
    return f"{100 * row['change']:+.1f} ({100 * low:+.1f} .. {100 * high:+.1f}){told}"
