"""The command ``lightloop chaos``: faults under load, and whether all agrees afterwards."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lightloop.output import JsonFlag, emit, stderr

if TYPE_CHECKING:
    from collections.abc import Callable

    from configs.home import Credentials
    from configs.schema import Config
    from controlplane.audit import Violation
    from lightloop.disturbance import FailpointFile

SETTLED_S = 120.0  # that everything is given to agree again


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("chaos")(chaos_command)


def chaos_command(
    seconds: Annotated[float, typer.Option(min=1, help="Of load and faults.")] = 60.0,
    faults_total: Annotated[
        int | None, typer.Option(min=1, help="End after so many faults, in the place of --seconds.")
    ] = None,
    faults: Annotated[
        str, typer.Option(metavar="KIND,...", help="Only these kinds; by default all possible ones.")
    ] = "",
    clients: Annotated[int, typer.Option(min=1, max=64, help="That ask at the same time.")] = 8,
    at_once: Annotated[
        int, typer.Option(min=1, max=16, help="Faults at a time, each from a dice of its own.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of every dice.")] = 1,
    keep: Annotated[bool, typer.Option(help="Leave the services that stand at the end.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Disturb the running installation under load, then audit it. For a test installation: traffic is hit.

    Clients create, read, change and delete services of their own and ask again until they are answered.
    Meanwhile dice have faults happen: cut, repair, drain, undrain, kill, stop, hang, element-forgets,
    full-disk, slow-database, endpoint. Where the processes were started with failpoints
    (docs/operations.md), also kill-at-step, element-refuses, element-hangs, element-lies, element-breaks,
    clock-jump. Then all is made whole, `lightloop audit` compares what is stored, and what each client was
    told is compared with what stands. Exits with status 1 where anything is wrong.

    Examples:
      lightloop chaos --seconds 60 --clients 8

      lightloop chaos --faults-total 1000 --at-once 4 --faults cut,repair,full-disk --seed 7 --json
    """
    from configs.build import parts_of
    from configs.home import Home
    from controlplane.audit import BETWEEN_LOOKS_S, audit
    from controlplane.client import ControllerClient
    from lightloop.audited import installation_of
    from lightloop.chaos import Extent, cause, clear, compare, figures
    from lightloop.disturbance import Target
    from lightloop.faults import chosen_kinds
    from lightloop.running import running_config, running_credentials
    from tasks.processes import ProcessManager

    config, credentials, home = running_config(), running_credentials(), Home.from_environment()
    topology, spec = parts_of(config)
    manager = ProcessManager(home.run)

    def client() -> ControllerClient:
        return ControllerClient.of(config, credentials)

    def pids() -> dict[str, int]:
        # Not of one that has just been started: the manager gives up on what keeps dying in its first second.
        names = ("controller", "pce", "elements", "model-")
        states = manager.states().items()
        return {name: state.pid for name, state in states if name.startswith(names) and state.is_up}

    def say(text: str) -> None:
        stderr.print(text, style="dim", highlight=False)

    links = [(fibre.node_a, fibre.node_b) for fibre in topology.fibres]
    endpoint = home.serving / "endpoint.json"
    target = Target(
        client,
        links,
        pids,
        failpoints_of(pids().get("controller", 0)),
        config.online.database_url or f"sqlite:///{home.state}/controller.db",
        home.state / "elements.db",
        partial(put_endpoint, config, credentials, endpoint) if endpoint.exists() else None,
    )
    kinds = chosen_kinds(target, [name for name in faults.split(",") if name])
    bounds = math.inf if faults_total else seconds, faults_total or math.inf
    extent = Extent(*bounds, clients, at_once, seed=seed)
    account = cause(target, extent, kinds, say)
    say("all is whole again; what is stored is compared")
    with installation_of(config, credentials, topology.node_names) as installation:
        found = _settled(lambda: audit(installation.look, spec.shared_spectrum), BETWEEN_LOOKS_S)
        broken = compare(account, installation.controller)
        if not keep:
            clear(account, installation.controller)
    document = figures(account, found, broken)
    emit(document, as_json, lambda console: _render(console, document))
    if document["violations"] or document["unanswered"]:
        raise typer.Exit(1)


def failpoints_of(pid: int) -> FailpointFile | None:
    """The file of the failpoints that a process was started with; None where it has none."""
    import psutil

    from controlplane.failpoints import VARIABLE
    from lightloop.disturbance import FailpointFile

    try:
        given = psutil.Process(pid).environ().get(VARIABLE, "")
    except psutil.Error:
        return None
    return FailpointFile(Path(given[1:])) if given.startswith("@") else None


def put_endpoint(config: Config, credentials: Credentials, file: Path) -> None:
    """Put the endpoint that is in service in service once more."""
    import json

    from controlplane.client import PceClient

    with PceClient(config.pce_urls, credentials) as pce:
        pce.put_endpoint(json.loads(file.read_text()))


def _settled(look: Callable[[], list[Violation]], pause_s: float) -> list[Violation]:
    """What is wrong still once processes are up again and elements are repaired.

    Raises:
        ServiceRefused: the controller does not come back.
    """
    from controlplane.client import ServiceRefused

    until_s = time.monotonic() + SETTLED_S
    while True:
        try:
            found = look()
            if not found or time.monotonic() > until_s:
                return found
        except ServiceRefused:
            if time.monotonic() > until_s:
                raise
        time.sleep(pause_s)


def _render(console: Console, document: dict[str, Any]) -> None:
    table = Table("figure", "value")
    for name, value in document.items():
        if name not in ("details", "faults_by_kind"):
            table.add_row(
                name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else f"{value:,}"
            )
    console.print(table)
    kinds = [f"{number} {kind}" for kind, number in sorted(document["faults_by_kind"].items())]
    console.print(f"faults: {', '.join(kinds) or 'none'}")
    for item in document["details"]:
        console.print(f"{item['rule']}: {item['service_uuid'] or item.get('where', '')}: {item['why']}")
