"""The command ``lightloop history``: what served from when to when, and why it changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit
from lightloop.registry_access import reader_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.history import Stretch
    from tasks.registry_reader import RegistryReader


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("history")(history_command)


def history_command(as_json: JsonFlag = False) -> None:
    """What served from when to when, why it came and went, what it decided, and what had been promised.

    Below stands who wants to be champion, or was the last to want it: @challenger, with its gate's verdict.
    From the promotion log and the decision log; it works while nothing runs, but for what MLflow knows. A
    version's promise was measured on held-out traffic of before it came, its live blocking on what came then:
    the two differ where the traffic does.

    Examples:
      lightloop history

      lightloop history --json
    """
    from configs.home import Home
    from lightloop.running import running_config
    from tasks.history import history
    from tasks.promotions import pending_promotion, read_promotions
    from tasks.registry_reader import RegistryReadError, promised_blocking

    config, home, now_s = running_config(), Home.from_environment(), time.time()
    reader = reader_of(config, home)
    notes: list[str] = []

    def promised(version: str) -> float | None:
        if notes:  # asked once in vain
            return None
        try:
            found = reader.version(version)
            run = reader.run(found.run_id) if found and found.run_id else None
        except RegistryReadError as error:
            notes.append(f"what was promised is not known: {error}")
            return None
        return promised_blocking(run.metrics) if run else None

    log = home.serving / "promotions.jsonl"
    served = history(read_promotions(log, reader.model_name), home.decisions, promised)
    pending = pending_promotion(log, reader.model_name)
    if pending:
        notes.append(f"a switch to version {pending.version} was begun and not ended")
    challenger = _challenger(reader, notes)
    document = {
        "model_name": reader.model_name,
        "challenger": challenger,
        "history": [item.to_json(now_s) for item in served],
        "notes": notes,
    }

    def render(console: Console) -> None:
        _print(console, served, now_s)
        if challenger:
            told = f"@challenger is version {challenger['version']} ({challenger['policy']}), "
            console.print(told + _verdict(challenger), markup=False, highlight=False)
        for note in notes:
            console.print(note, style="yellow", highlight=False)

    emit(document, as_json, render)


def _challenger(reader: RegistryReader, notes: list[str]) -> dict[str, str] | None:
    """The version that wants to be champion, or was the last to want it; None: nobody, or not known."""
    from tasks.registry_reader import RegistryReadError

    try:
        number = reader.aliases().get("challenger", "")
        found = reader.version(number) if number else None
    except RegistryReadError as error:
        notes.append(f"whether there is a challenger is not known: {error}")
        return None
    if found is None:
        return None
    names = {"policy": "policy", "gate": "gate", "verdict": "gate.verdict"}
    return {"version": number} | {name: found.tags.get(tag, "") for name, tag in names.items()}


def _verdict(challenger: Mapping[str, str]) -> str:
    verdict = challenger["verdict"]
    return f"gate {challenger['gate']}" + (f": {verdict}" if verdict else "")


def _print(console: Console, served: Sequence[Stretch], now_s: float) -> None:
    if not served:
        console.print("nothing has served yet; lightloop up puts a first champion in service")
    table = Table("version", "served (UTC)", "decisions", "blocked (95 %)", "promised", box=None)
    for item in served:
        table.add_row(
            item.version,
            _when(item, now_s),
            f"{item.decisions:,}" + (f" ({item.by_fallback:,} fallback)" if item.by_fallback else ""),
            _blocking(item),
            "-" if item.promised is None else f"{item.promised:.2%}",
        )
    if served:
        console.print(table)
    for item in served:
        head = f"version {item.version} ({item.policy}) came by {item.came[0]}: {item.came[1]}"
        console.print(head, markup=False, highlight=False)
        if item.went:
            text = f"  it went, for version {item.successor}, by {item.went[0]}: {item.went[1]}"
            console.print(text, markup=False, highlight=False)


def _when(item: Stretch, now_s: float) -> str:
    from tasks.history import in_utc

    hours = ((now_s if item.to_s is None else item.to_s) - item.from_s) / 3600
    begin, end = (in_utc(when)[:16].replace("T", " ") for when in (item.from_s, item.to_s or now_s))
    return f"{begin} to {'now' if item.to_s is None else end}, {hours:.1f} h"


def _blocking(item: Stretch) -> str:
    if not item.decisions:
        return "-"
    low, high = item.blocking.ci95
    return f"{item.blocking.value:.2%} ({low:.2%} .. {high:.2%})"
