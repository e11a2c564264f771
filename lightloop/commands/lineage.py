"""The command ``lightloop lineage``: where a lightpath's decision, or a version, comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.tree import Tree

from lightloop.output import JsonFlag, Refusal, emit
from lightloop.registry_access import reader_of

if TYPE_CHECKING:
    from configs.home import Home
    from configs.schema import Config
    from tasks.lineage import Ancestor


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("lineage")(lineage_command)


def lineage_command(
    what: Annotated[
        str,
        typer.Argument(metavar="DECISION|SERVICE|VERSION", help="An id, a UUID, a number, or @champion."),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Walk from a lightpath's decision back to model, run, gate, traces, windows, commit, seed and flow run.

    A decision is named by its id (`decision-id` of the lightpath), a service by its UUID, a version by its
    number or by @champion, @previous, @challenger (the one trained last, until it is champion). Nothing is
    changed. Where a link is missing, the rest is told all the same; the command says which and why, and exits
    with status 1.

    Examples:
      lightloop lineage @champion

      lightloop lineage 6f1c9a52-6a0e-5d0b-9d0a-3f6d1f0e7a11 --json
    """
    from configs.home import Home
    from lightloop.running import running_config
    from tasks.lineage import Sources, lineage
    from tasks.promotions import read_promotions

    config, home = running_config(), Home.from_environment()
    reader = reader_of(config, home)
    promotions = read_promotions(home.serving / "promotions.jsonl", reader.model_name)
    link = lineage(
        what,
        Sources(
            home.decisions,
            home.traces,
            home.windows,
            promotions,
            reader,
            lambda run: _flow_run(run, config, home),
        ),
    )
    missing = list(link.all_missing())
    document = link.to_json() | {"complete": not missing}
    emit(document, as_json, lambda console: console.print(_tree(link)))
    if missing:
        raise Refusal("the chain is not whole: " + "; ".join(missing))


def _flow_run(run_id: str, config: Config, home: Home) -> Mapping[str, Any] | None:
    """What Prefect knows of a flow run; None where it knows none.

    Raises:
        OrchestrationError: it cannot be asked.
    """
    from deployments.orchestration import PrefectApi

    found = PrefectApi(config, home.credentials()).known_flow_run(run_id)
    if found is None:
        return None
    url = f"{config.services.url('prefect')}/runs/flow-run/{run_id}"
    reason = (found.get("parameters") or {}).get("reason")
    facts = {"name": found.get("name"), "state": found.get("state_name"), "started": found.get("start_time")}
    return facts | ({"reason": reason} if reason else {}) | {"page": url}


def _tree(link: Ancestor, tree: Tree | None = None) -> Tree:
    """The chain as people see it."""
    head = f"[bold]{escape(link.what)}[/] {escape(link.name)}"
    if link.missing:
        head += f"  [red]missing: {escape(link.missing)}[/]"
    branch = Tree(head) if tree is None else tree.add(head)
    facts = [f"{name} {_in_words(value)}" for name, value in link.facts.items()]
    if facts:
        branch.add("[dim]" + escape(", ".join(facts)) + "[/]")
    for behind in link.comes_from:
        _tree(behind, branch)
    return branch


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
