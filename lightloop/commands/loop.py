"""The command ``lightloop loop``: the whole loop as one document, for people, scripts and the console."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, plain

if TYPE_CHECKING:
    from tasks.loop.document import LoopReader

MOST_RUNS = 60
TOLD = (
    "SCHEDULED",
    "PENDING",
    "RUNNING",
    "PAUSED",
    "CANCELLING",
    "COMPLETED",
    "FAILED",
    "CRASHED",
    "CANCELLED",
)


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("loop")(loop_command)


def loop_command(
    as_json: JsonFlag = False,
    every_s: Annotated[
        float | None,
        typer.Option(min=0.5, help="With --json: go on, a line whenever something has changed."),
    ] = None,
) -> None:
    """What was seen, trained, judged and put into service, in order of time; versions, budget, demand.

    It reads promotion log, decision log, MLflow and Prefect, and changes nothing. The console's loop page
    draws the same document. A part that does not answer is named under `faults`; the rest is told.

    With --every-s the document is looked at so often and printed on one line when it differs from the last;
    a line without anything says that nothing has changed. That goes on until nobody reads it.

    Examples:
      lightloop loop

      lightloop loop --json
    """
    reader = _reader()
    if as_json and every_s is not None:
        _follow(reader, every_s)
        return
    document = reader.document()
    emit(document, as_json, lambda console: _print(console, document))


def _follow(reader: LoopReader, every_s: float) -> None:
    last = ""
    try:
        while True:
            line = json.dumps(plain(reader.document()))
            sys.stdout.write(("" if line == last else line) + "\n")
            sys.stdout.flush()
            last = line
            time.sleep(every_s)
    except BrokenPipeError:  # nobody reads it any more
        sys.stderr.close()


def _reader() -> LoopReader:
    from configs.home import Home
    from deployments.orchestration import PrefectApi
    from lightloop.registry_access import reader_of
    from lightloop.running import running_config
    from tasks.loop.document import LoopPlaces, LoopReader
    from tasks.loop.trainings import FLOWS

    config, home = running_config(), Home.from_environment()
    registry = reader_of(config, home)
    places = LoopPlaces(
        scenario=config.scenario,
        decisions=home.decisions,
        training=home.training,
        models=home.models,
        promotions=home.serving / "promotions.jsonl",
        budget=home.promotion_budget,
        probation=home.probation,
        experiment=config.mlflow.experiment,
        false_promotions_per_year=config.gate.false_promotions_per_year,
        window_requests=config.drift.window_requests,
        prefect_url=config.services.url("prefect"),
        mlflow_url=registry.tracking_uri,
    )

    def flow_runs() -> Sequence[Mapping[str, Any]]:
        api = PrefectApi(config, home.credentials())
        return [
            run | {"flow": flow}
            for flow in FLOWS
            for run in api.post(
                "/flow_runs/filter",
                {
                    "flows": {"name": {"any_": [flow]}},
                    "flow_runs": {"state": {"type": {"any_": list(TOLD)}}},
                    "sort": "START_TIME_DESC",
                    "limit": MOST_RUNS,
                },
            )
        ]

    return LoopReader(places, registry, flow_runs)


def _print(console: Console, document: Mapping[str, Any]) -> None:
    """What happened, oldest first."""
    from tasks.history import in_utc

    table = Table("time (UTC)", "what", "version", "said", box=None)
    for time_s, what, version, said in sorted(_events(document)):
        table.add_row(in_utc(time_s)[:16].replace("T", " "), what, version, said)
    console.print(table)
    budget = document["budget"]
    console.print(
        f"promotion budget: {budget['spent']:.2%} of {budget['yearly']:.0%} spent by {budget['num_gates']} "
        f"gates in 365 days; the next may spend {budget['next_alpha']:.2g}",
        highlight=False,
    )
    for fault in document["faults"].values():
        console.print(fault, style="yellow", markup=False, highlight=False)


def _events(document: Mapping[str, Any]) -> list[tuple[float, str, str, str]]:
    found = [
        (look["time_s"], "drift", look["version"], look["summary"])
        for look in document["looks"]
        if look["drifted"]
    ]
    for run in document["runs"]:
        if run["flow"] == "continuous-training" and run["began_s"]:
            found.append((run["began_s"], "training", run["version"], run["reason"] or "by hand"))
            if run["ended_s"]:
                found.append((run["ended_s"], run["state"].lower(), run["version"], run["verdict"]))
    return found + [
        (item["from_s"], item["came"]["action"], item["version"], item["came"]["reason"])
        for item in document["served"]
    ]
