"""The command ``lightloop trace from-operation``: a window of what the network lived through."""

from __future__ import annotations

import dataclasses
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from lightloop.commands.trace import commands
from lightloop.output import JsonFlag, Refusal, emit

if TYPE_CHECKING:
    from tasks.operation import StoredWindow

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_AGO = re.compile(r"-(\d+(?:\.\d+)?)([smhdw])")
_FORMS = "an ISO time (2025-11-29T12:00, UTC unless it says otherwise), seconds since 1970, -2h or now"


def register(app: typer.Typer) -> None:
    """The command hangs below ``trace``."""


@commands.command("from-operation")
def from_operation(
    begin: Annotated[
        str | None, typer.Option("--from", metavar="T", help="Where the window begins; see below.")
    ] = None,
    end: Annotated[
        str, typer.Option("--to", metavar="T", help="Where it ends, this moment left out.")
    ] = "now",
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Or: the last so many requests before --to.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a window of what the running network lived through, and its trace.

    The operation record is brought up to date first. A window holds the lightpaths that were up at its begin,
    the requests that were first asked in it with what became of them, and every other change of the network.
    The same span gives the same window. Departures that had not come by its end are drawn from the fitted
    holding times of the class, and marked.

    T is an ISO time (UTC unless it says otherwise), seconds since 1970, -30m, -2h, -7d, or now.

    [bold]Examples[/bold]

      lightloop trace from-operation --from -2h

      lightloop trace from-operation --from 2025-11-29T08:00 --to 2025-11-29T12:00 --json

      lightloop trace from-operation --last 1000
    """
    from configs.home import Home
    from flows.operation import mean_holding_s, operation_of
    from lightloop.running import running_config, running_credentials
    from tasks.operation import record_until, window_of
    from topologies.catalogue import load_topology

    if (begin is None) == (last is None):
        raise Refusal("give --from T, or --last N: a window is of a span of time or of the last requests")
    now_s = time.time()
    ended_s = moment(end, now_s, "--to")
    began_s = None if begin is None else moment(begin, now_s, "--from")
    if began_s is not None and not began_s < ended_s:
        raise Refusal(f"--from {begin} is not before --to {end}")
    running_credentials()
    config = running_config()
    operation, topology = operation_of(config, Home.from_environment()), load_topology(config.plant.topology)
    ended_s = min(ended_s, now_s)
    record, mean_s = record_until(operation, topology, ended_s), mean_holding_s(config)
    stored = window_of(record, operation, topology, mean_s, began_s, ended_s, last)
    document = {
        "window": stored.id,
        "trace": stored.trace_id,
        "folder": str(stored.folder),
        **{
            field.name.removeprefix("num_"): getattr(stored, field.name)
            for field in dataclasses.fields(stored)
            if field.name not in ("id", "folder", "trace_id", "window")
        },
    }
    emit(document, as_json, lambda console: _render(console, stored))


def moment(text: str, now_s: float, option: str) -> float:
    """Seconds since 1970 of a time as people write it.

    >>> moment("-2h", 10_000.0, "--from"), moment("now", 10_000.0, "--to")
    (2800.0, 10000.0)
    >>> moment("1970-01-02T00:00", 0.0, "--from"), moment("1970-01-01T01:00+01:00", 0.0, "--from")
    (86400.0, 0.0)

    Raises:
        Refusal: none of the forms.
    """
    text = text.strip()
    if text == "now":
        return now_s
    if match := _AGO.fullmatch(text):
        return now_s - float(match.group(1)) * _UNITS_S[match.group(2)]
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(f"{option} {text!r}: {_FORMS} is needed") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _render(console: Console, stored: StoredWindow) -> None:
    console.print(f"[bold]window {stored.id}[/bold], trace {stored.trace_id}", highlight=False)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    ends_s = (stored.began_s, stored.ended_s)
    span = " to ".join(f"{datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M:%S}" for end_s in ends_s)
    carried = f"{stored.num_carried:,} carried, {stored.num_blocked:,} blocked, {stored.num_failed:,} failed"
    rows = {
        "span": f"{span} UTC",
        "requests": f"{stored.num_requests:,}: {carried}",
        "departures": f"{stored.num_requests - stored.num_drawn:,} seen, {stored.num_drawn:,} drawn",
        "to be decided alike": f"{stored.num_comparable:,} by the version that decided them",
        "standing": f"{stored.num_standing:,} lightpaths were up at the begin",
        "happenings": f"{stored.num_happenings:,} other changes of the network",
        "refused": f"{stored.num_refused:,} rows of the decision log, kept in the record's refused.jsonl",
        "folder": str(stored.folder),
    }
    for key, value in rows.items():
        facts.add_row(key, value)
    console.print(facts, highlight=False, markup=False)
