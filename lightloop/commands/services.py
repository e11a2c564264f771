"""The commands ``lightloop up``, ``down`` and ``status``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from configs.home import Home
from configs.load import CONFIG_FILE_VARIABLE, load_config
from configs.schema import Config
from deployments.health import ServiceStatus
from deployments.orchestration import OrchestrationError
from lightloop.output import JsonFlag, emit, stderr
from tasks.promotion_budget import BudgetState, budget_state
from tasks.registry_reader import RegistryReader, RegistryReadError

COLOURS = {"healthy": "green", "starting": "yellow", "failed": "red", "stopped": "dim", "empty": "dim"}
ScenarioOption = Annotated[
    str | None,
    typer.Option(help="A name in configs/scenarios or a YAML file. Default: the one last run here."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, e.g. --set services.prefect_port=4201.")
]


class ScreenProgress:
    """Steps as lines and services as a table that redraws itself, on stderr."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def step(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(f"· {text}", markup=False, highlight=False)

    def statuses(self, statuses: Sequence[ServiceStatus]) -> None:
        """Redraw the table."""
        self._live.update(status_table(statuses))


def register(app: typer.Typer) -> None:
    """Hang the commands onto the tree."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def up(scenario: ScenarioOption = None, settings: SetOption = None, as_json: JsonFlag = False) -> None:
    """Start every service, put a champion in service, print the addresses. What runs already is reused."""
    home, config = Home.from_environment(), installation_config(scenario, settings or ())
    statuses = start(config, home)
    emit(
        status_document(config, home, statuses),
        as_json,
        lambda console: print_addresses(console, config, home),
    )


def down(as_json: JsonFlag = False) -> None:
    """Stop every service and all that they started."""
    from deployments.stack import bring_down

    stopped = bring_down(Home.from_environment())
    text = f"stopped: {', '.join(stopped)}" if stopped else "nothing was running"
    emit({"stopped": stopped}, as_json, lambda console: console.print(text, highlight=False))


def status(as_json: JsonFlag = False) -> None:
    """Each service with its address and health, each deployment's last and next run, who is in service.

    Also what gates have spent of the chance of a false promotion (docs/gates.md).
    """
    from deployments.stack import current_statuses

    home = Home.from_environment()
    config = installation_config(None, ())
    statuses = current_statuses(config, home)
    document = status_document(config, home, statuses)

    def render(console: Console) -> None:
        console.print(status_table(statuses))
        console.print(
            f"scenario {document['scenario']}, champion {document['model_name']} version "
            f"{document['champion_version'] or '-'}, policy {document['policy'] or '-'}",
            highlight=False,
        )
        console.print(budget_line(_budget(config, home)), highlight=False)
        console.print(deployment_table(document["deployments"]))
        for check in document["checks"]:
            if not check["ok"] and check["what"] not in ("services", "what is served"):
                console.print(f"[yellow]degraded:[/] {escape(check['what'])}: {escape(check['detail'])}")
        for text in document["differences"]:
            console.print(f"[yellow]not as it should be:[/] {escape(text)}", highlight=False)
        if document["slots_owner"]:
            console.print(f"the model slots are in the hands of {document['slots_owner']}", highlight=False)
        for item in statuses:
            if item.health == "failed":
                console.print(f"\n{item.service.name} has failed ({item.detail}); {_log_end(home, item)}")

    emit(document, as_json, render)


def installation_config(scenario: str | None, overrides: Sequence[str]) -> Config:
    """The configuration of this home: as asked for; else as it was last brought up; else the default."""
    written = Home.from_environment().config_file
    if scenario is None and written.exists() and CONFIG_FILE_VARIABLE not in os.environ:
        return load_config(str(written), overrides)
    return load_config(scenario, overrides)


def start(config: Config, home: Home) -> tuple[ServiceStatus, ...]:
    """Bring everything up with a live table on stderr."""
    from deployments.stack import bring_up

    with Live(console=stderr, refresh_per_second=4) as live:
        return bring_up(config, home, ScreenProgress(live))


def status_table(statuses: Sequence[ServiceStatus]) -> Table:
    """The services as a table."""
    table = Table("service", "health", "address", "", box=None, pad_edge=False)
    for item in statuses:
        health = f"[{COLOURS[item.health]}]{item.health}[/]"
        table.add_row(item.service.name, health, item.service.address, f"[dim]{item.detail}[/]")
    return table


def deployment_table(deployments: Sequence[dict[str, Any]]) -> Table:
    """The deployments with their last and next run as a table."""
    table = Table("deployment", "health", "last run", "next run", box=None, pad_edge=False)
    for item in deployments:
        last, coming = item["last_run"], item["next_run"]
        health = "[yellow]degraded[/]" if item["degraded"] else "[green]healthy[/]"
        when = f"{coming['at']}  [dim]{item['schedule']}[/]" if coming else item["schedule"] or "on demand"
        table.add_row(item["name"], health, f"{last['state']} {last['at']}" if last else "-", when)
    return table


def budget_line(budget: BudgetState) -> str:
    """What gates have spent of the promotion budget, for people.

    >>> budget_line(BudgetState(yearly=0.05, spent=0.0025, num_gates=1, next_alpha=0.002))
    'promotion budget: 0.25% spent of 5.00% in 365 days (1 gate), the next gate may spend 0.200% (1 in 500)'
    """
    gates = f"{budget.num_gates} gate{'' if budget.num_gates == 1 else 's'}"
    spent = f"{budget.spent:.2%} spent of {budget.yearly:.2%} in 365 days ({gates})"
    odds = f"1 in {1 / budget.next_alpha:,.0f}"
    return f"promotion budget: {spent}, the next gate may spend {budget.next_alpha:.3%} ({odds})"


def status_document(config: Config, home: Home, statuses: Sequence[ServiceStatus]) -> dict[str, Any]:
    """What ``--json`` prints."""
    from deployments.environment import mlflow_login
    from deployments.schedules import deployment_statuses
    from deployments.served import served_differences

    os.environ |= mlflow_login(config, home)
    budget = _budget(config, home)
    in_service, seen = _policy_in_service(config, home), served_differences(config, home)
    differences = list(seen.found)
    deployments: list[dict[str, Any]] = []
    away = ""
    try:
        deployments = [item.to_json() for item in deployment_statuses(config, home)]
    except OrchestrationError as error:
        away = str(error)
    ill = [
        f"{item.service.name} is {item.health}"
        for item in statuses
        if item.health != "healthy" and not item.service.is_slot
    ]
    checks = [
        _check("services", ill),
        _check("what is served", differences),
        _check("orchestration", [away] if away else [] if deployments else ["nothing is deployed"]),
        *(_check(f"deployment {item['name']}", [item["degraded"]]) for item in deployments),
    ]
    return {
        "scenario": config.scenario,
        "home": str(home.root),
        "healthy": all(check["ok"] for check in checks),
        "checks": checks,  # healthy says that each of these is well, and nothing else
        "deployments": deployments,
        "differences": differences,
        "slots_owner": seen.owner or None,
        "services": {
            item.service.name: {
                "address": item.service.address,
                "health": item.health,
                "pid": item.pid or None,
                "detail": item.detail,
                "log": str(home.logs / f"{item.service.name}.log"),
            }
            for item in statuses
        },
        "promotion_budget": {
            "allowed_in_365_days": budget.yearly,
            "spent_in_365_days": budget.spent,
            "gates_in_365_days": budget.num_gates,
            "next_level": budget.next_alpha,
        },
        "model_name": _model_name(config),
        "champion_version": _champion_version(config),
        "version_in_service": in_service.get("model_version"),
        "policy": in_service.get("policy"),
        "endpoint": in_service.get("endpoint_url"),
    }


def _check(what: str, faults: Sequence[str]) -> dict[str, Any]:
    text = "; ".join(fault for fault in faults if fault)
    return {"what": what, "ok": not text, "detail": text}


def print_addresses(console: Console, config: Config, home: Home) -> None:
    """Where a person looks."""
    table = Table.grid(padding=(0, 2))
    at = config.services
    table.add_row("Console", at.url("console"))
    table.add_row("Loop page", at.url("console") + "/loop")
    table.add_row("Prefect", at.url("prefect"))
    table.add_row("MLflow", at.url("mlflow"))
    table.add_row("TAPI", at.url("controller") + "/restconf/data/tapi-common:context")
    table.add_row("Credentials", str(home.root / "secrets.env"))
    table.add_row("Logs", str(home.logs))
    console.print(table)


def _policy_in_service(config: Config, home: Home) -> dict[str, Any]:
    from controlplane.client import PceClient

    if not (home.root / "secrets.env").exists():
        return {}
    try:
        with PceClient(config.pce_urls, home.credentials(), timeout_s=3) as pce:
            return pce.status()
    except ValueError:
        return {}


def _champion_version(config: Config) -> str | None:
    from deployments.environment import tracking_uri

    reader = RegistryReader(tracking_uri(config), _model_name(config))
    try:
        return reader.aliases().get("champion")
    except RegistryReadError:
        return None


def _budget(config: Config, home: Home) -> BudgetState:
    return budget_state(home.promotion_budget, _model_name(config), config.gate.false_promotions_per_year)


def _model_name(config: Config) -> str:
    return f"{config.mlflow.model_name}-{config.scenario}"


def _log_end(home: Home, item: ServiceStatus) -> str:
    file = home.logs / f"{item.service.name}.log"
    lines = file.read_text(errors="replace").splitlines()[-10:] if file.exists() else []
    return f"the end of {file}:\n" + "\n".join(lines)
