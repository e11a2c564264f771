"""The command ``lightloop evaluate``: one policy on held-out traces of any network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from configs.home import Home
from lightloop.commands.services import SetOption
from lightloop.output import JsonFlag, Refusal, emit
from lightloop.registered import registered_folder

if TYPE_CHECKING:
    from flows.settings import Settings
    from tasks.evaluate import Contender

ALIASES = ("champion", "challenger", "previous")


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("evaluate")(evaluate)


def evaluate(
    policy: Annotated[
        str,
        typer.Option(
            help="champion, challenger, previous, a version number, a baseline's name, or a policy folder."
        ),
    ] = "champion",
    scenario: Annotated[
        str | None, typer.Option(help="A scenario. Default: the one last run here, else latency-rsa.")
    ] = None,
    topology: Annotated[
        str | None, typer.Option(help="Another network: a catalogue name or a file that an importer reads.")
    ] = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Blocking, utilisation and latency of a policy beside the best baseline on the same held-out traces."""
    from configs.load import load_config
    from flows.policies import beside_best_baseline
    from flows.settings import settings_of
    from lightloop.commands.services import installation_config

    home, overrides = Home.from_environment(), list(settings or ())
    if topology is not None:
        overrides.append(f"plant.topology={topology}")
    config = (
        installation_config(scenario, overrides) if scenario is None else load_config(scenario, overrides)
    )
    context = settings_of(config, home, running=None)
    with tempfile.TemporaryDirectory() as scratch:
        compared = beside_best_baseline(context, _contender(policy, context), Path(scratch))
    found, best = compared.found, compared.best
    document: dict[str, Any] = {
        "scenario": config.scenario,
        "topology": context.plant.topology.name,
        "path_table_hash": context.plant.path_table.content_hash,
        "trace_ids": [item.id for item in compared.traces],
        "requests_per_trace": config.evaluation.requests_per_trace,
        **found.row(),
        "best_baseline": best.row(),
    }

    def render(console: Console) -> None:
        from lightloop.drawing import class_table, evaluation_table

        rows = [found.row() | {"role": "asked for"}, best.row() | {"role": "best baseline"}]
        console.print(f"{document['topology']}, path table {document['path_table_hash']}", highlight=False)
        console.print(evaluation_table({"trace_ids": document["trace_ids"], "policies": rows}))
        console.print(class_table([(row["policy"], found) for row in rows for found in row["classes"]]))

    emit(document, as_json, render)


def _contender(policy: str, context: Settings) -> Contender:
    """The policy meant by a word.

    Raises:
        Refusal: no baseline, folder or version of that name.
    """
    from envs.heuristics import BASELINE_NAMES
    from tasks.evaluate import contender_in, contender_named

    if policy in BASELINE_NAMES or Path(policy).is_dir():
        return contender_named(policy)
    if policy not in ALIASES and not policy.isdigit():
        raise Refusal(
            f"no policy {policy!r}: give {', '.join(ALIASES)}, a version number, the folder of a policy, or "
            f"one of {', '.join(BASELINE_NAMES)}"
        )
    label = f"@{policy}" if policy in ALIASES else policy
    return contender_in(registered_folder(label, context), policy if policy in ALIASES else "")
