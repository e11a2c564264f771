"""``lightloop bench adapt``: what continuous training is worth, as a table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, Refusal, emit, say

ARMS = ("baseline", "forecast", "placebo", "retrained", "long")


def adapt(
    agent: Annotated[
        Path | None, typer.Option(help="Policy folder; the generalist that ships if empty.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=1000, help="Counted requests of each arm and shift, in 20 runs.")
    ] = 1_000_000,
    log_requests: Annotated[int, typer.Option(min=100, help="Requests that are learned from.")] = 5000,
    budget_s: Annotated[
        float, typer.Option(min=0, help="Seconds of a training; 0: nothing is trained.")
    ] = 300.0,
    budget_requests: Annotated[
        int, typer.Option(min=0, help="Requests of a training's search, in the place of seconds.")
    ] = 0,
    long_times: Annotated[
        int, typer.Option(min=0, help="The long training has so many times the budget; 0: there is none.")
    ] = 10,
    shift: Annotated[str, typer.Option(help="This shift alone, by the name in the table.")] = "",
    demands: Annotated[
        Path | None, typer.Option(help="SNDlib archive of Abilene's five-minute matrices, two weeks.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder to keep the trainings in; one that was stopped goes on there.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of the requests that are measured; the trainings stay the same."),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="File that keeps the rows; those that it has are not measured again.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share the measuring.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """What continuous training is worth where traffic has shifted (an hour for each shift).

    NSFNET at the load where the champion blocks about 1 % of the shifted traffic; with --demands also
    Abilene's 14 March. Arms on the same fresh requests: the best simple rule, also with the demand forecast;
    the champion as it was; the champion with the new forecast; the champion trained on the shifted traffic,
    and for longer; a placebo, every weight changed at random by 30 %. "Change" is relative to the champion
    as it was, with a paired 95 % interval; negative is fewer requests blocked. "Forgotten" is the change on
    the traffic of before. A budget in requests gives the same on every machine. What came out well is
    measured once more with another --seed and the same --work.

    Example:
      lightloop bench adapt --shift gravity --budget-requests 8000000 --long-times 0 --json
    """
    from agents.artefact import GENERALIST_FOLDER, load_policy
    from benchmarks.adapt import MEASURED_SEED, ShiftEffort, figures
    from envs.policy import LinearPolicy

    champion = load_policy(agent or GENERALIST_FOLDER)
    if not isinstance(champion, LinearPolicy):
        raise Refusal(f"{agent}: a network; a linear score is needed, as a search can begin with no other")

    effort = ShiftEffort(
        requests=requests,
        log_requests=log_requests,
        budget_s=budget_s,
        budget_requests=budget_requests,
        long_times=long_times,
        measured_seed=MEASURED_SEED if seed is None else seed,
        processes=processes,
    )
    with tempfile.TemporaryDirectory(prefix="lightloop-adapt-") as passing:
        try:
            measured: Any = figures(champion, effort, work or Path(passing), say, demands, shift, store)
        except ValueError as error:
            raise Refusal(str(error)) from None

    def render(console: Console) -> None:
        arm_heads = (f"{arm}, change %" for arm in ARMS)
        table = Table(
            "shift", "Erlang", "champion %", *arm_heads, "retrained against forecast %", "forgotten %"
        )
        for name, row in measured["shifts"].items():
            champion_row = row["champion"]
            low, high = champion_row["ci95"]
            blocked = f"{100 * champion_row['request_blocking']:.2f} ({100 * low:.2f} .. {100 * high:.2f})"
            arms = [_change(row.get(arm)) for arm in ARMS]
            beyond = _change(row.get("retrained", {}).get("to_forecast"))
            forgotten = _change(row.get("old_traffic", {}).get("retrained"))
            table.add_row(name, f"{row['load_erlang']:g}", blocked, *arms, beyond, forgotten)
        console.print(table)

    emit(measured, as_json, render)


def _change(row: Any) -> str:
    if row is None:
        return ""
    low, high = row["change_ci95"]
    told = f" {row['rule']}" if "rule" in row else ""
    return f"{100 * row['change']:+.1f} ({100 * low:+.1f} .. {100 * high:+.1f}){told}"
